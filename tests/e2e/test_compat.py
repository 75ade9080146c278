# ctest: asan
"""The compatibility protocol, against a model of the Qt tutorial's two programs."""

import contextlib
import os
import socket
import threading
import time

from harness import PATIENCE, Case, main, noise, until

MIB = 1 << 20
NAMES = ["plain", "with some spaces.txt", "中文 文件名.数据", "-n", "a.b.c", "x" * 255, "中" * 85]


class TutorialSender:
    """Does what the tutorial's sender does: writes NAME&SIZE, waits for ok, writes the bytes in pieces, closes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, header):
        """Writes a header (of any form); what the receiver says, empty if it closes."""
        self.socket.sendall(header)
        return self.answer()

    def answer(self):
        with contextlib.suppress(ConnectionError):
            return self.socket.recv(100)
        return b""

    def header(self, name, size):
        return f"{name}&{size}".encode()

    def send(self, name, content):
        said = self.ask(self.header(name, len(content)))
        if said != b"ok":
            raise AssertionError(f"the receiver said {said}")
        for start in range(0, len(content), 65536):
            self.socket.sendall(content[start:start + 65536])

    def until_closed(self):
        """Waits for the receiver to close, as the tutorial's sender does not; false if it does not."""
        self.socket.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            return self.socket.recv(1) == b""
        return True


class TutorialReceiver:
    """Does what the tutorial's receiver does: splits the first read at the last &, says ok, counts bytes, closes."""

    def __init__(self, case, answer=b"ok", deaths=0):
        self.answer = answer
        self.deaths = deaths  # how many connections it leaves after a mebibyte
        self.files = {}
        self.first_reads = []
        self.at_once = self.most_at_once = 0
        self.rest = b""
        self.port = case.peer(self.receive)

    def receive(self, connection):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            header = connection.recv(65536)
            self.first_reads.append(header)
            name, _, size = header.decode().rpartition("&")
            connection.sendall(self.answer)
            content = bytearray()
            while len(content) < int(size):
                if len(content) >= MIB and len(self.first_reads) <= self.deaths:
                    return
                content += connection.recv(1 << 20) or self.lost()
            # There is no end mark: only now does it know that all is there.
            self.rest = connection.recv(1)
            self.files[name] = bytes(content)
        finally:
            self.at_once -= 1

    def lost(self):
        raise ConnectionResetError


