"""What the keys of tcpchat serve entitle to, seen from its clients, from programs that know no keys, and from openssl."""
# ctest: asan

import base64
import os
import select
import shutil
import signal
import subprocess
import time
import unittest

from chat import PlainPeer, StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main, until

REFUSED = 4


class OpenSsl:
    """`openssl s_client` with a key: what is typed goes out, what comes is read in lines."""

    def __init__(self, case, server, name, secret):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_3", "-psk_identity", name, "-psk",
             base64.b64decode(secret).hex(), "-quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)  # fmt: skip
        self.unread = b""
        case.addCleanup(self.end)

    def say(self, text):
        self.process.stdin.write(text.encode())

    def line(self):
        """The next line; None at the end, or after a while."""
        until_then = time.monotonic() + PATIENCE
        while b"\n" not in self.unread:
            if not select.select([self.process.stdout], [], [], max(until_then - time.monotonic(), 0))[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.unread += data
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class KeyCase(Case):
    options = ()
    rights = {}  # the keys there are, and what they entitle to

    def setUp(self):
        super().setUp()
        self.secrets = {name: base64.b64encode(os.urandom(32)).decode() for name in self.rights}
        for name, secret in self.secrets.items():
            self.private(f"{name}.key", f"{name}:{secret}\n")
        self.write_keys(self.rights)
        self.server = self.serve_chat("--key", self.dir / "keys", "--log-format", "json", *self.options)

    def private(self, name, text):
        path = self.dir / name
        path.write_text(text)
        path.chmod(0o600)

    def write_keys(self, rights):
        lines = [f"{name}:{self.secrets[name]} {more}".strip() for name, more in rights.items()]
        self.private("keys", "\n".join(lines) + "\n")

    def reload(self, rights):
        self.write_keys(rights)
        self.server.signal(signal.SIGHUP)

    def as_client(self, name, verb, *arguments):
        return [verb, "--port", self.server.port, "--host", "127.0.0.1", "--key", self.dir / f"{name}.key", *arguments]

    def chat(self, name, verb, *arguments, **rest):
        return self.run_tcpchat(*self.as_client(name, verb, *arguments), **rest)

    def start_chat(self, name, verb, *arguments, **rest):
        return self.start(*self.as_client(name, verb, *arguments), program=TCPCHAT, text=True, **rest)

    def start_listening(self, name, *arguments):
        """A listener that is in its room."""
        listener = self.start_chat(name, "listen", "--verbose", *arguments)
        while "listening in" not in (line := listener.stderr.readline()):
            self.assertNotEqual(line, "", "it ended")
        return listener

    def openssl(self, name):
        if not shutil.which("openssl"):
            self.skipTest("there is no openssl")
        return OpenSsl(self, self.server, name, self.secrets[name])

    def assertExit(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


class RightsTest(KeyCase):
    rights = {
        "alice": "nick=alice",
        "bob": "",
        "ops": "rooms=ops,dev",
        "boss": "admin nick=chief,chief2",
    }

    def test_a_nickname_is_its_keys_alone(self):
        self.assertExit(self.chat("alice", "send", "from alice"), 0)
        self.assertExit(self.chat("bob", "send", "--nick", "Alice", "not from alice"), REFUSED, "Alice")
        self.assertExit(self.chat("alice", "send", "--nick", "other", "x"), REFUSED, "may be called alice")
        self.assertExit(self.chat("bob", "send", "--nick", "other", "from other"), 0)
        said = self.chat("bob", "history", "--room", "lobby").stdout
        self.assertEqual([line.split("\t")[1:] for line in said.splitlines()],
                         [["alice", "from alice"], ["other", "from other"]])  # fmt: skip

    def test_rooms_that_are_not_the_keys_are_refused(self):
        self.assertExit(self.chat("bob", "send", "a secret of the lobby"), 0)
        for verb in ("send", "hi"), ("history",), ("listen", "--count", "1"):
            with self.subTest(verb):
                self.assertExit(self.chat("ops", verb[0], "--room", "lobby", *verb[1:]), REFUSED, "may be in ops, dev")
        self.assertExit(self.chat("ops", "send", "--room", "ops", "hi"), 0)
        self.assertIn("hi", self.chat("ops", "history", "--room", "ops").stdout)
        self.start_listening("bob", "--room", "lobby", "--nick", "outside")
        self.start_listening("bob", "--room", "dev", "--nick", "inside")
        shown = self.chat("ops", "who").stdout
        self.assertIn("inside", shown)
        self.assertNotIn("outside", shown)
        self.assertExit(self.chat("ops", "who", "--room", "lobby"), REFUSED)

    def test_an_admin_may_kick_and_ban_and_others_may_not(self):
        bob = self.start_listening("bob", "--nick", "bob")
        self.assertExit(self.chat("alice", "connect", input=b"/kick bob\n"), REFUSED, "admin")
        self.assertExit(self.chat("alice", "connect", input=b"/ban 127.0.0.1\n"), REFUSED, "admin")
        self.assertExit(self.chat("boss", "connect", input=b"/kick BOB too loud\n"), 0)
        _, err = bob.communicate(timeout=PATIENCE)
        self.assertEqual(bob.returncode, REFUSED)
        self.assertIn("too loud", err)
        self.assertExit(self.chat("boss", "connect", input=b"/ban 192.0.2.1\n"), 0)
        self.assertExit(self.chat("boss", "connect", input=b"/ban 127.0.0.1\n"), REFUSED, "banned")
        self.assertExit(self.chat("alice", "send", "hi"), REFUSED, "banned")
        logged = {entry["event"]: entry for entry in self.server.logged()}
        self.assertEqual((logged["kicks"]["key"], logged["kicks"]["whom"]), ("boss", "bob"))
        self.assertEqual((logged["bans"]["key"], logged["bans"]["address"]), ("boss", "127.0.0.1"))

    def test_the_log_names_the_key(self):
        self.assertExit(self.chat("alice", "send", "hi"), 0)
        until(lambda: any(entry["event"] == "left" for entry in self.server.logged()), what="its end")
        for entry in self.server.logged():
            if entry["event"] in ("connected", "named", "left"):
                self.assertEqual(entry["key"], "alice", entry)

    def test_a_key_listens_and_sends_at_a_time_under_its_nickname(self):
        listener = self.start_listening("alice")
        self.assertExit(self.chat("alice", "send", "one"), 0)
        self.assertEqual(listener.stdout.readline().split("\t")[1:], ["alice", "one\n"])

    def test_openssl_speaks_lines(self):
        client = self.openssl("boss")
        client.say("hello from openssl\n/who\n")
        self.assertEqual(client.line(), "* chief (you) in lobby")
        self.assertExit(self.chat("bob", "send", "--nick", "bob", "hi"), 0)
        self.assertEqual(client.line(), "[bob] hi")
        self.assertIn("chief\thello from openssl", self.chat("bob", "history", "--room", "lobby").stdout)
        client.say("/quit\n")
        self.assertIsNone(client.line())

    def test_openssl_in_a_room_of_its_key(self):
        client = self.openssl("ops")
        client.say("/join lobby\n/who\n")
        self.assertEqual(client.line(), "* this key may be in ops, dev")
        self.assertIn(" in ops", client.line())

    def test_programs_that_know_no_keys_are_not_let_in(self):
        for said in b"hello\n", b'{"tcpchat":1,"room":"lobby"}\n', b"":
            with self.subTest(said), PlainPeer(self.server, said) as peer:
                if not said:
                    peer.end()
                self.assertNotIn(b"tcpchat", peer.rest())
        # A client without a key is told why it is of no use, not that there is a chat.
        done = self.run_tcpchat("send", "--host", "127.0.0.1", "--port", self.server.port, "hi")
        self.assertIn(done.returncode, (3, REFUSED))
        self.assertExit(self.chat("bob", "history", "--room", "lobby"), 0)


class ReloadTest(KeyCase):
    rights = {"alice": "nick=alice", "bob": ""}

    def assertHears(self, listener, text):
        line = listener.stdout.readline()
        self.assertEqual(line.rstrip("\n").split("\t")[2:], [text])

    def test_sessions_of_a_removed_key_end_and_others_go_on(self):
        alice, bob = self.start_listening("alice"), self.start_listening("bob", "--retry-for", "60s")
        self.reload({"alice": "nick=alice"})
        began = time.monotonic()
        _, err = bob.communicate(timeout=PATIENCE)
        self.assertEqual(bob.returncode, REFUSED, err)
        self.assertIn("the key is no longer valid", err)
        self.assertLess(time.monotonic() - began, 10)
        self.assertExit(self.chat("bob", "send", "hi"), REFUSED)
        with self.subTest("the other one"):
            self.assertExit(self.chat("alice", "send", "mine"), 0)
            self.assertHears(alice, "mine")
            self.reload({"alice": "nick=alice", "bob": ""})
            until(lambda: self.chat("bob", "send", "hi").returncode == 0, what="the key being there again")
            self.assertHears(alice, "hi")

    def test_whose_rights_have_changed_comes_back_to_them(self):
        bob = self.start_listening("bob", "--since", "all")
        self.assertExit(self.chat("bob", "send", "one"), 0)
        self.assertHears(bob, "one")
        self.reload({"alice": "nick=alice", "bob": "nick=robert,bobby"})
        while "connected to" not in bob.stderr.readline():
            self.assertIsNone(bob.poll())
        self.assertExit(self.chat("bob", "send", "two"), 0)
        self.assertHears(bob, "two")
        self.assertIn("robert", self.chat("alice", "who").stdout)

    def test_rights_that_are_not_known_keep_the_old_ones(self):
        alice = self.start_listening("alice")
        self.reload({"alice": "nick=alice dir=x"})
        until(lambda: "dir" in self.server.log(), what="the complaint")
        self.assertExit(self.chat("bob", "send", "hi"), 0)
        self.assertHears(alice, "hi")


class PlainAllowedTest(KeyCase):
    rights = {"alice": "nick=alice"}
    options = ("--allow-plain", "plain", "--motd", "welcome")

    def test_the_language_that_is_allowed_and_no_other(self):
        with PlainPeer(self.server, "hello\n/nick Alice\n") as plain:
            self.assertEqual(plain.lines(2), ["* welcome", "* the nickname Alice is for those who have its key"])
        with StructuredPeer(self.server) as structured:
            structured.tell(tcpchat=1)
            bye = structured.next()
            self.assertEqual((bye["type"], bye["code"]), ("bye", "refused"))
            self.assertIsNone(structured.next())
        self.assertExit(self.chat("alice", "send", "hi"), 0)


class StructuredAllowedTest(KeyCase):
    rights = {"alice": "nick=alice"}
    options = ("--allow-plain", "structured", "--motd", "welcome")

    def test_the_language_that_is_allowed_and_no_other(self):
        with PlainPeer(self.server, "hello\n") as plain:
            self.assertEqual(plain.line(), "* the session ends: this server speaks this language over TLS only")
            self.assertIsNone(plain.line())
        with StructuredPeer.greeted(self.server) as structured:
            self.assertEqual(structured.ask("ping")["type"], "pong")
        self.assertExit(self.run_tcpchat("send", "--host", "127.0.0.1", "--port", self.server.port, "hi"), 0)


class ConsoleTest(KeyCase):
    rights = {"alice": "nick=alice"}

    def test_the_operator_sees_by_which_key_each_came_in(self):
        server = self.serve_chat("--key", self.dir / "keys", console=True)
        self.server = server
        self.start_listening("alice")
        server.type("/clients")
        until(lambda: "  key alice" in server.output(), what="the list")


if __name__ == "__main__":
    main()
