"""tcpchat listen, who and history: what they write, what they run, and how they end."""
# ctest: asan

import json
import re
import signal
import subprocess
import time

from chat import PlainPeer, StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main, until

NOBODY_LISTENS = 1  # a port
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\t([^\t ]+)\t(.*)")


class ListenCase(Case):
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.serve_chat(*self.options)

    def greet(self, nick=None, room="lobby", **rest):
        peer = StructuredPeer.greeted(self.server, nick, room, **rest)
        self.addCleanup(peer.close)
        return peer

    def run_verb(self, verb, *arguments, port=None, **rest):
        return self.run_tcpchat(verb, "--host", "127.0.0.1", "--port", port or self.server.port, *arguments, **rest)

    def listen(self, *arguments, **rest):
        """Runs tcpchat listen to its end."""
        return self.run_verb("listen", *arguments, **rest)

    def start_listening(self, *arguments, **rest):
        """Starts tcpchat listen, and waits until it is in its room."""
        with StructuredPeer.greeted(self.server, room=None) as observer:
            before = observer.gather("who")[1]["count"]
            listening = self.start("listen", "--host", "127.0.0.1", "--port", self.server.port, *arguments,
                                   program=TCPCHAT, **rest)
            until(lambda: observer.gather("who")[1]["count"] > before or listening.poll() is not None)
        return listening

    def assertFails(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertOneLine(done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def texts(self, output):
        """The texts of lines of messages."""
        found = []
        for line in output.splitlines():
            self.assertRegex(line, LINE)
            found.append(LINE.fullmatch(line)[3])
        return found


class Listen(ListenCase):
    def test_messages_are_written_at_once_one_a_line(self):
        ann = self.greet("ann")
        listening = self.start_listening("--count", "3")
        for text in "one", "two\twith a tab", "dré":
            ann.send(text)
            line = listening.stdout.readline().decode()
            said = LINE.fullmatch(line.rstrip("\n"))
            self.assertEqual((said[2], said[3]), ("ann", text))
        done = self.finish(listening)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_only_its_room(self):
        ann = self.greet("ann")
        listening = self.start_listening("--room", "#Tea", "--count", "1")
        ann.send("in the lobby")
        ann.send("in tea", room="tea")
        self.assertEqual(self.texts(self.finish(listening).stdout), ["in tea"])

    def test_a_message_to_it_alone(self):
        ann = self.greet("ann")
        listening = self.start_listening("--nick", "bob", "--count", "1")
        ann.send("psst", to="bob")
        done = self.finish(listening)
        self.assertRegex(done.stdout, r"^\S+\tann->bob\tpsst\n$")

    def test_it_begins_where_it_is_told_to(self):
        ann = self.greet("ann")
        for number in range(1, 6):
            ann.send(f"text {number}")
        epoch = ann.joined["epoch"]
        for since, first in ("all", 1), ("0", 1), ("3", 4), (f"{epoch}:4", 5), ("1h", 1):
            with self.subTest(since=since):
                done = self.listen("--since", since, "--count", 6 - first)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.texts(done.stdout), [f"text {number}" for number in range(first, 6)])
        done = self.listen("--since", "0123456789abcdef:4", "--count", "5")
        self.assertEqual(len(self.texts(done.stdout)), 5)
        self.assertIn("not known", done.stderr)

    def test_what_is_lost_is_told(self):
        self.server = self.serve_chat("--history-messages", "3")
        ann = self.greet("ann")
        for number in range(1, 11):
            ann.send(f"text {number}")
        done = self.listen("--since", "2", "--count", "3")
        self.assertEqual(self.texts(done.stdout), ["text 8", "text 9", "text 10"])
        self.assertIn("5 messages of lobby are lost", done.stderr)

    def test_filters(self):
        ann, bob = self.greet("ann"), self.greet("bob")
        for number in range(1, 5):
            ann.send(f"deploy {number}")
            bob.send(f"deploy {number} of bob")
            ann.send(f"no deploy {number}")
        for arguments, texts in [
            (["--from", "BOB", "--count", "4"], [f"deploy {number} of bob" for number in range(1, 5)]),
            (["--match", "^deploy [2-3]$", "--count", "2"], ["deploy 2", "deploy 3"]),
            (["--match", "^deploy", "--from", "ann", "--count", "4"], [f"deploy {number}" for number in range(1, 5)]),
        ]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.texts(self.listen("--since", "all", *arguments).stdout), texts)

    def test_for_a_time(self):
        ann = self.greet("ann")
        ann.send("one")
        began = time.monotonic()
        done = self.listen("--since", "all", "--for", "400ms")
        self.assertEqual((done.returncode, self.texts(done.stdout), done.stderr), (0, ["one"], ""))
        done = self.listen("--since", "all", "--for", "400ms", "--count", "2")
        self.assertFails(done, 7, "1 of 2")
        self.assertEqual(self.texts(done.stdout), ["one"])
        self.assertGreater(time.monotonic() - began, 0.8)

    def test_json(self):
        ann = self.greet("ann")
        ann.send("öne")
        listening = self.start_listening("--json", "--nick", "bob", "--since", "all", "--count", "3")
        lines = [json.loads(listening.stdout.readline()) for _ in range(2)]
        self.assertEqual(lines[0], {"type": "joined", "room": "lobby", "epoch": ann.joined["epoch"], "next": 2,
                                    "lost": 0, "resumed": True})
        lines[1].pop("time")
        self.assertEqual(lines[1], {"type": "message", "room": "lobby", "epoch": ann.joined["epoch"], "id": 1,
                                    "from": "ann", "text": "öne", "replayed": True})
        ann.send("two")
        ann.send("three", to="bob")
        lines = [json.loads(line) for line in self.finish(listening).stdout.splitlines()]
        lines.sort(key=lambda one: one["type"])
        self.assertEqual([(one["type"], one["text"]) for one in lines], [("direct", "three"), ("message", "two")])
        self.assertFalse(lines[1]["replayed"])

    def test_terminals_are_safe_from_what_is_said(self):
        with PlainPeer.settled(self.server) as plain:
            plain.say(b"\x1b[2J\xff\0\n")
            done = self.listen("--since", "all", "--count", "1")
            self.assertEqual(self.texts(done.stdout), ["\ufffd[2J\ufffd\ufffd"])


