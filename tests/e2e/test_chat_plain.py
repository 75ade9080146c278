"""tcpchat's server as netcat, bash, telnet and programs that know no lines see it."""
# ctest: asan

import contextlib
import re
import shutil
import socket
import subprocess
import time

from chat import HELP, PlainPeer, StructuredPeer
from harness import PATIENCE, Case, main, until

REPLACED = "\ufffd"


class PlainCase(Case):
    def setUp(self):
        super().setUp()
        self.server = self.serve_chat()

    def observe(self, nick="observer"):
        """A peer to which everything in the lobby is told."""
        peer = StructuredPeer.greeted(self.server, nick)
        self.addCleanup(peer.close)
        return peer

    def connect(self, say=b"", **rest):
        peer = PlainPeer(self.server, say, **rest)
        self.addCleanup(peer.close)
        return peer

    def settled(self, nick=None, **rest):
        peer = PlainPeer.settled(self.server, nick, **rest)
        self.addCleanup(peer.close)
        return peer

    def assert_belongs_together(self, *parts):
        """These segments are one text. On a machine that is busy it may take a few attempts to send them in time."""
        observer, client = self.observe(), self.settled()
        whole = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts).decode().strip()
        found = []
        for _ in range(20):
            for part in parts:
                client.say(part)
            found = observer.texts(1)
            while len("".join(found)) < len(whole):
                found += observer.texts(1)
            if found == [whole]:
                return
        self.fail(f"{found} rather than {whole}")

    def run_shell(self, script, input=None):
        return subprocess.run(["bash", "-c", script, "bash", str(self.server.port)], input=input, capture_output=True,
                              timeout=PATIENCE)


class Shell(PlainCase):
    def test_netcats_post_what_they_are_given_and_end(self):
        observer = self.observe()
        began = time.monotonic()
        texts = {r"printf 'hi\n' | nc -N 127.0.0.1 $0": "hi", "printf 'no newline' | nc -N 127.0.0.1 $0": "no newline"}
        if shutil.which("ncat"):
            texts[r"printf 'the other one\n' | ncat 127.0.0.1 $0"] = "the other one"
        shells = [self.start("-c", script, self.server.port, program="bash") for script in texts]
        said = observer.messages(len(texts))
        self.assertEqual({one["text"] for one in said}, set(texts.values()))
        for one in said:
            self.assertEqual(one["room"], "lobby")
            self.assertRegex(one["from"], r"^127\.0\.0\.1:[0-9]+$")
        for shell in shells:
            done = self.finish(shell)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"^(\[127\.0\.0\.1:[0-9]+\] .*\n)*$")  # and nothing of the server's
        self.assertLess(time.monotonic() - began, 10)

    def test_netcat_that_leaves_at_once_has_posted_its_lines(self):
        observer = self.observe()
        self.run_shell(r"printf 'one\ntwo\nthree' | nc -q 0 127.0.0.1 $1")
        self.assertEqual(observer.texts(3), ["one", "two", "three"])

    def test_netcat_that_stays_sees_what_others_say(self):
        observer = self.observe("ann")
        netcat = self.start("127.0.0.1", self.server.port, program="nc", stdin=subprocess.PIPE)
        netcat.stdin.write(b"here\n")
        netcat.stdin.flush()
        self.assertEqual(observer.texts(1), ["here"])
        observer.send("hello netcat")
        self.assertEqual(netcat.stdout.readline(), b"[ann] hello netcat\n")

    def test_bash_alone_talks_both_ways(self):
        observer = self.observe("ann")
        script = 'exec 3<>/dev/tcp/127.0.0.1/$0; echo "from bash" >&3; read -r line <&3; echo "got: $line"'
        bash = self.start("-c", script, self.server.port, program="bash")
        self.assertEqual(observer.texts(1), ["from bash"])
        observer.send("to bash")
        self.assertEqual(self.finish(bash).stdout, "got: [ann] to bash\n")

    def test_a_file_is_piped_in_line_by_line(self):
        observer = self.observe()
        lines = [f"line {number}" for number in range(150)]
        self.run_shell("nc -N 127.0.0.1 $1", "\n".join(lines).encode())
        self.assertEqual(observer.texts(150), lines)