class IntoOurReceiver(Case):
    def test_a_file_of_each_size(self):
        server = self.serve()
        files = {"five bytes": b"12345", "mebibyte": noise(MIB), "hundred": noise(100 * MIB)}
        for name, content in files.items():
            with TutorialSender(server.port) as sender:
                sender.send(name, content)
            until(lambda: (self.into / name).exists(), what=name)
        self.assertEqual(self.delivered(), files)
        self.assertEqual(self.leftovers(), [])

    def test_names_with_spaces_and_in_chinese(self):
        server = self.serve()
        for name in NAMES:
            with TutorialSender(server.port) as sender:
                sender.send(name, name.encode())
            until(lambda: (self.into / name).exists(), what=name)
        self.assertEqual(self.delivered(), {name: name.encode() for name in NAMES})

    def test_a_name_ends_at_its_last_ampersand(self):
        server = self.serve()
        with TutorialSender(server.port) as sender:
            sender.send("this&that&5", b"abc")
        until(lambda: (self.into / "this&that&5").exists(), what="the file")
        self.assertEqual(self.delivered(), {"this&that&5": b"abc"})

    def test_an_empty_file(self):
        with TutorialSender(self.serve().port) as sender:
            sender.send("empty", b"")
            until(lambda: self.delivered() == {"empty": b""}, what="the file")

    def test_files_one_after_another_on_a_connection(self):
        server = self.serve()
        files = {"first": noise(200_000), "second one": b"12345", "empty": b"", "第三": noise(MIB + 1, seed=2)}
        with TutorialSender(server.port) as sender:
            for name, content in files.items():
                sender.send(name, content)
        until(lambda: len(self.delivered()) == len(files), what="all files")
        self.assertEqual(self.delivered(), files)
        until(lambda: "session done" in server.log(), what="an orderly end")

    def test_a_next_header_that_follows_the_data_without_a_pause(self):
        with TutorialSender(self.serve().port) as sender:
            self.assertEqual(sender.ask(b"a&3"), b"ok")
            self.assertEqual(sender.ask(b"123b&4"), b"ok")
            sender.socket.sendall(b"1234")
            until(lambda: self.delivered() == {"a": b"123", "b": b"1234"}, what="both")

    def test_a_file_replaces_the_one_before(self):
        server = self.serve()
        for content in b"one", b"three", b"2":
            with TutorialSender(server.port) as sender:
                sender.send("name", content)
            until(lambda: self.delivered() == {"name": content}, what="the next")

    def test_senders_at_once(self):
        server = self.serve()
        files = {f"file {i}": noise(300_000 + i, seed=i) for i in range(20)}
        senders = [TutorialSender(server.port) for _ in files]
        # All of them have asked before the first sends a byte.
        for sender, (name, content) in zip(senders, files.items()):
            sender.socket.sendall(sender.header(name, len(content)))
        for sender in senders:
            self.assertEqual(sender.answer(), b"ok")
        for sender, content in zip(senders, files.values()):
            sender.socket.sendall(content[:100_000])
        for sender, content in zip(reversed(senders), reversed(files.values())):
            sender.socket.sendall(content[100_000:])
            sender.socket.close()
        until(lambda: len(self.delivered()) == len(files), what="all files")
        self.assertEqual(self.delivered(), files)
        self.assertEqual(self.leftovers(), [])

    def test_two_senders_of_one_name_leave_one_whole_file(self):
        server = self.serve()
        contents = [noise(200_000, seed=1), noise(300_000, seed=2)]
        with TutorialSender(server.port) as first, TutorialSender(server.port) as second:
            for sender, content in zip((first, second), contents):
                sender.ask(sender.header("name", len(content)))
            for sender, content in zip((first, second), contents):
                sender.socket.sendall(content[:1000])
            for sender, content in zip((first, second), contents):
                with contextlib.suppress(ConnectionError):
                    sender.socket.sendall(content[1000:])
                    sender.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(sender.until_closed())
        self.assertIn(self.delivered()["name"], contents)
        self.assertEqual(self.leftovers(), [])

    def test_senders_that_die_midway_leave_nothing_and_do_not_disturb_the_next(self):
        server = self.serve()
        self.write("into/there before", b"as it was").rename(self.into / "name")
        deaths = 0
        for sent in 0, 1, 65536, 999_999:
            for linger in False, True:
                sender = TutorialSender(server.port)
                self.assertEqual(sender.ask(b"name&1000000"), b"ok")
                sender.socket.sendall(bytes(sent))
                if linger:  # and goes with a reset
                    sender.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sender.socket.close()
                deaths += 1
                until(lambda: server.log().count("session ended") == deaths, what="the end of the session")
                self.assertEqual(self.delivered(), {"name": b"as it was"})
                self.assertEqual(self.leftovers(), [])
        with TutorialSender(server.port) as sender:
            sender.send("name", b"12345")
            until(lambda: self.delivered() == {"name": b"12345"}, what="the next file")

    def test_a_sender_that_dies_within_its_header(self):
        server = self.serve()
        for header in b"n", b"name", b"name&", b"name&1":
            with TutorialSender(server.port) as sender:
                sender.socket.sendall(header)
                sender.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(sender.until_closed())
        self.assertEqual(self.delivered(), {})

    def test_a_sender_that_waits_for_nobody(self):
        # It sends its data with the header, before ok: there is no telling where the header ends.
        with TutorialSender(self.serve().port) as sender:
            sender.socket.sendall(b"name&5hello")
            sender.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(sender.until_closed())
        self.assertEqual(self.delivered(), {})

    def test_a_receiver_without_compatibility_closes(self):
        server = self.serve("--compat", "off")
        with TutorialSender(server.port) as sender:
            self.assertEqual(sender.ask(b"name&5"), b"")
        self.assertEqual(self.delivered(), {})
        until(lambda: "compatibility" in server.log(), what="a line of log")

    def test_a_file_that_is_too_large_is_not_begun(self):
        server = self.serve("--max-file-size", "1M")
        with TutorialSender(server.port) as sender:
            self.assertEqual(sender.ask(b"name&1048577"), b"")
        with TutorialSender(server.port) as sender:
            sender.send("name", noise(MIB))
            until(lambda: (self.into / "name").exists(), what="one that just fits")

    def test_a_native_and_a_compatible_sender_share_a_port(self):
        server = self.serve()
        with TutorialSender(server.port) as sender:
            self.assertEqual(sender.ask(b"compat&5"), b"ok")
            self.assertEqual(self.send(server, self.write("native", b"n")).returncode, 0)
            sender.socket.sendall(b"12345")
            until(lambda: self.delivered() == {"compat": b"12345", "native": b"n"}, what="both")


