"""tcpchat's clients where the other end, the disk or the reader of their output is slow, full or not there."""

import contextlib
import signal
import socket
import subprocess
import time

from chat import StructuredPeer
from harness import PATIENCE, TCPCHAT, Case, main

NEWS = b"all the news that fits into a line\n"
MORE_THAN_A_PIPE_HOLDS = 2 << 20  # and the buffers of a connection's two ends may take much more


class ClientCase(Case):
    def to(self, port):
        return ["--host", "127.0.0.1", "--port", getattr(port, "port", port)]

    def stopped_by(self, process, number):
        process.send_signal(number)
        process.wait(PATIENCE)
        return process.returncode


def flood(connection):
    """Writes until the other side has gone."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(NEWS * 1000)


class PlainConnect(ClientCase):
    def test_a_server_that_is_slow_to_read_gets_all_of_a_file(self):
        content = b"".join(b"line %d\n" % number for number in range(400_000))
        got = bytearray()

        def talk(connection):
            time.sleep(3)  # longer than an answer takes that is on its way
            while data := connection.recv(1 << 16):
                got.extend(data)
            connection.sendall(b"done\n")

        with open(self.write("file", content), "rb") as file:
            process = self.start("connect", "--plain", *self.to(self.peer(talk)), program=TCPCHAT, stdin=file)
            done = self.finish(process)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertEqual(len(got), len(content))

    def test_a_full_disk_is_no_success(self):
        port = self.peer(lambda connection: connection.sendall(NEWS))
        with open("/dev/full", "wb") as full:
            done = self.run_tcpchat("connect", "--plain", *self.to(port), stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertOneLine(done.stderr)
        self.assertIn("No space left", done.stderr)

    def test_a_line_that_is_cut_is_no_success(self):
        got = []

        def talk(connection):
            while data := connection.recv(1 << 16):
                got.append(data)

        done = self.run_tcpchat("connect", "--plain", *self.to(self.peer(talk)), input=b"x" * 70_000 + b"\nafter\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("too long", done.stderr)
        self.assertEqual(b"".join(got), b"x" * 65_536 + b"\nafter\n")

    def test_a_signal_ends_it_while_nobody_reads_its_output(self):
        process = self.start("connect", "--plain", *self.to(self.peer(flood)), program=TCPCHAT,
                             stdin=subprocess.PIPE)
        self.assertTrue(process.stdout.read(1))
        time.sleep(0.5)  # the pipe is full
        self.assertEqual(self.stopped_by(process, signal.SIGTERM), 128 + signal.SIGTERM)


class Connect(ClientCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve_chat("--flood", "off")

    def connect(self, *options, **rest):
        rest.setdefault("stdin", subprocess.PIPE)
        return self.start("connect", *self.to(self.server), *options, program=TCPCHAT, **rest)

    def join(self):
        peer = StructuredPeer.greeted(self.server, "bob")
        self.addCleanup(peer.close)
        return peer

    def test_a_full_disk_is_no_success(self):
        self.join().send("hello")
        with open("/dev/full", "wb") as full:
            done = self.finish(self.connect("--since", "0", stdout=full))
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)

    def test_a_signal_ends_it_while_nobody_reads_its_output(self):
        process = self.connect("--since", "0")
        self.send_much()
        self.assertTrue(process.stdout.read(1))
        time.sleep(0.5)
        self.assertEqual(self.stopped_by(process, signal.SIGTERM), 128 + signal.SIGTERM)

    def test_a_reader_that_is_slow_gets_all_of_it(self):
        process = self.connect("--since", "0", stdin=subprocess.PIPE)
        count = self.send_much()
        time.sleep(0.5)
        got = [process.stdout.readline() for _ in range(count)]
        self.assertEqual(got[0].split(b"]", 1)[1][:2], b" 0")
        self.assertTrue(all(line.split()[1] == b"%d" % number for number, line in enumerate(got)))
        self.assertEqual(self.finish(process).returncode, 0)

    def send_much(self):
        peer = self.join()
        size = 15_000
        count = MORE_THAN_A_PIPE_HOLDS // size
        for number in range(count):
            peer.send(f"{number} " + "x" * size)
        return count


class Send(ClientCase):
    def test_nothing_to_send_does_not_hide_that_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
        self.assertEqual(self.run_tcpchat("send", *self.to(port)).returncode, 3)
        self.assertEqual(self.run_tcpchat("send", *self.to(self.serve_chat())).returncode, 0)


class History(ClientCase):
    def test_the_time_that_a_reader_takes_is_not_counted(self):
        server = self.serve_chat("--flood", "off")
        peer = StructuredPeer.greeted(server, "bob")
        self.addCleanup(peer.close)
        for number in range(100):
            peer.send(f"{number} " + "x" * 10_000)
        process = self.start("history", *self.to(server), "--timeout", "1s", program=TCPCHAT)
        time.sleep(3)
        done = self.finish(process)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 100), done.stderr)


if __name__ == "__main__":
    main()