class Unframed(PlainCase):
    """As programs do that write a text and know no lines, such as the client of a toolkit's tutorial."""

    def test_texts_without_newlines_go_both_ways(self):
        a, b = self.settled(), self.settled()
        for text in "hello", "a second one", "wörld", " and a third":
            a.say(text)
            self.assertEqual(b.bytes_until(b"\n"), f"[{a.peer}] {text}\n".encode())
            b.say("re: " + text)
            self.assertEqual(a.bytes_until(b"\n"), f"[{b.peer}] re: {text}\n".encode())

    def test_a_client_that_never_sent_a_newline_gets_whole_lines_of_others(self):
        observer = self.observe("ann")
        client = self.connect("no newline")
        self.assertEqual(observer.texts(1), ["no newline"])
        observer.send("first")
        observer.send("sécond")
        self.assertEqual(client.lines(2), ["[ann] first", "[ann] sécond"])

    def test_what_comes_within_a_tenth_of_a_second_is_one_text(self):
        self.assert_belongs_together("one_", "text_", "in_three")

    def test_what_comes_apart_is_two_texts(self):
        observer = self.observe()
        client = self.settled()
        client.say("one")
        self.assertEqual(observer.texts(1), ["one"])
        client.say("two")
        self.assertEqual(observer.texts(1), ["two"])

    def test_a_line_completed_in_time_is_one_text(self):
        self.assert_belongs_together("begun_", "and_ended\n")

    def test_the_last_text_before_the_end_needs_no_newline(self):
        observer = self.observe()
        with self.connect("the last words"):
            pass
        self.assertEqual(observer.texts(1), ["the last words"])

    def test_a_text_of_16384_bytes_is_one_and_a_longer_one_is_cut(self):
        observer = self.observe()
        client = self.settled()
        whole = "x" * 16384
        client.say(whole + "\n")
        self.assertEqual(observer.texts(1), [whole])
        client.say(whole + "rest\n")
        self.assertEqual(observer.texts(2), [whole, "rest"])
        client.say("é" * 8192 + "é" + "\n")
        self.assertEqual(observer.texts(2), ["é" * 8192, "é"])
        client.say("x" + "é" * 8192 + "\n")
        self.assertEqual(observer.texts(2), ["x" + "é" * 8191, "é"])

    def test_a_pause_within_a_character_does_not_break_it(self):
        observer = self.observe()
        client = self.settled()
        client.say(b"caf\xc3")
        self.assertEqual(observer.texts(1), ["caf"])
        time.sleep(0.25)
        client.say(b"\xa9\n")
        self.assertEqual(observer.texts(1), ["é"])
        client.say(b"\xe2")
        time.sleep(0.25)
        client.say(b"\x82")
        time.sleep(0.25)
        client.say(b"\xac")
        self.assertEqual(observer.texts(1), ["€"])

    def test_half_a_character_before_the_end_is_shown_as_such(self):
        observer = self.observe()
        with self.connect(b"caf\xc3"):
            self.assertEqual(observer.texts(1), ["caf"])
        self.assertEqual(observer.texts(1), [REPLACED])


class Lines(PlainCase):
    def test_line_ends_of_other_systems(self):
        observer = self.observe()
        self.connect("one\r\ntwo\r\n\r\nthree\n")
        self.assertEqual(observer.texts(3), ["one", "two", "three"])

    def test_a_carriage_return_that_comes_before_its_newline_is_part_of_the_line_end(self):
        observer = self.observe()
        client = self.settled()
        client.say("one\r")
        self.assertEqual(observer.texts(1), ["one"])
        client.say("\ntwo\r\n")
        self.assertEqual(observer.texts(1), ["two"])

    def test_telnet_negotiation_is_taken_out(self):
        observer = self.observe()
        will_echo, do_suppress, no_operation = b"\xff\xfb\x01", b"\xff\xfd\x03", b"\xff\xf1"
        terminal_type = b"\xff\xfa\x18\x00xterm\n256\xff\xf0"
        client = self.connect(will_echo + do_suppress + b"hel" + no_operation + b"lo\r\n")
        self.assertEqual(observer.texts(1), ["hello"])
        client.say(b"a" + terminal_type + b"b\r\n")
        self.assertEqual(observer.texts(1), ["ab"])
        client.say(b"c\xff")
        client.say(b"\xfd\x01d\r\n")
        self.assertEqual("".join(observer.texts(1)), "cd")

    def test_a_byte_of_255_that_is_no_command_is_shown(self):
        observer = self.observe()
        self.connect(b"a\xff\xffb\n")
        self.assertEqual(observer.texts(1), [f"a{REPLACED}b"])

    def test_spaces_within_and_before_a_text_stay_and_those_after_it_go(self):
        observer = self.observe()
        self.connect("  two  words \t \n   \n\ttab\n")
        self.assertEqual(observer.texts(2), ["  two  words", "\ttab"])

    def test_many_lines_at_once_stay_in_order(self):
        observer, reader = self.observe(), self.settled()
        lines = [f"{number}" + "x" * (number % 50) for number in range(180)]
        self.connect("".join(line + "\n" for line in lines))
        self.assertEqual(observer.texts(180), lines)
        self.assertEqual(reader.texts(180), lines)

    def test_a_line_in_many_segments_is_one(self):
        self.assert_belongs_together(*(bytes([octet]) for octet in "abcdefghij_é_漢_🙂\n".encode()))

    def test_what_one_says_itself_does_not_come_back(self):
        a, b = self.settled("ann"), self.settled("bob")
        a.say("one\ntwo\n")
        self.assertEqual(b.texts(2), ["one", "two"])
        b.say("three\n")
        self.assertEqual(a.line(), "[bob] three")


