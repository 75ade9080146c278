"""tcpchat send: what arrives, what is said about it, and how it ends."""
# ctest: asan

import json
import pathlib
import signal
import socket
import subprocess
import time

from chat import PlainPeer, StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main, until

NOBODY_LISTENS = 1  # a port


class SendCase(Case):
    def setUp(self):
        super().setUp()
        self.server = self.serve_chat()

    def observe(self, nick="observer", room="lobby", **rest):
        peer = StructuredPeer.greeted(self.server, nick, room, **rest)
        self.addCleanup(peer.close)
        return peer

    def next_id(self):
        with StructuredPeer.greeted(self.server, room=None) as peer:
            return peer.gather("history", room="lobby")[1]["next"]

    def say(self, *arguments, port=None, **rest):
        """Runs tcpchat send to its end."""
        return self.run_tcpchat("send", "--host", "127.0.0.1", "--port", port or self.server.port, *arguments, **rest)

    def start_saying(self, *arguments, port=None, **rest):
        return self.start("send", "--host", "127.0.0.1", "--port", port or self.server.port, *arguments,
                          program=TCPCHAT, **rest)

    def assertDone(self, done, code=0):
        self.assertEqual(done.returncode, code, done.stderr)

    def assertFails(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertTrue(done.stderr.startswith("tcpchat send: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


class Messages(SendCase):
    def test_words_of_the_command_line_are_a_message(self):
        observer = self.observe()
        done = self.say("hello", "wörld  two", "three")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        said = observer.next_of("message")
        self.assertEqual(said["text"], "hello wörld  two three")
        self.assertRegex(said["from"], r"^127\.0\.0\.1:[0-9]+$")
        self.assertDone(self.say("--nick", "ann", "two\nlines"))
        said = observer.next_of("message")
        self.assertEqual((said["from"], said["text"]), ("ann", "two lines"))
        self.assertDone(self.say("--", "--help", "-x"))
        self.assertEqual(observer.texts(1), ["--help -x"])

    def test_lines_of_standard_input_are_messages(self):
        observer = self.observe()
        done = self.say(input=b"one\r\n\n  \ntwo words\n\tthree\nno end")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(observer.texts(4), ["one", "two words", "\tthree", "no end"])

    def test_input_without_lines_is_success(self):
        for input in b"", b"\n\n", b" \t \n":
            with self.subTest(input=input):
                self.assertDone(self.say(input=input))
        self.assertEqual(self.observe().joined["next"], 1)

    def test_many_lines_stay_in_order(self):
        self.server = self.serve_chat("--flood", "off")
        lines = [f"line {number}" for number in range(3000)]
        self.assertDone(self.say(input="\n".join(lines).encode()))
        messages, _ = self.observe(room=None).gather("history", room="lobby")
        self.assertEqual([one["text"] for one in messages], lines)

    def test_a_line_is_sent_as_soon_as_it_is_there(self):
        observer = self.observe()
        sending = self.start_saying(stdin=subprocess.PIPE)
        for text in "first", "second":
            sending.stdin.write(text.encode() + b"\n")
            sending.stdin.flush()
            self.assertEqual(observer.texts(1), [text])
        self.assertDone(self.finish(sending))

    def test_lines_that_are_too_long_are_named_and_the_others_sent(self):
        observer = self.observe()
        done = self.say(input=b"one\n" + 16385 * b"x" + b"\ntwo\n" + 16384 * b"y" + b"\n" + 1_000_000 * b"z" + b"\nend")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual([line.split(":")[1] for line in done.stderr.splitlines()], [" line 2", " line 5"], done.stderr)
        self.assertEqual(observer.texts(4), ["one", "two", 16384 * "y", "end"])
        self.assertFails(self.say("x" * 16385), 4, "16384")

    def test_what_is_not_text_is_made_safe(self):
        observer = self.observe()
        self.assertDone(self.say(input=b"a\xffb\0c\x1b[31m\n"))
        self.assertEqual(observer.texts(1), ["a\ufffdb\ufffdc\ufffd[31m"])
        self.assertDone(self.say(b"d\xffe".decode(errors="surrogateescape")))
        self.assertEqual(observer.texts(1), ["d\ufffde"])

    def test_to_another_room_and_to_one_alone(self):
        lobby, tea, ann = self.observe(), self.observe("bob", "tea"), self.observe("ann", None)
        self.assertDone(self.say("--room", "#TEA", "for tea"))
        self.assertEqual(tea.texts(1), ["for tea"])
        self.assertDone(self.say("--to", "Ann", "--nick", "cid", "for ann"))
        direct = ann.next_of("direct")
        self.assertEqual((direct["from"], direct["text"]), ("cid", "for ann"))
        with PlainPeer.settled(self.server, "dan") as plain:
            self.assertDone(self.say("--to", "dan", input=b"one\ntwo\n"))
            lines = plain.settle()
            self.assertEqual(["you] one" in line or "you] two" in line for line in lines[-2:]], [True, True], lines)
        self.assertEqual(lobby.ask("ping")["type"], "pong")
        self.assertFalse([one for one in lobby.passed if one["type"] == "message"])

    def test_nobody_hears_that_it_comes_and_goes(self):
        observer = self.observe(greeting={"presence": True})
        self.assertDone(self.say("--nick", "ann", "hello"))
        self.assertEqual(observer.texts(1), ["hello"])
        time.sleep(0.3)
        observer.ask("ping")
        self.assertFalse([one for one in observer.passed if one["type"] == "presence"])

    def test_a_message_with_an_id_is_posted_once(self):
        for _ in range(3):
            self.assertDone(self.say("--id", "backup-1", "backup done"))
        self.assertDone(self.say("--id", "backup-2", "backup done again"))
        for _ in range(2):
            self.assertDone(self.say("--id", "lines", input=b"one\n\ntwo\n"))
        messages, _ = self.observe(room=None).gather("history", room="lobby")
        self.assertEqual([one["text"] for one in messages], ["backup done", "backup done again", "one", "two"])

    def test_json(self):
        done = self.say("--json", "--id", "k", input=b"one\n" + 16385 * b"x" + b"\n\nthree\n")
        self.assertEqual(done.returncode, 4)
        lines = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda one: one["line"])
        epoch = lines[0]["epoch"]
        self.assertEqual(lines[0], {"type": "ack", "line": 1, "room": "lobby", "epoch": epoch, "id": 1, "repeat": False,
                                    "key": "k.1"})
        self.assertEqual((lines[1]["type"], lines[1]["error"]["code"]), ("error", "too_large"))
        self.assertEqual((lines[2]["line"], lines[2]["id"], lines[2]["key"]), (4, 2, "k.3"))
        repeated = json.loads(self.say("--json", "--id", "k.1", "one").stdout)
        self.assertEqual((repeated["id"], repeated["repeat"]), (1, True))
        failed = json.loads(self.say("--json", "x", port=NOBODY_LISTENS).stdout.splitlines()[-1])
        self.assertEqual((failed["type"], failed["error"]["code"]), ("error", "connect_failed"))


class Failures(SendCase):
    def test_usage(self):
        for arguments in (["--bogus"], ["--port", "x", "t"], ["--port", "0", "t"], ["--room", "a b", "t"],
                          ["--nick", "", "t"], ["--nick", "operator", "t"], ["--to", "", "t"], ["--id", "", "t"],
                          ["--id", "k" * 65, "t"], [""],
                          ["--room", "tea", "--to", "ann", "t"], ["--timeout", "x", "t"]):
            with self.subTest(arguments=arguments):
                done = self.run_tcpchat("send", *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertOneLine(done.stderr)

    def test_nobody_listens(self):
        began = time.monotonic()
        self.assertFails(self.say("hello", port=NOBODY_LISTENS), 3, "127.0.0.1")
        self.assertFails(self.run_tcpchat("send", "--host", "no-such-host.invalid", "hello"), 3, "no-such-host.invalid")
        self.assertLess(time.monotonic() - began, 10)

    def test_a_server_that_never_answers(self):
        port = self.peer(lambda connection: connection.recv(1 << 16) and time.sleep(PATIENCE))
        self.assertFails(self.say("--timeout", "500ms", "hello", port=port), 7)

    def test_a_host_that_is_not_there(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(listener.close)
        crowd = []
        for _ in range(8):  # its queue is full: nothing is answered
            crowd.append(socket.socket())
            crowd[-1].setblocking(False)
            crowd[-1].connect_ex(listener.getsockname())
            self.addCleanup(crowd[-1].close)
        began = time.monotonic()
        done = self.say("--connect-timeout", "500ms", "hello", port=listener.getsockname()[1])
        self.assertFails(done, 3)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_server_of_something_else(self):
        def web(connection):
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        self.assertFails(self.say("hello", port=self.peer(web)), 3)
        self.assertFails(self.say("hello", port=self.peer(lambda connection: None)), 3)

    def test_refusals(self):
        self.observe("ann")
        self.assertFails(self.say("--nick", "ANN", "hello"), 4, "in use")
        self.assertFails(self.say("--to", "nobody", "hello"), 4, "nobody")

    def test_a_refusal_is_not_tried_again(self):
        self.observe("ann")
        began = time.monotonic()
        self.assertFails(self.say("--retry-for", "1m", "--nick", "ann", "hello"), 4)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_full_server(self):
        self.server = self.serve_chat("--max-sessions", "1")
        held = self.observe()
        self.assertFails(self.say("--retry-for", "0", "hello"), 4, "too many")
        sending = self.start_saying("--retry-for", "1m", "hello")
        until(lambda: self.server.log().count("turned away") >= 2)
        held.close()
        self.assertDone(self.finish(sending))

    def test_what_failed_for_different_reasons(self):
        done = self.say("--to", "nobody", input=b"one\n" + 16385 * b"x" + b"\n")
        self.assertEqual(done.returncode, 4, done.stderr)  # both are refusals
        self.assertEqual(done.stderr.count("\n"), 2)

    def test_storage_that_is_full(self):
        self.server = self.serve_chat("--history", "chat.db", prefix=["prlimit", f"--fsize={200 << 10}"])
        for _ in range(60):
            done = self.say("x" * 16000)
            if done.returncode != 0:
                break
        self.assertEqual(done.returncode, 6, done.stderr)


class Lost(SendCase):
    def restart(self):
        """The server is killed, and another one has its port."""
        port = self.server.port
        self.server.kill()
        self.server = self.serve_chat("--port", str(port), "--history", "chat.db", "--flood", "off")

    def test_a_server_that_comes_later_is_waited_for(self):
        port = self.server.port
        self.server.kill()
        sending = self.start_saying("--retry-for", "1m", "hello", port=port)
        time.sleep(0.3)
        self.assertIsNone(sending.poll())
        self.server = self.serve_chat("--port", str(port))
        self.assertDone(self.finish(sending))
        self.assertEqual(self.observe(room=None).gather("history", room="lobby")[0][0]["text"], "hello")

    def test_lines_are_there_once_after_the_server_was_killed(self):
        self.restart()
        sending = self.start_saying("--retry-for", "1m", stdin=subprocess.PIPE)
        lines = [f"line {number}" for number in range(4000)]
        for line in lines[:2000]:
            sending.stdin.write(line.encode() + b"\n")
        sending.stdin.flush()
        until(lambda: self.next_id() > 20)
        self.restart()
        for line in lines[2000:]:
            sending.stdin.write(line.encode() + b"\n")
        sending.stdin.close()
        sending.stdin = None
        done = self.finish(sending)
        self.assertDone(done)
        messages, _ = self.observe(room=None).gather("history", room="lobby")
        self.assertEqual([one["text"] for one in messages], lines)

    def test_it_gives_up_after_a_time(self):
        sending = self.start_saying("--retry-for", "500ms", stdin=subprocess.PIPE)
        sending.stdin.write(b"one\n")
        sending.stdin.flush()
        until(lambda: self.next_id() > 1)
        self.server.kill()
        sending.stdin.write(b"two\n")
        began = time.monotonic()
        done = self.finish(sending)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("1 sent", done.stderr)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_server_that_shuts_down_and_comes_back(self):
        sending = self.start_saying(stdin=subprocess.PIPE)
        sending.stdin.write(b"one\n")
        sending.stdin.flush()
        until(lambda: self.next_id() > 1)
        port = self.server.port
        self.assertEqual(self.server.stop(), 0)
        self.server = self.serve_chat("--port", str(port))
        sending.stdin.write(b"two\n")
        self.assertDone(self.finish(sending))
        self.assertEqual(self.observe(room=None).gather("history", room="lobby")[0][0]["text"], "two")


class Signals(SendCase):
    def test_signals_end_it(self):
        observer = self.observe()
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(signal=number):
                sending = self.start_saying(stdin=subprocess.PIPE)
                sending.stdin.write(b"one\n")
                sending.stdin.flush()
                self.assertEqual(observer.texts(1), ["one"])
                sending.send_signal(number)
                done = self.finish(sending)
                self.assertEqual(done.returncode, 128 + number, done.stderr)
                self.assertLessEqual(done.stderr.count("\n"), 1)

    def test_a_signal_while_it_connects(self):
        sending = self.start_saying("--retry-for", "1m", "hello", port=NOBODY_LISTENS)
        until(lambda: catches(sending.pid, signal.SIGTERM))
        sending.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(sending).returncode, 143)


def catches(pid, number):
    """Whether the process handles this signal itself, as it does once it is at work."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1


if __name__ == "__main__":
    main()
