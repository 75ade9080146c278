"""What nobody who can reach the port of tcpchat serve, and no disk, may do to it."""
# ctest: asan

import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import select
import signal
import ssl
import threading
import time
import unittest

from chat import PlainPeer, StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main, noise, on_small_disk, peak_memory, sanitized, until

KIB, MIB = 1 << 10, 1 << 20
REPLACED = "\ufffd"


class ServerCase(Case):
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.serve_chat(*self.options)

    def greet(self, nick=None, room="lobby", **rest):
        peer = StructuredPeer.greeted(self.server, nick, room, **rest)
        self.addCleanup(peer.close)
        return peer

    def connect(self, say=b"", **rest):
        peer = PlainPeer(self.server, say, **rest)
        self.addCleanup(peer.close)
        return peer

    def raw(self, say=b"", **rest):
        peer = StructuredPeer(self.server, say, **rest)
        self.addCleanup(peer.close)
        return peer

    def assert_alive(self, server=None):
        """It serves others, and soon."""
        began = time.monotonic()
        with StructuredPeer.greeted(server or self.server, room=None) as peer:
            self.assertEqual(peer.ask("ping")["type"], "pong")
        self.assertLess(time.monotonic() - began, 5)

    def assert_memory(self, most, server=None):
        if not sanitized(TCPCHAT):
            self.assertLess(peak_memory((server or self.server).pid), most)

    def pushed(self, peer, data, quiet=0.3):
        """Writes until all is written, or nothing was taken for a while, or the connection ended; how much it was."""
        view, written = memoryview(data), 0
        peer.socket.setblocking(False)
        with contextlib.suppress(ConnectionError):
            while written < len(view) and select.select([], [peer.socket], [], quiet)[1]:
                written += peer.socket.send(view[written:written + 4 * MIB])
        peer.socket.settimeout(PATIENCE)
        return written


class Texts(ServerCase):
    def test_what_is_not_text_is_made_visible(self):
        observer = self.greet()
        client = self.connect("\n")
        for said, seen in [
            (b"a\xffb\xc3(c\xed\xa0\x80\xf8", f"a{REPLACED}b{REPLACED}(c{3 * REPLACED}{REPLACED}"),
            (b"nul\0 bell\a esc\x1b[31m del\x7f", f"nul{REPLACED} bell{REPLACED} esc{REPLACED}[31m del{REPLACED}"),
            ("csi\u009b31m nel\u0085".encode(), f"csi{REPLACED}31m nel{REPLACED}"),
            ("\u202eright to left\u202c \u2066isolate\u2069 \u200emark".encode(),
             f"{REPLACED}right to left{REPLACED} {REPLACED}isolate{REPLACED} {REPLACED}mark"),
            ("two\u2028lines\u2029".encode(), f"two{REPLACED}lines{REPLACED}"),
            ("tag\U000e0041 zero\u200bwidth\ufeff".encode(), f"tag{REPLACED} zero{REPLACED}width{REPLACED}"),
            (b"\xc0\xaf overlong \xe0\x80\xaf", f"{2 * REPLACED} overlong {3 * REPLACED}"),
            (b"one\rtwo", f"one{REPLACED}two"),
        ]:
            with self.subTest(said=said):
                client.say(said + b"\n")
                self.assertEqual(observer.texts(1), [seen])

    def test_noise(self):
        observer, reader = self.greet(), PlainPeer.settled(self.server)
        self.addCleanup(reader.close)
        for seed in range(8):
            with self.connect(noise(20_000, seed)) as client:
                client.end()
        self.connect("the end\n")
        while (text := observer.texts(1)[0]) != "the end":
            self.assertFalse([letter for letter in text if ord(letter) < 32 and letter != "\t"], text)
        while not (line := reader.line()).endswith("] the end"):
            self.assertTrue(line.startswith(("[", "* ")), line)

    def test_nobody_looks_like_another(self):
        self.greet("Bob")
        plain = PlainPeer.settled(self.server)
        self.addCleanup(plain.close)
        for name in ("bob", "BOB", "Bоb", "bob\u200b", "operator", "Operator", "root", "server", "guest1", "GUEST", "",
                     " ", "x" * 500, "127.0.0.1", "127.0.0.1:80", "[bob]", "bob]", "-bob", "1bob", "b\x1b[Dob", "*"):
            with self.subTest(name=name):
                last = self.raw(json.dumps({"tcpchat": 1, "nick": name}) + "\n").everything()[-1]
                self.assertEqual(last["type"], "bye")
                self.assertIn(last["code"], ("nick_in_use", "bad_name"))
                plain.say(f"/nick {name}\n")
                self.assertFalse([line for line in plain.settle() if "you are called" in line])

    def test_a_text_cannot_pretend_to_be_somebody_elses(self):
        self.greet("bob")
        reader, client = PlainPeer.settled(self.server), self.connect("\n")
        self.addCleanup(reader.close)
        client.say("* bob left\r[bob] I owe you\n")
        line = reader.line()
        self.assertEqual(line, f"[{client.peer}] * bob left{REPLACED}[bob] I owe you")