class Commands(PlainCase):
    def test_help(self):
        client = self.connect("/help\n")
        self.assertEqual(client.lines(len(HELP)), HELP)

    def test_nick(self):
        a, b = self.settled(), self.settled()
        a.say("/nick ann\nhello\n")
        self.assertEqual(a.line(), "* you are called ann")
        self.assertEqual([b.line(), b.line()].count("[ann] hello"), 1)
        for name in "Ann", "ANN", "", "1st", "operator", "guest7", "a b", "x" * 33:
            b.say(f"/nick {name}\n")
        answers = [line for line in b.settle() if " joined" not in line]
        self.assertEqual(len(answers), 8, answers)
        self.assertRegex(answers[0], r"^\* .*Ann.* in use")
        self.assertEqual(answers[2], "* usage: /nick NAME")
        for answer in answers:
            self.assertNotRegex(answer, "you are called")
        b.call("bob")

    def test_a_nickname_is_free_again_when_its_owner_has_gone(self):
        a, b = self.settled("ann"), self.settled("bob")
        a.close()

        def is_free():
            b.say("/nick ann\n")
            return b.settle()[-1] == "* you are called ann"

        until(is_free)

    def test_join_another_room(self):
        a, b, c = self.settled("ann"), self.settled("bob"), self.settled("cid")
        for peer, room in (a, "#Tea"), (b, "tea"):
            peer.say(f"/join {room}\n")
            while not (line := peer.line()).startswith("* you are in tea ("):
                self.assertTrue(line.startswith("* "))
        a.say("only in tea\n")
        self.assertEqual(b.texts(1), ["only in tea"])
        c.say("only in the lobby\n")
        self.assertFalse([line for line in c.settle() if "only in tea" in line])
        self.assertFalse([line for line in a.settle() if "lobby" in line])
        a.say("/join a/b\n/join\n/join " + "x" * 33 + "\n")
        answers = [line for line in a.settle() if "joined" not in line]
        self.assertEqual(len(answers), 3, answers)
        self.assertTrue(all(answer.startswith("* ") for answer in answers))

    def test_a_message_to_one_alone(self):
        a, b, c = self.settled("ann"), self.settled("bob"), self.settled("cid")
        a.say("/msg BOB a secret\n")
        while not (line := b.line()).startswith("["):
            self.assertTrue(line.startswith("* "))
        self.assertEqual(line, "[ann -> you] a secret")
        self.assertFalse([line for line in c.settle() + a.settle() if "secret" in line])
        a.say(f"/msg {c.peer} by address\n")
        while not (line := c.line()).startswith("["):
            self.assertTrue(line.startswith("* "))
        self.assertEqual(line, "[ann -> you] by address")
        a.say("/msg nobody hello\n/msg bob\n/msg\n")
        answers = [line for line in a.settle() if "joined" not in line]
        self.assertEqual(len(answers), 3, answers)
        self.assertIn("nobody", answers[0])
        self.assertEqual(answers[1:], 2 * ["* usage: /msg NAME TEXT"])

    def test_who(self):
        a, b = self.settled("ann"), self.settled()
        a.say("/who\n")
        lines = [line for line in a.settle() if "joined" not in line]
        self.assertEqual(len(lines), 2, lines)
        self.assertEqual(lines[0], "* ann (you) in lobby")
        self.assertEqual(lines[1], f"* {b.peer} in lobby")

    def test_quit(self):
        client = self.connect("/quit\nnot said\n")
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.observe().joined["next"], 1)

    def test_text_that_begins_with_a_slash(self):
        observer = self.observe()
        client = self.settled()
        client.say("//usr/bin\n/usr/bin\n /help\n")
        self.assertEqual(observer.texts(2), ["/usr/bin", " /help"])
        self.assertEqual(client.settle(), ["* there is no command '/usr/bin', /help lists those there are"])

    def test_a_command_needs_no_newline_and_no_small_letters(self):
        client = self.settled()
        client.say("/NICK Ann")
        self.assertEqual(client.line(), "* you are called Ann")

    def test_comings_and_goings_are_told(self):
        a = self.settled("ann")
        b = self.settled("bob")
        self.assertRegex(a.line(), r"^\* (ann, )?bob joined \(2 here\)$")
        b.close()
        self.assertEqual(a.line(), "* bob left (1 here)")