class OddHeaders(Case):
    def setUp(self):
        super().setUp()
        self.server = self.serve()

    def assertRefused(self, header):
        """The connection is closed soon without ok, with a line of log and no file; the next sender is served."""
        with self.subTest(header), TutorialSender(self.server.port) as sender:
            before = self.server.log().count("session ended")
            self.assertEqual(sender.ask(header), b"")
            until(lambda: self.server.log().count("session ended") == before + 1, what="a line of log")
            self.assertEqual(self.delivered(), {})
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), self.around)

    def test_what_cannot_become_valid_is_refused_at_once(self):
        self.around = sorted(path.name for path in self.dir.iterdir())
        for header in [
                b"../escape&5", b"/etc/escape&5", b"a/b&5", b"/&5", b"\0&5", b"a\0b&5", b"name\n&5", b"a\tb&5",
                b"\x1b[2J&5", b"\x7f&5", b"\xc2\x85&5", b"\xff&5", b"caf\xe9&5", b"\xc0\xaf&5", b"\xed\xa0\x80&5",
                b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"x" * 256 + b"&5", b"x" * 1000,
                "中".encode() * 86 + b"&5"]:
            self.assertRefused(header)

    def test_what_is_not_yet_valid_is_waited_for_and_leaves_nothing(self):
        # More could follow each of these, so they cost their sender the ten seconds of a header, all at once.
        headers = [
            b"name", b"name&", b"&5", b"&", b"name&-5", b"name&+5", b"name& 5", b"name&5 ", b"name&5.0", b"name&0x5",
            b"name&9223372036854775808", b"name&18446744073709551616", b"name&" + b"9" * 20, b".&5", b"..&5",
            b".tcpsend&5", "name&５".encode()]
        senders = [TutorialSender(self.server.port) for _ in headers]
        for sender, header in zip(senders, headers):
            sender.socket.sendall(header)
        for sender, header in zip(senders, headers):
            with self.subTest(header), sender:
                self.assertEqual(sender.answer(), b"")
        until(lambda: self.server.log().count("session ended") == len(headers), what="a line of log for each")
        self.assertEqual(self.delivered(), {})

    def test_a_size_that_no_disk_holds_is_refused(self):
        self.around = sorted(path.name for path in self.dir.iterdir())
        for size in b"9223372036854775807", b"1099511627777":
            self.assertRefused(b"name&" + size)
        # Leading zeros are digits like others.
        with TutorialSender(self.server.port) as sender:
            self.assertEqual(sender.ask(b"zeros&00000000000000000005"), b"ok")
            sender.socket.sendall(b"12345")
            until(lambda: self.delivered() == {"zeros": b"12345"}, what="the file")

    def test_a_header_in_many_packets(self):
        with TutorialSender(self.server.port) as sender:
            sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in "文件 in pieces".encode():
                sender.socket.sendall(bytes([byte]))
            self.assertEqual(sender.ask(b"&123"), b"ok")
            sender.socket.sendall(bytes(123))
            until(lambda: self.delivered() == {"文件 in pieces": bytes(123)}, what="the file")

    def test_a_size_in_two_packets(self):
        for attempt in range(20):
            with TutorialSender(self.server.port) as sender:
                sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                start = time.monotonic()
                sender.socket.sendall(f"name {attempt}&1".encode())
                sender.socket.sendall(b"23")
                if time.monotonic() - start > 0.05:
                    continue  # this machine is too busy: the pause may have been what ends a header
                self.assertEqual(sender.answer(), b"ok")
                sender.socket.sendall(bytes(123))
                until(lambda: self.delivered().get(f"name {attempt}") == bytes(123), what="the file")
                return
        self.skipTest("this machine is too busy")

    def test_data_a_byte_at_a_time(self):
        content = noise(500)
        with TutorialSender(self.server.port) as sender:
            sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.assertEqual(sender.ask(b"drops&500"), b"ok")
            for byte in content:
                sender.socket.sendall(bytes([byte]))
            until(lambda: self.delivered() == {"drops": content}, what="the file")