class Lines(ServerCase):
    def test_a_hundred_megabytes_without_a_line_end(self):
        observer = self.greet("observer")
        client = self.connect()
        self.assertLess(self.pushed(client, bytes(100 * MIB).replace(b"\0", b"x")), 20 * MIB)  # and waits
        self.assertEqual(observer.texts(3), 3 * ["x" * 16384])
        self.assert_alive()
        self.assert_memory(64 * MIB)

    def test_a_hundred_megabytes_within_a_greeting_and_a_request(self):
        endless = bytes(100 * MIB).replace(b"\0", b"x")
        for peer, begun, code in [(self.raw(), b'{"tcpchat":1,"x":"', "bad_request"),  # an object that never ends
                                  (self.greet(), b'{"type":"', "too_long")]:
            self.pushed(peer, begun + endless)
            self.assertEqual(peer.everything()[-1]["code"], code)
        self.assert_alive()
        self.assert_memory(64 * MIB)

    def test_a_line_of_65536_bytes_is_the_longest(self):
        peer = self.greet()
        request = b'{"type":"ping","x":"%s"}'
        fits = request % (b"x" * (65536 - len(request % b"")))
        peer.say(fits + b"\n" + fits + b"\r\n")
        self.assertEqual([peer.next()["type"], peer.next()["type"]], ["pong", "pong"])
        peer.say(request % (b"x" * (65537 - len(request % b""))) + b'\n{"type":"ping"}\n')
        last = peer.everything()
        self.assertEqual([(one["type"], one["code"]) for one in last], [("bye", "too_long")])

    def test_bytes_that_come_one_by_one(self):
        observer = self.greet()
        client = self.connect("\n")
        count = 100_000
        for _ in range(count):
            client.socket.send(b"x")
        client.say("end\n")
        text = ""
        while not text.endswith("end"):
            text += observer.texts(1)[0]
        self.assertEqual(len(text), count + 3)
        self.assertEqual(set(text[:-3]), {"x"})

    def test_json_that_is_none_or_not_what_is_meant(self):
        peer = self.greet()
        wrong = [
            "[]", "[" * 60000, '{"a":' * 10000, "{", "}", '"type"', "null", "true", "1", "nan", '{"type":"ping"} x',
            '{"type":"ping"}{"type":"ping"}', '{"type":"ping","type":"quit"}', '{"type":"ping","x":1,"x":2}',
            '{"type":"ping","\\u0074ype":"quit"}', '{"type":["ping"]}', '{"type":{"a":{"b":1}}}',
            '{"type":"ping","x":[1]}', '{"type":"send","text":"\\ud800"}', '{"type":"send","text":"\\udc00\\ud800"}',
            '{"type":"send","text":"\\x"}',
            '{"type":"send","text":"a\0b"}', '{"type":"send","text":"\t"}', '{"type":"PING"}', '{"type":""}', "{}",
            '{"type":"ping",}', "{'type':'ping'}", '{"type":"ping" /* */}', '{"type":"send","text":1e999}',
            '{"type":"history","room":"lobby","limit":-1}', '{"type":"history","room":"lobby","limit":1.5}',
            '{"type":"history","room":"lobby","limit":99999999999999999999}', '{"type":"no such verb"}',
            '{"type":"' + "x" * 60000 + '"}', '{"type":"join","room":"lobby","since":{"ago":1e308}}',
            '{"type":"join","room":"lobby","since":{"id":18446744073709551616}}',
            '{"type":"join","room":"lobby","since":{"id":1,"epoch":"' + "0" * 60000 + '"}}',
        ]
        for text in wrong:
            with self.subTest(text=text[:60]):
                peer.say(text + "\n")
                answer = peer.next()
                self.assertEqual(answer["type"], "error", answer)
                self.assertIn(answer["code"], ("bad_request", "bad_name", "too_long"), answer)
                self.assertLess(len(answer["text"]), 200)
        self.assertEqual(peer.ask("ping")["type"], "pong")
        self.assertEqual(self.greet(room=None).gather("history", room="lobby")[1]["next"], 1)

    def test_ids_and_ages_at_their_ends(self):
        peer = self.greet()
        peer.send("one")
        [said] = peer.messages(1)
        until(lambda: time.time() * 1000 >= said["time"] + 2)
        for since, resumed, replayed in [
            ({"id": 2**64 - 1}, True, []), ({"id": 0}, True, [1]), ({"ago": 0}, True, []), ({"ago": 10**12}, True, [1]),
            ({"id": 5, "epoch": "0" * 16}, False, [1]), ({"id": 5, "epoch": peer.joined["epoch"]}, True, []),
        ]:
            with self.subTest(since=since):
                answer = peer.ask("join", room="lobby", since=since)
                self.assertEqual((answer["type"], answer["next"], answer["lost"], answer["resumed"]),
                                 ("joined", 2, 0, resumed))
                self.assertEqual([one["id"] for one in peer.messages(len(replayed))], replayed)
        for since in {"id": 2**64}, {"ago": 10**12 + 1}, {"id": -1}, {"ago": -1}, {"id": 5, "epoch": "x"}:
            with self.subTest(since=since):
                self.assertEqual(peer.ask("join", room="lobby", since=since)["code"], "bad_request")
        self.assertEqual(peer.send("two")["id"], 2)
        self.assertEqual(peer.next_of("message")["id"], 2, "what was not to be replayed was")