class Beginnings(PlainCase):
    def listed(self, observer, peer):
        return peer.peer in [one["nick"] for one in observer.gather("who")[0]]

    def test_who_says_nothing_is_plain_after_a_second(self):
        observer = self.observe("ann")
        began = time.monotonic()
        client = self.connect()
        until(lambda: self.listed(observer, client))
        self.assertGreater(time.monotonic() - began, 0.9)
        observer.send("hello")
        self.assertEqual(client.line(), "[ann] hello")

    def test_a_greeting_that_comes_late_is_still_one(self):
        observer = self.observe("ann")
        late = StructuredPeer(self.server)
        self.addCleanup(late.close)
        until(lambda: self.listed(observer, late))
        late.tell(tcpchat=1, room="lobby")
        self.assertEqual([late.next()["type"], late.next()["type"]], ["welcome", "joined"])
        observer.send("hello")
        self.assertEqual(late.next_of("message")["text"], "hello")

    def test_an_object_that_is_no_greeting_is_text(self):
        observer = self.observe()
        client = self.connect('{"hello":1}\n{"tcpchat":1}\n')
        self.assertEqual(observer.texts(2), ['{"hello":1}', '{"tcpchat":1}'])
        client.say("{\n")
        self.assertEqual(observer.texts(1), ["{"])

    def test_the_greeting_text_of_the_server(self):
        server = self.serve_chat("--motd", "Welcome, \u202eall\x1b[31m")
        with PlainPeer(server, "hello\n") as client:
            self.assertEqual(client.line(), f"* Welcome, {REPLACED}all{REPLACED}[31m")


class Ends(PlainCase):
    def test_who_half_closes_gets_what_is_said_for_a_second(self):
        observer = self.observe("ann")
        client = self.connect("question\n")
        client.end()
        began = time.monotonic()
        self.assertEqual(observer.texts(1), ["question"])
        observer.send("answer")
        self.assertEqual(client.line(), "[ann] answer")
        last = client.rest().decode()
        self.assertGreater(time.monotonic() - began, 0.8)
        self.assertLess(time.monotonic() - began, 5)
        self.assertRegex(last, r"^(\* .*\n)*$")

    def test_who_half_closes_gets_the_answers_to_what_it_asked(self):
        client = self.connect("/nick ann\n/who\n/msg nobody hi")
        client.end()
        lines = client.rest().decode().splitlines()
        self.assertEqual(lines[0], "* you are called ann")
        self.assertTrue([line for line in lines if line.startswith("* ann (you) in lobby")], lines)
        self.assertTrue([line for line in lines if "nobody" in line], lines)

    def test_who_says_nothing_and_half_closes_is_let_go(self):
        client = self.connect()
        client.end()
        began = time.monotonic()
        self.assertEqual(client.rest(), b"")
        self.assertLess(time.monotonic() - began, 5)

    def test_the_end_of_the_server_is_told(self):
        with self.settled("ann") as client:
            self.server.process.terminate()
            self.assertEqual(client.rest().decode().splitlines()[-1], "* the session ends: the server is shutting down")
        self.assertEqual(self.server.wait(), 0)


class Connect(Case):
    def test_what_a_server_without_protocol_cannot_do_is_a_usage_error(self):
        for option in ("--nick", "ann"), ("--room", "tea"), ("--since", "all"), ("--retry-for", "1s"), ("--json",):
            with self.subTest(option=option):
                done = self.run_tcpchat("connect", "--plain", *option)
                self.assertEqual(done.returncode, 2)
                self.assertOneLine(done.stderr)
                self.assertIn(option[0], done.stderr)


class Addresses(PlainCase):
    def setUp(self):
        super().setUp()
        with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("there is no IPv6")

    def test_both_families_meet(self):
        four, six = self.settled(), self.settled(address="::1")
        self.assertRegex(six.peer, r"^\[::1\]:[0-9]+$")
        six.say("from six\n")
        self.assertEqual(four.line(), f"[{six.peer}] from six")
        four.say("from four\n")
        self.assertEqual(six.line(), f"[{four.peer}] from four")

    def test_all_addresses_on_one_port(self):
        server = self.serve_chat("--bind", "*", "--insecure")
        with PlainPeer.settled(server, address="::1") as six, PlainPeer.settled(server) as four:
            four.say("hello\n")
            self.assertRegex(six.line(), re.escape(f"[{four.peer}] hello"))


if __name__ == "__main__":
    main()
