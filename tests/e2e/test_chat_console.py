"""The operator of tcpchat serve: at a pipe, at a terminal, and as the one to whom all is relayed."""
# ctest: asan

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from chat import PlainPeer, StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main, until
from screen import Screen


class ConsoleCase(Case):
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.serve_chat(*self.options, console=True)

    def plain(self, nick=None, **rest):
        peer = PlainPeer.settled(self.server, nick, **rest)
        self.addCleanup(peer.close)
        return peer

    def greet(self, nick=None, room="lobby", **rest):
        peer = StructuredPeer.greeted(self.server, nick, room, **rest)
        self.addCleanup(peer.close)
        return peer

    def shown(self):
        return self.server.output().splitlines()

    def shows(self, *patterns):
        """Waits until lines like these are the newest the operator sees; returns them."""

        def newest():
            lines = self.shown()[-len(patterns):]
            return len(lines) == len(patterns) and all(map(re.fullmatch, patterns, lines)) and lines

        try:
            return until(newest, patience=10)
        except AssertionError:
            raise AssertionError(f"{patterns}, but {self.shown()[-len(patterns):]}") from None

    def answers(self, line, *patterns):
        self.server.type(line)
        return self.shows(*patterns)

    def number(self, peer):
        """By which the operator knows it."""
        self.server.type("/clients")
        lines = until(lambda: [line for line in self.shown() if f"  {peer.peer}  " in line])
        return lines[-1].split()[0]


