#!/usr/bin/env python3
"""Both programs with keys, certificates and addresses: who is let in, and what everybody else is told.

# ctest: asan
"""

import calendar
import re
import signal
import socket
import subprocess
import threading
import time

from chat import Peer, PlainPeer
from harness import PATIENCE, TCPCHAT, TCPSEND, main, until
from security import Certificates, SecurityCase, alert, failregex, key_line


class Keys(SecurityCase):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("key")
        self.wrong = self.key_file("wrong", key_line("key"))
        self.file = self.write("file", b"content")

    def test_a_file_is_delivered_with_a_key(self):
        server = self.serve("--key", self.key)
        done = self.send(server, "--key", self.key, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"file": b"content"})
        until(lambda: "keys read keys=1" in server.log(), what="a line about keys")

    def test_the_environment_names_the_file_where_no_option_does(self):
        server = self.serve(environment={"TCPTOOLS_KEY_FILE": str(self.key)})
        done = self.send(server, self.file, env={"TCPTOOLS_KEY_FILE": str(self.key)})
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.send(server, "--key", self.key, self.file, env={"TCPTOOLS_KEY_FILE": str(self.wrong)})
        self.assertEqual(done.returncode, 0, done.stderr)
        open_server = self.serve("--insecure", environment={"TCPTOOLS_KEY_FILE": str(self.key)})
        done = self.send(open_server, self.file, env={"TCPTOOLS_KEY_FILE": ""})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_messages_are_carried_with_a_key(self):
        server = self.serve_chat("--key", self.key)
        to = ["--host", "127.0.0.1", "--port", server.port, "--key", self.key]
        listening = self.start("listen", *to, "--count", "1", program=TCPCHAT)
        until(lambda: "structured" in server.log() or "connected" in server.log())
        said = self.run_tcpchat("send", *to, "hello")
        self.assertEqual(said.returncode, 0, said.stderr)
        history = self.run_tcpchat("history", *to)
        self.assertIn("hello", history.stdout)
        self.run_tcpchat("send", *to, "again")  # whoever listens may have come after the first
        self.assertIn(b"\t", listening.communicate(timeout=PATIENCE)[0])
        self.assertEqual(self.run_tcpchat("who", *to).returncode, 0)
        talk = self.run_tcpchat("connect", *to, input=b"typed\n")
        self.assertEqual(talk.returncode, 0, talk.stderr)
        talk = self.run_tcpchat("connect", "--plain", *to, input=b"typed, too\n")
        self.assertEqual(talk.returncode, 0, talk.stderr)
        self.assertEqual(self.refusals(server), [])

    def test_a_wrong_key_is_refused_for_good(self):
        start = time.monotonic()
        server = self.serve("--key", self.key)
        done = self.send(server, "--key", self.wrong, "--retry-for", "1h", self.file)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})
        self.assertRegex(self.refusal(server), r"^peer=127\.0\.0\.1:\d+ why=.*key")
        chat = self.serve_chat("--key", self.key)
        for verb in ["send", "x"], ["who"], ["listen", "--retry-for", "1h"], ["connect", "--plain"]:
            done = self.run_tcpchat(*verb, "--host", "127.0.0.1", "--port", chat.port, "--key", self.wrong)
            self.assertEqual(done.returncode, 4, done.stderr)
        self.assertLess(time.monotonic() - start, 30)

    def test_unknown_and_wrong_keys_look_the_same(self):
        server = self.serve("--key", self.key)
        told = set()
        for name in "key", "key2":
            key = self.key_file("other", key_line("key")) if name == "key" else self.key_file("other", key_line("kex"))
            done = self.send(server, "--key", key, self.file)
            self.assertEqual(done.returncode, 4)
            told.add(re.sub(r"'ke.'|\d+", "", done.stderr))
        self.assertEqual(len(told), 1, told)

    def test_without_a_key_one_is_told_what_is_missing(self):
        server = self.serve("--key", self.key)
        for protocol in "native", "compat":
            done = self.send(server, "--protocol", protocol, "--retry-for", "1h", self.file)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("--key", done.stderr)
        chat = self.serve_chat("--key", self.key)
        for verb in ["send", "x"], ["who"], ["connect"], ["connect", "--plain"]:
            done = self.run_tcpchat(*verb, "--host", "127.0.0.1", "--port", chat.port)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("--key", done.stderr)
        self.assertEqual(self.delivered(), {})

    def test_a_server_without_keys_is_told_from_one_that_refuses(self):
        done = self.send(self.serve(), "--key", self.key, self.file)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("does not speak TLS", done.stderr)
        chat = self.serve_chat()
        done = self.run_tcpchat("send", "--host", "127.0.0.1", "--port", chat.port, "--key", self.key, "x")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("does not speak TLS", done.stderr)

    def test_the_compatibility_protocol_inside_of_tls(self):
        server = self.serve("--key", self.key)
        done = self.send(server, "--protocol", "compat", "--key", self.key, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        until(lambda: self.delivered() == {"file": b"content"})

    def test_what_is_not_tls_gets_an_alert(self):
        for server in self.serve("--key", self.key), self.serve_chat("--key", self.key):
            for said in b"hello\n", b'{"tcpchat":1}\n', b"file&7", b"\x89TSND\r\n\x1a", b"GET / HTTP/1.1\r\n\r\n":
                with Peer(server, said) as peer:
                    self.assertEqual(peer.rest(), alert())
            self.assertRegex(self.refusal(server, 5), "does not speak TLS")

    def test_files_that_others_can_read_are_refused(self):
        for mode in 0o644, 0o640, 0o606:
            shown = self.key_file("shown", key_line("a"), mode=mode)
            for command in (["serve", "--dir", self.into, "--key", shown],
                            ["--host", "127.0.0.1", "--port", "1", "--key", shown, self.file]):
                done = self.run_tcpsend(*command)
                self.assertEqual(done.returncode, 2)
                self.assertOneLine(done.stderr)
                self.assertIn("shown", done.stderr)

    def test_no_secret_is_ever_shown(self):
        line = key_line("name")
        bad = self.key_file("bad", line + " no-such-right")
        for program, rest in (TCPSEND, ["--dir", self.into]), (TCPCHAT, []):
            done = self.run_tcpsend("serve", "--key", bad, *rest, program=program)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertOneLine(done.stderr)
            self.assertNotIn(line.split(":")[1][:8], done.stderr)

    def test_from_where_a_key_counts(self):
        here, elsewhere = key_line("here", "from=127.0.0.1"), key_line("elsewhere", "from=192.0.2.0/24,127.0.0.9")
        server = self.serve("--key", self.key_file("keys", here, elsewhere))
        done = self.send(server, "--key", self.key_file("here", here), self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.send(server, "--key", self.key_file("elsewhere", elsewhere), self.file)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("elsewhere", self.refusal(server))

    def test_an_expired_key_is_refused(self):
        over, not_yet = key_line("over", "expires=2020-01-01"), key_line("later", "expires=2999-01-01")
        server = self.serve("--key", self.key_file("keys", over, not_yet))
        self.assertEqual(self.send(server, "--key", self.key_file("one", over), self.file).returncode, 4)
        self.assertEqual(self.send(server, "--key", self.key_file("two", not_yet), self.file).returncode, 0)


class Plain(SecurityCase):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("key")
        self.file = self.write("file", b"content")

    def test_one_language_of_files(self):
        for allowed, other in ("native", "compat"), ("compat", "native"):
            server = self.serve("--key", self.key, "--allow-plain", allowed)
            done = self.send(server, "--protocol", allowed, self.file)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = self.send(server, "--protocol", other, self.file)
            self.assertNotEqual(done.returncode, 0, done.stderr)
            done = self.send(server, "--protocol", other, "--key", self.key, self.file)
            self.assertEqual(done.returncode, 0, done.stderr)

    def say(self, server, text, *options):
        return self.run_tcpchat("send", "--host", "127.0.0.1", "--port", server.port, *options, text)

    def test_one_language_of_chat(self):
        server = self.serve_chat("--key", self.key, "--allow-plain", "plain")
        with PlainPeer.settled(server) as peer:
            done = self.say(server, "from inside", "--key", self.key)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("from inside", peer.line())
        self.assertNotEqual(self.say(server, "in the clear").returncode, 0)
        server = self.serve_chat("--key", self.key, "--allow-plain", "structured")
        done = self.say(server, "in the clear")
        self.assertEqual(done.returncode, 0, done.stderr)
        with Peer(server, b"hello\n") as peer:
            self.assertNotIn(b"/help", peer.rest())


class CertificateTests(SecurityCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.server = cls.made.sign("server", "/CN=tests", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        cls.client = cls.made.sign("client", "/CN=a client")
        cls.stranger = cls.made.make("stranger", "/CN=stranger")

    def setUp(self):
        super().setUp()
        self.file = self.write("file", b"content")
        self.shows = ["--tls-cert", self.server[0], "--tls-key", self.server[1]]
        self.ca = self.made.ca[0]

    def test_a_certificate_is_verified(self):
        server = self.serve(*self.shows)
        done = self.send(server, "--tls", "--ca", self.ca, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"file": b"content"})
        done = self.send(server, "--tls", "--retry-for", "1h", self.file)  # whom the system trusts is somebody else
        self.assertEqual(done.returncode, 4, done.stderr)
        done = self.run_tcpsend("--host", "127.0.0.2", "--port", server.port, "--tls", "--ca", self.ca, self.file)
        self.assertNotEqual(done.returncode, 0)
        server = self.serve("--bind", "127.0.0.2", *self.shows)
        done = self.run_tcpsend("--host", "127.0.0.2", "--port", server.port, "--tls", "--ca", self.ca, self.file)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("is not for", done.stderr)

    def test_chat_with_certificates_on_both_sides(self):
        server = self.serve_chat(*self.shows, "--client-ca", self.ca)
        to = ["--host", "localhost", "--port", server.port, "--tls", "--ca", self.ca]
        shown = ["--tls-cert", self.client[0], "--tls-key", self.client[1]]
        done = self.run_tcpchat("send", *to, *shown, "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        for wrong in [], ["--tls-cert", self.stranger[0], "--tls-key", self.stranger[1]]:
            done = self.run_tcpchat("send", *to, *wrong, "hello")
            self.assertEqual(done.returncode, 4, done.stderr)
        self.refusal(server, 2)

    def test_a_key_or_a_certificate(self):
        key = self.key_file("key")
        server = self.serve(*self.shows, "--client-ca", self.ca, "--key", key, "--json")
        shown = ["--tls", "--ca", self.ca, "--tls-cert", self.client[0], "--tls-key", self.client[1]]
        for proof in ["--key", key], shown:
            done = self.send(server, *proof, self.file)
            self.assertEqual(done.returncode, 0, done.stderr)
        # A certificate's name is not taken for a key's.
        files = until(lambda: len(found := [one for one in server.events() if one["type"] == "file"]) == 2 and found)
        self.assertEqual([(one.get("key"), one.get("certificate")) for one in files],
                         [("key", None), (None, "a client")])  # fmt: skip
        self.assertEqual(self.send(server, "--tls", "--ca", self.ca, self.file).returncode, 4)

    def test_a_private_key_that_others_can_read_is_refused(self):
        shown = self.write("shown", self.server[1].read_bytes(), mode=0o644)
        done = self.run_tcpsend("serve", "--dir", self.into, "--tls-cert", self.server[0], "--tls-key", shown)
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)

    def test_a_certificate_is_read_again(self):
        chain = self.write("chain", self.stranger[0].read_bytes())
        key = self.write("key", self.stranger[1].read_bytes(), mode=0o600)
        server = self.serve("--tls-cert", chain, "--tls-key", key)
        self.assertEqual(self.send(server, "--tls", "--ca", self.ca, self.file).returncode, 4)
        chain.write_bytes(self.server[0].read_bytes())
        self.assertIn("not read", self.reload(server))  # the key is another's
        key.write_bytes(self.server[1].read_bytes())
        self.assertIn("certificate read", self.reload(server))
        done = self.send(server, "--tls", "--ca", self.ca, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)


class ByDefault(SecurityCase):
    def test_a_server_without_keys_is_for_this_machine(self):
        for program, rest in (TCPSEND, ["--dir", self.into]), (TCPCHAT, []):
            for address in "*", "0.0.0.0", "192.0.2.1", "::":
                done = self.run_tcpsend("serve", *rest, "--bind", address, "--port", "0", program=program)
                self.assertEqual(done.returncode, 2)
                self.assertOneLine(done.stderr)
                self.assertIn("keygen", done.stderr)
                self.assertIn("--insecure", done.stderr)

    def test_with_a_key_it_is_for_others_too(self):
        key = self.key_file("key")
        server = self.serve("--bind", "*", "--key", key)
        done = self.run_tcpsend("--host", "127.0.0.5", "--port", server.port, "--key", key, self.write("file"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_who_wants_it_insecure_is_warned(self):
        for server in self.serve("--bind", "*", "--insecure"), self.serve_chat("--bind", "*", "--insecure"):
            until(lambda: "warning insecure" in server.log(), what="the warning")

    def test_options_that_do_not_go_together(self):
        key = self.key_file("key")
        serving = ["serve", "--dir", self.into, "--port", "0"]
        sending = ["--host", "127.0.0.1", "--port", "1", self.write("file")]
        for wrong in ([*serving, "--insecure", "--key", key], [*serving, "--tls-cert", "x"], [*serving, "--tls-key", "x"],
                      [*serving, "--client-ca", "x"], [*serving, "--tls-1.2"], [*serving, "--allow-plain", "native"],
                      [*serving, "--key", key, "--allow-plain", "plain"], [*serving, "--allow", "10.0.0.1/8"],
                      [*serving, "--deny", "here"], [*serving, "--proxy-from", ""],
                      [*serving, "--key", key, "--tls-cert", "x", "--tls-key", "y"], [*serving, "--key", "no-such-file"],
                      [*sending, "--key", key, "--tls"], [*sending, "--ca", "x"], [*sending, "--tls-1.2"],
                      [*sending, "--tls", "--tls-cert", "x"], [*sending, "--tls", "--ca", "no-such-file"],
                      [*sending, "--key", "no-such-file"]):
            with self.subTest(wrong=wrong):
                done = self.run_tcpsend(*wrong)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertOneLine(done.stderr)

    def test_keys_of_the_environment_are_not_forgotten_over_a_certificate(self):
        done = self.run_tcpsend("serve", "--dir", self.into, "--port", "0", "--tls-cert", "x", "--tls-key", "y",
                                env={"TCPTOOLS_KEY_FILE": str(self.key_file("key"))})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--client-ca", done.stderr)

    def test_keys_are_not_where_they_could_be_replaced(self):
        (self.into / "below").mkdir()
        line = key_line("key")
        inside, below = self.key_file("into/key", line), self.key_file("into/below/key", line)
        outside = self.key_file("outside", line)
        (self.into / "to-outside").symlink_to(outside)
        (self.dir / "to-inside").symlink_to(inside)
        for key in inside, below, self.into / "to-outside", self.dir / "to-inside":
            with self.subTest(key=key):
                done = self.run_tcpsend("serve", "--dir", self.into, "--port", "0", "--key", key)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertOneLine(done.stderr)
                self.assertIn("--dir", done.stderr)
        (self.dir / "into2").mkdir()
        self.serve("--key", self.key_file("into2/key", line))

    def test_a_variable_that_is_not_set_opens_nothing(self):
        chat = ["--port", "1"]
        for program, rest in ((TCPSEND, ["serve", "--dir", self.into, "--port", "0"]), (TCPCHAT, ["serve", "--port", "0"]),
                              (TCPSEND, ["--host", "127.0.0.1", "--port", "1", self.write("file")]),
                              (TCPCHAT, ["who", *chat]), (TCPCHAT, ["connect", "--plain", *chat])):
            is_server = "serve" in rest
            names = ["--key", "--tls-cert", "--tls-key", "--client-ca" if is_server else "--ca"]
            for name in names:
                with self.subTest(command=rest, option=name):
                    done = self.run_tcpsend(*rest, name, "", *([] if is_server or name == "--key" else ["--tls"]),
                                            program=program)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertOneLine(done.stderr)
                    self.assertIn(name, done.stderr)


class Reload(SecurityCase):
    def setUp(self):
        super().setUp()
        self.lines = {name: key_line(name) for name in ("first", "second", "third")}
        self.own = {name: self.key_file(name, line) for name, line in self.lines.items()}

    def keys(self, *names):
        return self.key_file("keys", *(self.lines[name] for name in names))

    def code(self, server, name):
        return self.send(server, "--key", self.own[name], self.write("file")).returncode

    def test_keys_come_and_go(self):
        server = self.serve("--key", self.keys("first", "second"))
        self.assertEqual([self.code(server, name) for name in self.own], [0, 0, 4])
        self.keys("second", "third")
        self.assertIn("keys read keys=2", self.reload(server))
        self.assertEqual([self.code(server, name) for name in self.own], [4, 0, 0])

    def test_a_bad_file_changes_nothing(self):
        server = self.serve("--key", self.keys("first"))
        first, second = self.lines["first"], self.lines["second"]
        for bad in "", "nonsense", second + " no-such-right", first + "\n" + first:
            self.key_file("keys", bad)
            log = self.reload(server)
            self.assertIn("error keys not read", log)
            self.assertNotIn(self.lines["second"].split(":")[1][:8], log)
        self.key_file("keys", self.lines["second"], mode=0o644)
        self.assertIn("error keys not read", self.reload(server))
        (self.dir / "keys").unlink()
        self.assertIn("error keys not read", self.reload(server))
        self.assertEqual([self.code(server, name) for name in ("first", "second")], [0, 4])

    def test_a_transfer_ends_with_its_key(self):
        server = self.serve("--key", self.keys("first", "second"))
        sending = {name: self.start_sending(server, "--key", self.own[name], "--name", name, "--retry-for", "1h", "-",
                                            stdin=subprocess.PIPE) for name in ("first", "second")}
        for one in sending.values():
            one.stdin.write(b"x" * 3_000_000)
            one.stdin.flush()
        until(lambda: len(self.leftovers()) >= 2)
        self.keys("second")
        self.reload(server)
        self.assertEqual(sending["first"].wait(PATIENCE), 4)
        done = self.finish(sending["second"], b"")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.delivered()), ["second"])

    def test_a_conversation_ends_with_its_key(self):
        server = self.serve_chat("--key", self.keys("first", "second"))
        to = ["--host", "127.0.0.1", "--port", server.port]
        listening = {name: self.start("listen", *to, "--key", self.own[name], "--retry-for", "1h", program=TCPCHAT)
                     for name in ("first", "second")}
        until(lambda: server.log().count("connected") == 2)
        self.keys("second")
        self.reload(server)
        self.assertEqual(listening["first"].wait(PATIENCE), 4)
        self.assertIsNone(listening["second"].poll())
        done = self.run_tcpchat("send", *to, "--key", self.own["second"], "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"hello", listening["second"].stdout.readline())

    def test_a_session_ends_when_the_time_of_its_key_is_over(self):
        over = time.gmtime(time.time() + 4)
        line = key_line("brief", time.strftime("expires=%Y-%m-%dT%H:%M:%SZ", over))
        own = self.key_file("brief", line)
        files, chat = self.serve("--key", own), self.serve_chat("--key", own)
        sending = self.start_sending(files, "--key", own, "--name", "x", "-", stdin=subprocess.PIPE)
        listening = self.start("listen", "--host", "127.0.0.1", "--port", chat.port, "--key", own, program=TCPCHAT)
        until(lambda: "connected" in chat.log())
        self.assertIsNone(sending.poll())
        self.assertEqual([one.wait(PATIENCE) for one in (sending, listening)], [4, 4])
        self.assertGreaterEqual(time.time(), calendar.timegm(over))

    def test_without_anything_to_read_it_ends_as_ever(self):
        server = self.serve()
        server.signal(signal.SIGHUP)
        self.assertEqual(server.wait(), -signal.SIGHUP)


class Addresses(SecurityCase):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("key")
        self.file = self.write("file", b"content")

    def test_who_is_denied_hears_nothing(self):
        server = self.serve("--bind", "127.0.0.1", "--allow", "127.0.0.0/29", "--deny", "127.0.0.3")
        for source, let_in in ("127.0.0.1", True), ("127.0.0.3", False), ("127.0.0.2", True), ("127.0.0.8", False):
            with Peer(server, source=source) as peer:
                if let_in:
                    peer.say(b"file&7")
                    peer.more()
                    self.assertEqual(peer.unread, b"ok")
                else:
                    self.assertEqual(peer.rest(), b"")
        self.assertIn("peer=127.0.0.8:", self.refusal(server, 2))

    def test_a_proxy_says_who_comes(self):
        server = self.serve_chat("--proxy-from", "127.0.0.7", "--deny", "198.51.100.0/24")
        with PlainPeer(server, b"PROXY TCP6 2001:db8::5 ::1 4711 6677\r\n\n", source="127.0.0.7") as peer:
            peer.settle()
            until(lambda: "peer=[2001:db8::5]:4711" in server.log())
        with Peer(server, b"hello\n", source="127.0.0.7") as peer:
            self.assertEqual(peer.rest(), b"")
        self.assertIn("peer=127.0.0.7:", self.refusal(server))
        with Peer(server, b"PROXY TCP4 198.51.100.9 127.0.0.1 4711 6677\r\n", source="127.0.0.7") as peer:
            self.assertEqual(peer.rest(), b"")
        self.assertIn("peer=198.51.100.9:4711", self.refusal(server, 2))

    def test_keys_count_from_where_the_proxy_says(self):
        line = key_line("key", "from=2001:db8::/32")
        server = self.serve("--key", self.key_file("keys", line), "--proxy-from", "127.0.0.1")
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        for address, code in ("2001:db8::1", 0), ("2001:db9::1", 4):
            sending = self.start_sending(listener.getsockname()[1], "--key", self.key_file("own", line), self.file)
            near, far = listener.accept()[0], socket.create_connection(("127.0.0.1", server.port))
            far.sendall(f"PROXY TCP6 {address} ::1 4711 1122\r\n".encode())
            self.carry(near, far)
            self.assertEqual(sending.wait(PATIENCE), code)

    def carry(self, near, far):
        def copy(one, other):
            try:
                while data := one.recv(1 << 16):
                    other.sendall(data)
                other.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        for one, other in (near, far), (far, near):
            self.addCleanup(one.close)
            threading.Thread(target=copy, args=(one, other), daemon=True).start()

    def test_who_fails_too_often_is_kept_out_for_a_while(self):
        server = self.serve("--key", self.key)
        for _ in range(40):
            with Peer(server, b"guess\n", source="127.0.0.6") as peer:
                peer.rest()
        lines = self.refusals(server)
        self.assertLessEqual(len(lines), 14)
        blocked = [line for line in lines if "then=blocked" in line]
        self.assertTrue(blocked)
        self.assertLessEqual(len(blocked), 4)
        done = self.send(server, "--key", self.key, self.file)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_filter_of_the_document_finds_who_was_not_let_in(self):
        server = self.serve("--key", self.key, "--bind", "127.0.0.1", "--bind", "::1", "--allow-plain", "compat")
        done = self.send(server, "--key", self.key_file("wrong", key_line("warning.not-let-in")), self.file)
        self.assertEqual(done.returncode, 4)
        with Peer(server, b"\x16 no TLS", address="::1") as peer:
            peer.rest()
        self.refusal(server, 2)
        # A name that looks like a line of the log.
        name = b"warning not let in peer=192.0.2.1:1 why=x"
        with Peer(server, name + b"&1") as peer:
            peer.more()
            peer.say(b"x")
        until(lambda: b"192.0.2.1" in str(self.delivered()).encode() and "delivered" in server.log())
        found = [one["address"] for line in server.log().splitlines() if (one := failregex().search(line))]
        self.assertEqual(found, ["127.0.0.1", "::1"])
        (line,) = [line for line in server.log().splitlines() if "not let in peer=[::1]" in line]
        self.assertEqual(failregex().search("Nov 27 07:00:00 host tcpsend[42]: " + line)["address"], "::1")

    def test_programs_are_told(self):
        server = self.serve("--json", "--key", self.key)
        with Peer(server, b"guess\n") as peer:
            peer.rest()
        event = until(lambda: [one for one in server.events() if one["type"] == "not_let_in"])[0]
        self.assertEqual((event["peer"], event["why"]), (peer.peer, "it does not speak TLS"))


if __name__ == "__main__":
    main()
