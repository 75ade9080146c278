"""Large transfers killed at many points, and small ones at every point."""

import contextlib
import filecmp
import os
import pathlib
import shutil
import signal
import socket
import struct
import tempfile
import threading
import time

from harness import PATIENCE, main, noise, summary, until
from test_resume import AT, BLOCK, SIZE, Interruptions

GIB = 1 << 30
DEATHS = 20
FINISH = 0x06


class AtTwentyPointsOfAGibibyte(Interruptions):
    """One side dies again and again; what travels in all is little more than the file."""

    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="tcpsend-e2e-"))
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.source = directory / "large"
        with open(cls.source, "wb") as file:
            for _ in range(GIB >> 24):
                file.write(os.urandom(1 << 24))

    def points(self):
        """Gets to one point of the transfer after the other, each time with blocks that have just been written."""
        for death in range(1, DEATHS + 1):
            since = self.part_written()
            yield lambda: self.until_part(death * GIB // (DEATHS + 1), since)

    def assertIdentical(self):
        self.assertTrue(filecmp.cmp(self.source, self.into / "large", shallow=False))
        self.assertEqual(self.leftovers(), [])

    def test_the_sender_is_killed_and_run_again(self):
        server = self.serve("--json", "--no-fsync")

        def ended():
            return [event["bytes"] for event in server.events() if event["type"] == "summary"]

        for death, reach in enumerate(self.points(), 1):
            sender = self.start_sending(server, self.source)
            reach()
            sender.kill()
            self.assertLess(sender.wait(), 0, "it was to be killed before its end")
            until(lambda: len(ended()) == death, what="the end of the session")
            self.assertEqual(self.delivered(), {})
        done = self.send(server, self.source)
        self.assertEqual(done.returncode, 0, done.stderr)
        until(lambda: len(ended()) == DEATHS + 1, what="the end of the session")
        self.assertLess(sum(ended()), 1.1 * GIB)
        self.assertIdentical()

    def test_the_receiver_is_killed_and_returned_to(self):
        server = self.serve("--no-fsync")
        sender = self.start_sending(server, "--retry-for", "60s", "--json", self.source)
        for reach in self.points():
            reach()
            server.kill()
            self.assertEqual(self.delivered(), {})
            server = self.serve("--no-fsync", "--port", str(server.port))
        done = self.finish(sender)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(summary(done)["bytes_sent"], 1.1 * GIB)
        self.assertIdentical()


class Relay:
    """Stands between a sender and a receiver. on_frame(number, passed_on, frame) sees every frame, before and after it
    is passed on; when it returns true the connection is cut."""

    def __init__(self, case, port, on_frame):
        self.to = port
        self.on_frame = on_frame
        self.frames = 0
        self.lock = threading.Lock()
        self.port = case.peer(self.carry)

    def carry(self, sender):
        with self.lock:  # while one receiver takes another's place nobody gets through
            receiver = socket.create_connection(("127.0.0.1", self.to))
        with receiver:
            back = threading.Thread(target=self.pump, args=(receiver, sender, 0))
            back.start()
            self.pump(sender, receiver, 8)
            back.join()

    def pump(self, source, target, preface):
        with contextlib.suppress(OSError, EOFError):  # one of them has left
            target.sendall(receive(source, preface))
            cut = False
            while not cut:
                head = receive(source, 8)
                frame = head + receive(source, struct.unpack(">I", head[4:])[0])
                with self.lock:
                    self.frames += 1
                    number = self.frames
                    cut = self.on_frame(number, False, frame)
                    if not cut:
                        target.sendall(frame)
                        cut = self.on_frame(number, True, frame)
        for one in source, target:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def receive(source, size):
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class AtEveryFrame(Interruptions):
    """One side is killed at one frame of a conversation after the other."""

    def setUp(self):
        super().setUp()
        self.tree = {"large": noise(5 * BLOCK + 1), "other": noise(2 * BLOCK, seed=2), "small": b"small"}
        self.whole = {"tree": None, **{f"tree/{name}": content for name, content in self.tree.items()}}
        for name, content in self.tree.items():
            self.write("tree/" + name, content)

    def converse(self, dies_at, victim="receiver"):
        """Kills one side once, when dies_at(number, passed_on, frame) is true; another takes its place and ends it all.
        False if there was no such frame."""
        self.empty()
        server = self.serve()
        started = threading.Event()
        seen = []

        def on_frame(*at):
            if seen or not dies_at(*at):
                return False
            started.wait(PATIENCE)
            (server if victim == "receiver" else sender).kill()
            seen.append(self.delivered())
            if victim == "receiver":
                relay.to = self.serve().port
            return True

        relay = Relay(self, server.port, on_frame)
        sender = self.start_sending(relay.port, "--retry-for", "60s", self.dir / "tree")
        started.set()
        done = self.finish(sender)
        with relay.lock:  # until on_frame is through
            pass
        if seen and victim == "sender":
            done = self.send(relay.port, self.dir / "tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        for visible in seen:
            self.assertLessEqual(visible.items(), self.whole.items())
        self.assertEqual(self.delivered(), self.whole)
        self.assertEqual([name for name in self.leftovers() if not name.endswith(".tmp")], [])
        return bool(seen)

    def check_every_frame(self, victim):
        for passed_on in False, True:
            number = 1
            while self.converse(lambda *at: at[:2] == (number, passed_on), victim):
                number += 1
            self.assertGreater(number, 15, "frames of a whole conversation")

    def test_a_receiver_killed_before_or_after_any_frame(self):
        self.check_every_frame("receiver")

    def test_a_sender_killed_before_or_after_any_frame(self):
        self.check_every_frame("sender")

    def test_a_receiver_killed_while_it_puts_files_in_place(self):
        for moment in range(12):

            def dies_at(number, passed_on, frame):
                if frame[0] != FINISH or not passed_on:
                    return False
                time.sleep(moment * 0.0004)  # this waits for nothing: any moment will do
                return True

            self.assertTrue(self.converse(dies_at))


class AnAdministrator(Interruptions):
    def test_a_receiver_asked_to_end_gives_sessions_ten_seconds_and_the_next_one_goes_on(self):
        source = self.write("file", noise(SIZE))
        server = self.serve("--json")
        sender = self.start_sending(server, "--retry-for", "60s", "--limit-rate", "500K", "--json", source)
        self.until_part(AT)
        server.signal(signal.SIGTERM)
        until(lambda: "stopping" in server.log(), what="the signal")
        asked = time.monotonic()
        self.serve("--port", str(server.port))
        self.assertEqual(server.wait(), 0)
        self.assertGreater(time.monotonic() - asked, 9)
        self.assertLess(time.monotonic() - asked, 13)
        self.assertEqual(self.delivered(), {})
        done = self.finish(sender)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(summary(done)["bytes_sent"], 1.1 * SIZE)
        self.assertArrived(source)


if __name__ == "__main__":
    main()