class Commands(ConsoleCase):
    def test_help_lists_all_commands(self):
        self.server.type("/help")
        lines = until(lambda: len(self.shown()) >= 9 and self.shown())
        for command in "clients", "select", "to", "all", "kick", "ban", "rooms", "stats", "quit":
            self.assertTrue([line for line in lines if line.startswith(f"/{command} ")], command)

    def test_what_is_typed_goes_to_the_lobby(self):
        a, b = self.plain(), self.greet("bob")
        self.server.type("hello all")
        self.assertEqual(a.line(), "[operator] hello all")
        said = b.next_of("message")
        self.assertEqual((said["from"], said["text"], said["id"]), ("operator", "hello all", 1))
        self.server.type("//quit is a command")
        self.assertEqual(a.line(), "[operator] /quit is a command")

    def test_clients_and_rooms(self):
        self.answers("/clients", "nobody is connected")
        self.answers("/rooms", "there are no rooms")
        a, b = self.plain(), self.greet("bob", "tea")
        silent = self.greet(room=None)
        self.answers("/clients", rf"\d+  {re.escape(a.peer)}  -  #lobby  plain  .*",
                     rf"\d+  {re.escape(b.peer)}  bob  #tea  structured  .*",
                     rf"\d+  {re.escape(silent.peer)}  -  -  structured  .*")
        b.send("hello")
        self.answers("/rooms", "#lobby  1 here  0 messages kept, next 1", "#tea  1 here  1 messages kept, next 2")
        self.answers("/stats", r"sessions 3, rooms 2, messages 1, memory of logs and queues .+")

    def test_to_one_by_number_by_nickname_and_by_address(self):
        a, b = self.plain(), self.plain("bob")
        for name in self.number(b), "BOB", b.peer:
            self.server.type(f"/to {name} only you")
            while not (line := b.line()).startswith("["):
                pass
            self.assertEqual(line, "[operator -> you] only you")
        self.answers("/to 999 x", "there is no client '999'")
        self.answers("/to nobody x", "there is no client 'nobody'")
        self.answers("/to", "which client\\?")
        self.answers("/to bob", "what\\?")
        self.assertFalse([line for line in a.settle() if "only you" in line])

    def test_to_all(self):
        a, b = self.plain(), self.greet(room="tea")
        self.server.type("/all we close at ten")
        self.assertEqual(a.line(), "[operator -> you] we close at ten")
        said = b.next_of("direct")
        self.assertEqual((said["from"], said["text"]), ("operator", "we close at ten"))

    def test_select(self):
        a, b = self.plain(), self.plain()
        number = self.number(a)
        self.answers(f"/select {number}", f"what you type goes to {re.escape(a.peer)} alone")
        self.server.type("only you")
        self.assertEqual(a.line(), "[operator -> you] only you")
        self.answers("/select", "what you type goes to the room lobby")
        self.server.type("all")
        self.assertEqual(b.line(), "[operator] all")
        self.answers("/select 999", "there is no client '999'")
        self.answers(f"/select {number}", "what you type .*")
        a.say("/quit\n")
        a.rest()
        until(lambda: "left" in self.server.log())
        self.answers("too late", f"there is no client '{number}'")

    def test_what_is_said_to_the_operator_alone(self):
        a, b = self.plain("ann"), self.greet("bob")
        a.say("/msg operator a question\n")
        self.shows(rf"\[{re.escape(a.peer)} ann -> operator\] a question")
        self.assertEqual(b.send("another", to="Operator")["type"], "ack")
        self.shows(rf"\[{re.escape(b.peer)} bob -> operator\] another")

    def test_kick(self):
        a, b, c = self.plain(), self.greet("bob"), self.greet("cid")
        self.server.type(f"/kick {self.number(a)}")
        self.assertEqual(a.rest().decode(), "* the session ends: the operator ended this session\n")
        self.server.type("/kick bob that was too much")
        self.assertEqual([(one["code"], one["text"]) for one in b.everything() if one["type"] == "bye"],
                         [("kicked", "that was too much")])
        self.answers("/kick nobody", "there is no client 'nobody'")
        self.assertEqual(c.ask("ping")["type"], "pong")
        self.assertEqual(self.greet("bob").welcome["nick"], "bob")

    def test_ban(self):
        a, b = self.plain(source="127.0.0.2"), self.plain(source="127.0.0.3")
        self.answers("/ban 127.0.0.2", "banned 127\\.0\\.0\\.2, 1 sessions ended")
        self.assertEqual(a.rest().decode(), "* the session ends: this address is banned\n")
        with StructuredPeer(self.server, source="127.0.0.2") as again:
            self.assertEqual(again.everything()[-1]["code"], "refused")
        b.say("hello\n")
        self.shows(rf"\[{re.escape(b.peer)}\] hello")
        self.assertEqual(self.greet().joined["next"], 2)
        self.answers("/ban", "which address\\?")

    def test_a_command_that_is_not_known(self):
        self.answers("/exit", "there is no command '/exit'; /help lists them")

    def test_quit(self):
        a = self.plain()
        self.server.type("/quit")
        self.assertEqual(a.rest().decode(), "* the session ends: the server is shutting down\n")
        a.close()
        self.assertEqual(self.server.wait(), 0)

    def test_the_end_of_the_pipe_leaves_the_server_running(self):
        a = self.plain()
        self.server.type("last words")
        self.server.process.stdin.close()
        self.assertEqual(a.line(), "[operator] last words")
        with self.greet("bob") as bob:
            bob.send("still here")
            self.assertEqual(a.texts(1), ["still here"])
        a.close()
        self.assertEqual(self.server.stop(), 0)

    def test_what_the_operator_says_is_made_safe(self):
        a = self.plain()
        self.server.process.stdin.write(b"bell\x07 \xff \xe2\x80\xae end\r\n\n   \nnext\n")
        self.server.process.stdin.flush()
        self.assertEqual(a.lines(2), ["[operator] bell\ufffd \ufffd \ufffd end", "[operator] next"])


class Relay(ConsoleCase):
    options = ("--relay", "operator")

    def test_what_clients_say_is_for_the_operator_alone_who_answers_one(self):
        a, b = self.plain(), self.plain()
        a.say("unframed question")
        self.shows(rf"\[{re.escape(a.peer)}\] unframed question")
        b.say("another\n")
        self.shows(rf"\[{re.escape(b.peer)}\] another")
        self.server.type(f"/select {self.number(a)}")
        self.server.type("the answer")
        self.assertEqual(a.line(), "[operator -> you] the answer")
        self.server.type("/select")
        self.server.type("to all")
        self.assertEqual([a.line(), b.line()], 2 * ["[operator] to all"])

    def test_structured_clients_get_their_acks(self):
        a, b = self.greet("ann"), self.greet("bob", "tea")
        self.assertEqual(a.send("hello")["type"], "ack")
        self.shows(rf"\[{re.escape(a.peer)} ann\] hello")
        self.assertEqual(b.send("psst")["type"], "ack")
        self.shows(rf"\[{re.escape(b.peer)} bob #tea\] psst")
        self.server.type("an announcement")
        self.assertEqual(a.texts(1), ["an announcement"])
        self.assertEqual(b.ask("ping")["type"], "pong")
        self.assertFalse([one for one in b.passed if one["type"] == "message"])

    def test_texts_cannot_disturb_the_operators_terminal(self):
        a = self.plain()
        a.say(b"\x1b[2J\x1b]0;title\x07 \xff\n")
        self.shows(rf"\[{re.escape(a.peer)}\] \ufffd\[2J\ufffd\]0;title\ufffd \ufffd")

    def test_it_needs_an_operator(self):
        done = self.run_tcpchat("serve", "--port", "0", "--relay", "operator")
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)
        self.assertIn("--console", done.stderr)