class IntoItsReceiver(Case):
    def compat(self, receiver, *arguments):
        return self.send(receiver.port, "--protocol", "compat", *arguments)

    def test_a_file_of_each_size(self):
        files = {"five bytes": b"12345", "mebibyte": noise(MIB), "hundred": noise(100 * MIB)}
        receiver = TutorialReceiver(self)
        done = self.compat(receiver, *[self.write(name, content) for name, content in files.items()])
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(receiver.files, files)
        # The whole header in one read, one file a connection, one connection at a time.
        self.assertEqual(receiver.first_reads, [f"{name}&{len(content)}".encode() for name, content in files.items()])
        self.assertEqual((receiver.most_at_once, receiver.rest), (1, b""))

    def test_names_with_spaces_and_in_chinese(self):
        receiver = TutorialReceiver(self)
        done = self.compat(receiver, *["./" + name for name in NAMES if self.write(name, name.encode())])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(receiver.files, {name: name.encode() for name in NAMES})

    def test_a_tree_arrives_as_its_files(self):
        receiver = TutorialReceiver(self)
        self.write("tree/a", b"1")
        self.write("tree/below/b", b"22")
        done = self.compat(receiver, self.dir / "tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(receiver.files, {"a": b"1", "b": b"22"})

    def test_what_it_cannot_take_is_refused_before_anything_is_sent(self):
        receiver = TutorialReceiver(self)
        good = self.write("good", b"good")
        large = self.write("large")
        os.truncate(large, 2_147_483_648)
        for bad, code in (self.write("empty"), 4), (self.write("this&that", b"1"), 4), (large, 4):
            with self.subTest(bad.name):
                receiver.files.clear()
                receiver.first_reads.clear()
                done = self.compat(receiver, bad)
                self.assertEqual((done.returncode, receiver.first_reads), (code, []))
                self.assertIn(bad.name, done.stderr)
                self.assertOneLine(done.stderr)
                done = self.compat(receiver, bad, good)
                self.assertEqual((done.returncode, receiver.files), (code, {"good": b"good"}))

    def test_the_largest_size_it_can_take_is_offered(self):
        receiver = TutorialReceiver(self, deaths=1000)
        large = self.write("large")
        os.truncate(large, 2_147_483_647)
        self.compat(receiver, "--deadline", "2s", large)
        self.assertEqual(receiver.first_reads[0], b"large&2147483647")

    def test_a_receiver_that_closes_instead_of_saying_ok(self):
        def close(connection):
            connection.recv(100)

        done = self.send(self.peer(close), "--protocol", "compat", self.write("file", b"12345"))
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)

    def test_a_receiver_that_says_something_else(self):
        for answer in b"no", b"okay", b"OK", b"ok\n", b"\x1b[2Jno", b"x" * 1000:
            with self.subTest(answer):
                receiver = TutorialReceiver(self, answer=answer)
                done = self.compat(receiver, self.write("file", b"12345"))
                self.assertNotEqual(done.returncode, 0)
                self.assertOneLine(done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertEqual(receiver.files, {})

    def test_a_receiver_that_says_ok_in_two_packets(self):
        taken = []

        def receive(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(100)
            connection.sendall(b"o")
            connection.sendall(b"k")
            taken.append(connection.recv(100))
            connection.recv(1)

        done = self.send(self.peer(receive), "--protocol", "compat", self.write("file", b"12345"))
        self.assertEqual((done.returncode, taken), (0, [b"12345"]), done.stderr)

    def test_a_receiver_that_never_says_ok_is_given_up(self):
        leave = threading.Event()
        self.addCleanup(leave.set)
        port = self.peer(lambda connection: leave.wait(PATIENCE))
        done = self.send(port, "--protocol", "compat", "--idle-timeout", "1s", self.write("file", b"12345"))
        self.assertEqual(done.returncode, 7)
        self.assertOneLine(done.stderr)

    def test_a_receiver_that_dies_midway_is_no_success(self):
        receiver = TutorialReceiver(self, deaths=1000)
        done = self.compat(receiver, self.write("file", noise(20 * MIB)))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(receiver.files, {})

    def test_a_receiver_that_comes_back_is_sent_all_of_it_again(self):
        receiver = TutorialReceiver(self, deaths=2)
        done = self.compat(receiver, "--retry-for", "30s", self.write("file", noise(20 * MIB)))
        self.assertEqual((done.returncode, len(receiver.first_reads)), (0, 3), done.stderr)
        self.assertEqual(receiver.files, {"file": noise(20 * MIB)})

    def test_standard_input_has_no_size_and_is_refused(self):
        receiver = TutorialReceiver(self)
        done = self.send(receiver.port, "--protocol", "compat", "--name", "x", "-", input=b"12345")
        self.assertEqual((done.returncode, receiver.first_reads), (4, []), done.stderr)
        self.assertOneLine(done.stderr)

    def test_our_sender_into_our_receiver(self):
        server = self.serve()
        files = {"five bytes": b"12345", "中文 文件": noise(MIB)}
        done = self.send(server, "--protocol", "compat", *[self.write(*file) for file in files.items()])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), files)


if __name__ == "__main__":
    main()