class Output(ListenCase):
    options = ("--flood", "off")

    def test_a_reader_that_has_enough_is_no_failure(self):
        ann = self.greet("ann")
        for number in range(2000):
            ann.tell(type="send", text=f"text {number}")
        ann.ask("ping")
        done = subprocess.run(["bash", "-o", "pipefail", "-c", '"$@" | head -1', "bash", TCPCHAT, "listen", "--host",
                               "127.0.0.1", "--port", str(self.server.port), "--since", "all"],
                              capture_output=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertTrue(done.stdout.endswith(b"\ttext 0\n"), done.stdout)

    def test_a_reader_that_leaves_while_nothing_is_said_ends_it(self):
        listening = self.start_listening()
        listening.stdout.close()
        listening.stdout = None
        self.assertEqual(self.finish(listening).returncode, 0)

    def test_standard_output_that_is_full(self):
        self.greet("ann").send("one")
        with open("/dev/full", "wb") as full:
            done = self.listen("--since", "all", "--count", "1", stdout=full)
        self.assertFails(done, 1, "No space left")

    def test_standard_output_that_is_closed_is_not_taken_for_the_connection(self):
        ann = self.greet("ann")
        ann.send("one")
        done = subprocess.run(["bash", "-c", '"$@" <&- >&-', "bash", TCPCHAT, "listen", "--host", "127.0.0.1", "--port",
                               str(self.server.port), "--since", "all", "--count", "1"], capture_output=True,
                              timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(ann.send("two")["id"], 2)

    def test_a_slow_reader_gets_everything(self):
        ann = self.greet("ann")
        text = "x" * 4000
        listening = self.start_listening("--count", "1500")
        for number in range(1500):
            ann.tell(type="send", text=f"{number} {text}")
            if number % 100 == 99:
                ann.ask("ping")
                ann.passed.clear()
        self.assertEqual([int(one.split()[0]) for one in self.texts(self.finish(listening).stdout)], list(range(1500)))


class Exec(ListenCase):
    def script(self, text):
        path = self.write("hook", f"#!/bin/bash\n{text}\n".encode(), mode=0o755)
        return str(path)

    def test_a_program_for_each_message(self):
        ann = self.greet("ann")
        ann.send("old")
        script = self.script('{ printf "%s|" "$TCPCHAT_ROOM" "$TCPCHAT_ID" "$TCPCHAT_FROM" "$TCPCHAT_REPLAYED" '
                             '"$TCPCHAT_EPOCH" "$#"; cat; } >>told')
        listening = self.start_listening("--since", "all", "--count", "3", "--exec", script)
        for text in "$(touch hacked); `id`", "last":
            ann.send(text)
        done = self.finish(listening)
        self.assertEqual(done.returncode, 0, done.stderr)
        epoch = ann.joined["epoch"]
        self.assertEqual((self.dir / "told").read_text(),
                         f"lobby|1|ann|1|{epoch}|0|old\nlobby|2|ann|0|{epoch}|0|$(touch hacked); `id`\n"
                         f"lobby|3|ann|0|{epoch}|0|last\n")
        self.assertFalse((self.dir / "hacked").exists())

    def test_a_program_that_fails_is_told_and_the_others_run(self):
        ann = self.greet("ann")
        for text in "one", "two", "three":
            ann.send(text)
        script = self.script('read -r text; echo "$text" >>told; [ "$text" != two ]')
        done = self.listen("--since", "all", "--count", "3", "--exec", script)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("message 2", done.stderr)
        self.assertEqual((self.dir / "told").read_text(), "one\ntwo\nthree\n")
        self.assertEqual(self.texts(done.stdout), ["one", "two", "three"])

    def test_a_program_that_is_not_there(self):
        self.greet("ann").send("one")
        done = self.listen("--since", "all", "--count", "1", "--exec", "./no-such-program")
        self.assertIn(done.returncode, (1, 2), done.stderr)
        self.assertIn("no-such-program", done.stderr)


class Lost(ListenCase):
    options = ("--history", "chat.db")

    def restart(self, kill=False):
        port = self.server.port
        if kill:
            self.server.kill()
        else:
            self.assertEqual(self.server.stop(), 0)
        self.server = self.serve_chat("--port", str(port), *self.options)

    def test_nothing_is_lost_or_heard_twice_over_restarts(self):
        listening = self.start_listening("--count", "60", "--json")
        for part in range(4):
            with self.greet("ann") as ann:
                for number in range(15):
                    self.assertEqual(ann.send(f"text {15 * part + number}")["type"], "ack")
            if part < 3:
                self.restart(kill=part % 2 == 0)
        done = self.finish(listening)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        messages = [one for one in lines if one["type"] == "message"]
        self.assertEqual([one["text"] for one in messages], [f"text {number}" for number in range(60)])
        self.assertEqual([one["id"] for one in messages], list(range(1, 61)))
        self.assertFalse([one for one in lines if one["type"] == "lost"])

    def test_a_log_that_is_another_one_is_told(self):
        self.server = self.serve_chat()
        port = self.server.port
        listening = self.start_listening("--count", "2", "--json")
        with self.greet("ann") as ann:
            ann.send("before")
        self.assertEqual(json.loads(listening.stdout.readline())["type"], "joined")
        self.assertEqual(json.loads(listening.stdout.readline())["text"], "before")
        self.server.kill()
        self.server = self.serve_chat("--port", str(port))
        with self.greet("ann") as ann:
            ann.send("after")
        done = self.finish(listening)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([one["type"] for one in lines if one["type"] != "joined"], ["lost", "message"])
        self.assertIn("another one", done.stderr)

    def test_it_gives_up_after_a_time(self):
        listening = self.start_listening("--retry-for", "300ms")
        self.server.kill()
        began = time.monotonic()
        self.assertEqual(self.finish(listening).returncode, 3)
        self.assertLess(time.monotonic() - began, 5)

    def test_an_ended_session_that_was_not_to_be(self):
        self.server = self.serve_chat(console=True)
        listening = self.start_listening("--nick", "bob", "--count", "1")
        self.server.type("/kick bob enough")
        self.assertFails(self.finish(listening), 4, "enough")


class Ends(ListenCase):
    def test_signals(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(signal=number):
                ann = self.greet()
                listening = self.start_listening()
                ann.send("one")
                listening.stdout.readline()
                listening.send_signal(number)
                done = self.finish(listening)
                self.assertEqual(done.returncode, 128 + number, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_usage(self):
        for arguments in (["--bogus"], ["--count", "0"], ["--count", "x"], ["--for", "0"], ["--since", "x"],
                          ["--match", "("], ["--room", "a b"], ["--nick", "root"], ["text"]):
            with self.subTest(arguments=arguments):
                done = self.run_tcpchat("listen", *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertOneLine(done.stderr)

    def test_nobody_listens_and_servers_of_something_else(self):
        self.assertFails(self.listen(port=NOBODY_LISTENS), 3)
        self.assertFails(self.listen(port=self.peer(lambda connection: None)), 3)
        silent = self.peer(lambda connection: connection.recv(1 << 16) and time.sleep(PATIENCE))
        self.assertEqual(self.listen("--for", "300ms", port=silent).returncode, 3)

    def test_refusals(self):
        self.greet("ann")
        self.assertFails(self.listen("--nick", "ann"), 4, "in use")


class WhoAndHistory(ListenCase):
    def test_who(self):
        self.greet("ann")
        self.greet("bob", "tea")
        done = self.run_verb("who")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertIn(["ann", "lobby"], [line[:2] for line in lines])
        self.assertIn(["bob", "tea"], [line[:2] for line in lines])
        self.assertTrue(all(line[2].isdigit() for line in lines), lines)
        done = self.run_verb("who", "--room", "tea")
        self.assertRegex(done.stdout, r"^bob\ttea\t\d+\n$")
        lines = [json.loads(line) for line in self.run_verb("who", "--room", "tea", "--json").stdout.splitlines()]
        self.assertEqual([(one["type"], one.get("nick"), one.get("count")) for one in lines],
                         [("member", "bob", None), ("end", None, 1)])

    def test_history(self):
        ann = self.greet("ann")
        for number in range(1, 11):
            ann.send(f"text {number}")
        for arguments, numbers in ([], range(1, 11)), (["--limit", "3"], range(8, 11)), (["--since", "7"], range(8, 11)):
            with self.subTest(arguments=arguments):
                done = self.run_verb("history", *arguments)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(self.texts(done.stdout), [f"text {number}" for number in numbers])
        done = self.run_verb("history", "--room", "empty")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        last = json.loads(self.run_verb("history", "--json").stdout.splitlines()[-1])
        self.assertEqual(last, {"type": "end", "count": 10, "room": "lobby", "epoch": ann.joined["epoch"], "next": 11,
                                "lost": 0})

    def test_failures(self):
        for verb in "who", "history":
            with self.subTest(verb=verb):
                self.assertFails(self.run_verb(verb, port=NOBODY_LISTENS), 3)
                silent = self.peer(lambda connection: connection.recv(1 << 16) and time.sleep(PATIENCE))
                self.assertFails(self.run_verb(verb, "--timeout", "300ms", port=silent), 7)
                self.assertEqual(self.run_verb(verb, "--bogus").returncode, 2)
                with open("/dev/full", "wb") as full:
                    self.greet("ann" + verb).send("x")
                    self.assertEqual(self.run_verb(verb, stdout=full).returncode, 1)


if __name__ == "__main__":
    main()