class Terminal(Case):
    """The server on a pseudo-terminal."""

    def setUp(self):
        super().setUp()
        self.screen = Screen(100, 24)
        self.lock = threading.Lock()
        self.main, end = pty.openpty()
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.mode = termios.tcgetattr(end)
        self.end = end
        port_file = self.dir / "port"
        self.process = subprocess.Popen(
            [TCPCHAT, "serve", "--port", "0", "--port-file", str(port_file)], stdin=end, stdout=end, stderr=end,
            cwd=self.dir, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        reader = threading.Thread(target=self.read, daemon=True)
        reader.start()
        self.addCleanup(os.close, self.main)
        self.addCleanup(reader.join)
        self.addCleanup(os.close, end)  # with the last one of this end, reading ends
        self.addCleanup(self.kill)
        until(lambda: port_file.exists() or self.process.poll() is not None)
        self.port = int(port_file.read_text())
        self.shows("lobby>")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.main, 65536):
                with self.lock:
                    self.screen.write(data)

    def rows(self):
        with self.lock:
            return self.screen.everything()

    def shows(self, *patterns):
        """Waits until rows like these are the last ones."""

        def last():
            rows = self.rows()[-len(patterns):]
            return len(rows) == len(patterns) and all(map(re.fullmatch, patterns, rows))

        try:
            until(last, patience=10)
        except AssertionError:
            raise AssertionError(f"{patterns}, but {self.rows()}") from None

    def type(self, text):
        os.write(self.main, text.encode())

    def connect(self, nick=None):
        peer = PlainPeer.settled(self.port, nick)
        self.addCleanup(peer.close)
        return peer

    def test_lines_are_typed_and_the_log_stands_above_them(self):
        self.type("unfinished")
        self.shows("lobby> unfinished")
        ann = self.connect("ann")
        self.shows(rf".* info connected session=1 peer={ann.peer}", rf".* info named .*nick=ann.*", "lobby> unfinished")
        self.type(" line\r")
        self.assertEqual(ann.texts(1), ["unfinished line"])
        self.shows("lobby> unfinished line", "lobby>")
        ann.say("hello operator\n/msg operator psst\n")
        self.shows(rf"\[{re.escape(ann.peer)} ann\] hello operator", rf"\[{re.escape(ann.peer)} ann -> operator\] psst",
                   "lobby>")

    def test_the_prompt_says_to_whom(self):
        self.connect("ann")
        self.type("/select ann\r")
        self.shows("what you type goes to ann alone", "ann>")
        self.type("/select\r")
        self.shows("what you type goes to the room lobby", "lobby>")

    def test_many_log_lines_do_not_garble_what_is_typed(self):
        self.type("typed while others come and go")
        for _ in range(30):
            self.connect().close()
        until(lambda: len([row for row in self.rows() if " info left " in row]) == 30)
        self.shows("lobby> typed while others come and go")
        rows = self.rows()
        self.assertEqual(len([row for row in rows if " info connected " in row]), 30, rows)
        for row in rows[:-1]:
            self.assertRegex(row, r"^\d{4}-\d\d-\d\dT\S+Z info ")

    def end_with(self, action):
        ann = self.connect("ann")
        action()
        self.assertTrue(ann.rest().endswith(b"* the session ends: the server is shutting down\n"))
        ann.close()
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.assertEqual(termios.tcgetattr(self.end), self.mode)

    def test_quit_ends_the_server(self):
        self.end_with(lambda: self.type("/quit\r"))

    def test_end_of_input_ends_the_server(self):
        self.end_with(lambda: self.type("\x04"))

    def test_interrupt_ends_the_server(self):
        self.end_with(lambda: self.type("\x03"))

    def test_a_signal_ends_the_server(self):
        self.end_with(lambda: os.kill(self.process.pid, signal.SIGTERM))


if __name__ == "__main__":
    main()