class Strangers(ServerCase):
    def test_tls_fails_at_once(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        began = time.monotonic()
        with self.connect() as peer, self.assertRaises(ssl.SSLError):
            context.wrap_socket(peer.socket)
        self.assertLess(time.monotonic() - began, 5)

    def test_http_gets_an_answer_that_is_http(self):
        observer = self.greet()
        for method in "GET", "POST", "OPTIONS", "CONNECT":
            target = "example.org:443" if method == "CONNECT" else "/"
            with self.connect(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n/nick evil\r\nhello\r\n") as peer:
                self.assertRegex(peer.rest(), rb"^HTTP/1\.1 400 Bad Request\r\n(.+\r\n)+\r\n.+\n$")
        self.assertEqual(observer.ask("ping")["type"], "pong")
        self.assertFalse([one for one in observer.passed if one["type"] == "message"])
        self.connect("GET well soon\n")
        self.assertEqual(observer.texts(1), ["GET well soon"])

    def test_a_browser_cannot_smuggle_a_greeting(self):
        body = '{"tcpchat":1,"nick":"evil"}\n{"type":"send","room":"lobby","text":"pwned"}\n'
        with self.connect(f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}") as peer:
            self.assertNotIn(b"welcome", peer.rest())
        self.assertEqual(self.greet().joined["next"], 1)


class Floods(ServerCase):
    options = ("--max-sessions", "30", "--max-per-address", "20")

    def test_of_one_address(self):
        held = [self.greet(room=None) for _ in range(20)]
        for _ in range(50):
            with self.raw() as peer:
                self.assertEqual([(one["type"], one["code"]) for one in peer.everything()], [("bye", "busy")])
        other = self.greet(source="127.0.0.2")
        self.assertEqual(other.ask("ping")["type"], "pong")
        held.pop().close()
        until(lambda: len(other.gather("who")[0]) == 20)
        self.assertEqual(self.greet().ask("ping")["type"], "pong")

    def test_of_all_addresses(self):
        held = [self.greet(room=None, source=f"127.0.0.{host}") for host in range(2, 32)]
        for host in range(40, 60):
            with self.raw(source=f"127.0.0.{host}") as peer:
                self.assertEqual(peer.everything()[-1]["code"], "busy")
        self.assertEqual(held[0].ask("ping")["type"], "pong")
        held.pop().close()
        until(lambda: len(held[0].gather("who")[0]) == 29)
        self.assertEqual(self.greet().ask("ping")["type"], "pong")

    def test_of_those_who_do_not_listen_to_why_they_are_turned_away(self):
        held = self.greet()
        others = [self.greet(room=None, source="127.0.0.2") for _ in range(20)]
        crowd = []
        for _ in range(400):
            with contextlib.suppress(ConnectionError):  # some are turned away before they know that they are connected
                crowd.append(self.raw(source="127.0.0.2"))
        self.assertEqual(held.ask("ping")["type"], "pong")
        for peer in crowd:
            peer.close()
        self.assertEqual(others[0].ask("ping")["type"], "pong")

    def test_of_silent_connections(self):
        for _ in range(20):
            self.connect()
        with self.raw(source="127.0.0.2") as other:
            other.tell(tcpchat=1)
            self.assertEqual(other.next()["type"], "welcome")


class Descriptors(Case):
    @unittest.skipIf(sanitized(), "the sanitizer takes a lack of descriptors for damaged memory")
    def test_when_there_are_no_more_descriptors_those_who_are_there_go_on(self):
        server = self.serve_chat(prefix=["prlimit", "--nofile=40:40"])
        a = StructuredPeer.greeted(server, "ann")
        self.addCleanup(a.close)
        crowd = []
        for _ in range(60):
            with contextlib.suppress(ConnectionError):  # some are turned away before they know that they were let in
                crowd.append(StructuredPeer(server))
        until(lambda: "trouble" in server.log(), what="a line in the log")
        for _ in range(3):
            self.assertEqual(a.send("hello")["type"], "ack")
        self.assertLess(server.log().count("trouble"), 20)
        for peer in crowd:
            peer.close()
        with StructuredPeer.greeted(server) as b:
            self.assertEqual(b.send("room again")["type"], "ack")


class Readers(ServerCase):
    options = ("--flood", "off", "--max-backlog", "1MiB", "--history-bytes", "1MiB")

    def flow(self, writer, reader, count, size=8 * KIB):
        """`count` messages get to the reader in order, and in time."""
        text = "x" * (size - 8)
        got = []

        def read():
            got.extend(reader.messages(count))

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        for number in range(count):
            writer.tell(type="send", text=f"{number:07} {text}")
            if number % 64 == 63:
                self.assertEqual(writer.ask("ping")["type"], "pong")
                writer.passed.clear()
        reading.join(PATIENCE)
        self.assertEqual([int(one["text"][:7]) for one in got], list(range(count)))

    def last_line_once_ended(self, peer):
        """What is said last to one that is too slow: it is read at once, for the server waits for seconds only."""
        until(
            lambda: any(peer.peer in line and "code=too_slow" in line for line in self.server.log().splitlines()),
            what="the end of a session",
        )
        return peer.rest().decode().splitlines()[-1]

    def test_those_who_do_not_read_end_and_hold_nobody_up(self):
        writer, reader = self.greet("writer", room=None, greeting={"room": None}), self.greet("reader")
        never = [self.greet(f"never{number}", receive_buffer=4096) for number in range(4)]
        plain = [PlainPeer.settled(self.server, receive_buffer=4096) for _ in range(4)]
        slow = self.greet("slow", receive_buffer=4096)
        writer.ask("join", room="other")
        stop = threading.Event()

        def read_slowly():
            while not stop.wait(0.2):
                slow.socket.recv(1)

        reading = threading.Thread(target=read_slowly, daemon=True)
        reading.start()
        writer.tell(type="join", room="lobby")
        # What they had not read is gone, but for what was on its way, and the last line says why.
        with concurrent.futures.ThreadPoolExecutor(len(never + plain)) as watchers:
            last_lines = [watchers.submit(self.last_line_once_ended, peer) for peer in never + plain]
            self.flow(writer, reader, 3000)
            last_lines = [one.result() for one in last_lines]
        until(lambda: self.server.log().count("code=too_slow") == 9, what="the end of nine sessions")
        for line in last_lines[: len(never)]:
            self.assertEqual(json.loads(line)["code"], "too_slow")
        for line in last_lines[len(never) :]:
            self.assertTrue(line.startswith("* the session ends: "))
        for peer in plain:
            peer.close()
        stop.set()
        reading.join(PATIENCE)
        self.assertEqual(reader.gather("who")[1]["count"], 2)
        self.assert_memory(64 * MIB)

    def test_answers_that_are_not_read_hold_up_only_who_asked(self):
        writer, reader = self.greet("writer"), self.greet("reader")
        self.flow(writer, reader, 100)
        greedy = self.greet("greedy", room=None, receive_buffer=4096)
        asked = self.pushed(greedy, b'{"type":"history","room":"lobby"}\n' * 1_000_000)
        self.assertLess(asked, 20 * MIB)
        self.assert_alive()
        self.flow(writer, reader, 100)
        self.assert_memory(64 * MIB)
        self.assertEqual(json.loads(greedy.line())["type"], "message")

    def test_a_flood_of_directs_ends_who_does_not_read_them(self):
        writer = self.greet("writer")
        never = self.greet("never", room=None, receive_buffer=4096)
        text = "x" * 16000
        for _ in range(10):
            for _ in range(100):
                writer.tell(type="send", text=text, to="never")
            writer.tell(type="ping")
            while writer.next_of("pong", "ack", "error")["type"] != "pong":
                pass
        self.assertEqual(json.loads(never.rest().splitlines()[-1])["code"], "too_slow")
        self.assert_memory(64 * MIB)


class Memory(ServerCase):
    options = ("--flood", "off", "--max-memory", "8MiB", "--max-backlog", "1GiB", "--history-bytes", "1GiB")

    def test_all_together_is_bounded(self):
        writer, reader = self.greet("writer"), self.greet("reader", room=None)
        never = [self.greet(receive_buffer=4096) for _ in range(3)]
        text = "x" * 16000
        for number in range(1500):
            writer.tell(type="send", text=text, room=("lobby", "tea", "den")[number % 3])
            if number % 50 == 49:
                self.assertEqual(writer.ask("ping")["type"], "pong")
                writer.passed.clear()
        self.assertEqual(reader.ask("ping")["type"], "pong")
        for peer in never:
            self.assertEqual(json.loads(peer.rest().splitlines()[-1])["code"], "too_slow")
        self.assert_memory(64 * MIB)


class Connections(ServerCase):
    def test_half_closed_ones_do_not_stay(self):
        observer = self.greet()
        for number in range(40):
            peer = self.connect("\n" if number % 2 else b"")
            peer.end()
        until(lambda: observer.gather("who")[1]["count"] == 1)
        for number in range(40):
            self.raw('{"tcpchat":1,"room":"lobby"}\n').end()
        until(lambda: observer.gather("who")[1]["count"] == 1)

    def test_a_reset_at_every_stage(self):
        observer = self.greet("observer")
        observer.send("x" * 16000)
        hello = '{"tcpchat":1,"room":"lobby","nick":"ann"}\n'
        stages = [
            b"", b"\n", b"{", b"\x16", b"text", b"text\n", b"/quit\n", b"/nick", b"GET / HTTP/1.1\r\n",
            hello[:-1], hello, hello + '{"type":"send","text":"x"}\n', hello + '{"type":"send","te',
            hello + '{"type":"quit"}\n',
            hello + '{"type":"history","room":"lobby"}\n' * 100, '{"tcpchat":1,"nick":"operator"}\n', "x" * 100_000,
            hello + "x" * 70_000,
        ]
        for wait_for_answer in False, True:
            for half_closed in False, True:
                for stage in stages:
                    peer = self.connect(stage, receive_buffer=4096)
                    if half_closed:
                        with contextlib.suppress(OSError):
                            peer.end()
                    if wait_for_answer:
                        select.select([peer.socket], [], [], 0.03)
                    peer.reset()
        until(lambda: observer.gather("who")[1]["count"] == 1)
        self.assert_alive()
        log = self.server.log()
        self.assertNotIn("trouble", log)


class Ends(ServerCase):
    options = ("--flood", "off")

    def queue(self):
        """A session that has 400 messages of 10 kB yet to read."""
        writer, slow = self.greet("writer"), self.greet("slow", receive_buffer=4096)
        for _ in range(400):
            writer.tell(type="send", text="x" * 10_000)
        self.assertEqual(writer.ask("ping")["type"], "pong")
        self.assertEqual(writer.passed.pop()["type"], "ack")
        writer.close()
        return slow

    def test_sigterm_lets_what_is_queued_be_read(self):
        slow = self.queue()
        self.server.signal(signal.SIGTERM)
        until(lambda: "stopping" in self.server.log())
        everything = slow.everything()
        self.assertEqual(len([one for one in everything if one["type"] == "message"]), 400)
        self.assertEqual(everything[-1]["code"], "shutting_down")
        slow.close()
        self.assertEqual(self.server.wait(), 0)

    def test_sigterm_does_not_wait_for_ever_and_takes_nobody_new(self):
        slow = self.queue()
        began = time.monotonic()
        self.server.signal(signal.SIGTERM)
        until(lambda: "stopping" in self.server.log())
        with self.assertRaises(OSError):
            until(lambda: self.raw().everything() and False, patience=3)
        self.assertEqual(self.server.wait(), 0)
        self.assertLess(time.monotonic() - began, 15)
        slow.close()

    def test_a_second_sigterm_ends_it_at_once(self):
        self.queue()
        self.server.signal(signal.SIGTERM)
        until(lambda: "stopping" in self.server.log())
        began = time.monotonic()
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(), 0)
        self.assertLess(time.monotonic() - began, 3)


class Disk(Case):
    def greet(self, server, nick=None, **rest):
        peer = StructuredPeer.greeted(server, nick, **rest)
        self.addCleanup(peer.close)
        return peer

    def test_a_full_disk_is_told_to_senders_and_all_goes_on_when_there_is_room(self):
        directory = self.dir / "small"
        directory.mkdir()
        prefix = on_small_disk(directory, "2m")
        if prefix is None:
            self.skipTest("cannot mount a small disk")
        server = self.serve_chat("--history", directory / "chat.db", "--flood", "off", prefix=prefix)
        inside = pathlib.Path(f"/proc/{server.pid}/root{directory}")
        writer, reader = self.greet(server, "ann"), self.greet(server, "bob")
        last = writer.send("before")
        filler = inside / "filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        answers = [last]
        while answers[-1]["type"] == "ack":
            answers.append(writer.send("x" * 10_000))
            self.assertLess(len(answers), 500)
        self.assertEqual(answers[-1]["code"], "storage")
        self.assertIn("no space left", answers[-1]["text"])
        self.assertNotIn("chat.db", answers[-1]["text"])  # where it is concerns no client
        until(lambda: re.search("trouble .*chat.db.* full", server.log()), what="a line in the log")
        self.assertEqual(writer.send("direct", to="bob")["type"], "ack")
        known = answers[-2]["id"]
        filler.unlink()
        after = until(lambda: (got := writer.send("after"))["type"] == "ack" and got)
        self.assertEqual(after["id"], known + 1)
        ids = [one["id"] for one in reader.messages(known + 1)]
        self.assertEqual(ids, list(range(1, known + 2)))
        for peer in writer, reader:
            peer.close()
        self.assertEqual(server.stop(), 0)

    def test_each_acknowledged_message_is_there_once_after_a_server_was_killed(self):
        history = self.dir / "chat.db"
        acked, lock, stop = {}, threading.Lock(), threading.Event()
        ports = []
        count = 4

        def send(name):
            number = 0
            while not stop.is_set():
                try:
                    with StructuredPeer(ports[-1]) as peer:
                        peer.socket.settimeout(5)
                        peer.tell(tcpchat=1, room="lobby", presence=False)
                        while not stop.is_set():
                            text = f"{name}-{number}"
                            peer.tell(type="send", text=text, key=text, tag=text)
                            while (got := peer.next_of("ack", "error", "bye")).get("tag") != text:
                                pass
                            if got["type"] == "ack":
                                with lock:
                                    acked[text] = got["id"], got["epoch"]
                                number += 1
                except (OSError, AssertionError, ValueError):
                    stop.wait(0.01)

        options = ["--history", history, "--flood", "off"]
        server = self.serve_chat(*options)
        ports.append(server.port)
        threads = [threading.Thread(target=send, args=[name], daemon=True) for name in "abcd"[:count]]
        for thread in threads:
            thread.start()
        generator = random.Random(1)
        for _ in range(4):
            have = len(acked)
            until(lambda: len(acked) > have + 20)
            time.sleep(generator.random() * 0.02)
            server.kill()
            server = self.serve_chat(*options)
            ports.append(server.port)
        have = len(acked)
        until(lambda: len(acked) > have + 20)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        with self.greet(server) as reader:
            messages, end = reader.gather("history", room="lobby", since={"id": 0})
        texts = [one["text"] for one in messages]
        self.assertEqual(len(texts), len(set(texts)), "something is there twice")
        self.assertEqual([one["id"] for one in messages], list(range(1, len(messages) + 1)))
        for one in messages:
            if one["text"] in acked:
                self.assertEqual(acked[one["text"]], (one["id"], end["epoch"]))
        self.assertEqual(set(acked) - set(texts), set())
        self.assertLessEqual(len(texts) - len(acked), count)
        for name in "abcd"[:count]:
            numbers = [int(text.split("-")[1]) for text in texts if text.startswith(name)]
            self.assertEqual(numbers, list(range(len(numbers))))

    def refuses(self, path, *words, code=6):
        """The server does not start, says why in one line, and leaves the file alone."""
        before = path.read_bytes() if path.is_file() else None
        done = self.run_tcpchat("serve", "--port", "0", "--history", path, patience=20)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertTrue(done.stderr.startswith("tcpchat serve: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        if before is not None:
            self.assertEqual(path.read_bytes(), before)

    def history(self):
        path = self.dir / "chat.db"
        server = self.serve_chat("--history", path)
        with self.greet(server, "ann") as writer:
            for number in range(50):
                writer.send(f"text {number} " + "x" * 1000)
        self.assertEqual(server.stop(), 0)
        return path

    def test_a_damaged_history_is_refused_and_left_as_it_is(self):
        path = self.history()
        content = path.read_bytes()
        path.write_bytes(content[:8192] + bytes(8192) + content[16384:])
        self.refuses(path, "damaged")
        path.write_bytes(content[:-5000])
        self.refuses(path, "damaged")
        at = content.index(b"text 7 ")
        path.write_bytes(content[:at] + b"TEXT" + content[at + 4:])
        self.refuses(path, "lobby")
        path.write_bytes(content)
        server = self.serve_chat("--history", path)
        self.assertEqual(self.greet(server).joined["next"], 51)

    def test_a_file_of_something_else_is_refused_and_left_as_it_is(self):
        self.refuses(self.write("notes", b"my notes\n" * 100), "not a chat history", code=4)
        self.refuses(self.write("empty"), "empty", code=4)
        self.refuses(self.dir, "a directory", code=4)
        with contextlib.suppress(ImportError):
            import sqlite3

            other = self.dir / "other.db"
            with contextlib.closing(sqlite3.connect(other)) as database:
                database.execute("CREATE TABLE room(name)")
                database.commit()
            self.refuses(other, "another program", code=4)
        self.refuses(self.dir / "missing" / "chat.db", "no directory", code=2)

    def test_a_history_that_another_server_has_open_is_refused(self):
        path = self.dir / "chat.db"
        server = self.serve_chat("--history", path)
        writer = self.greet(server, "ann")
        self.refuses(path, "in use by another server", code=4)
        self.assertEqual(writer.send("still fine")["id"], 1)


if __name__ == "__main__":
    main()
