"""Several connections for one transfer, and what becomes of it when one of them does not do its part."""

import contextlib
import socket
import threading

from harness import PATIENCE, Case, main, noise, summary
from security import SecurityCase, key_line

MIB = 1 << 20
SIZE = 40 * MIB + 12_345  # more than any buffer on the way holds


class Splitter:
    """Stands between a sender and a receiver, and counts what each connection carries, in the order in which they come.
    hinder(number, carried) is asked before more is passed on; it returns "cut", "stall" or nothing."""

    def __init__(self, case, port, hinder=lambda number, carried: None):
        self.to = port
        self.hinder = hinder
        self.carried = []
        self.over = threading.Event()
        case.addCleanup(self.over.set)
        self.port = case.peer(self.carry)

    def carry(self, sender):
        number = len(self.carried)
        self.carried.append(0)
        with socket.create_connection(("127.0.0.1", self.to)) as receiver:
            back = threading.Thread(target=self.pump_back, args=(receiver, sender), daemon=True)
            back.start()
            self.pump(number, sender, receiver)
            back.join(PATIENCE)

    def pump(self, number, sender, receiver):
        with contextlib.suppress(OSError):
            while data := sender.recv(64 * 1024):
                trouble = self.hinder(number, self.carried[number])
                if trouble == "stall":
                    self.over.wait(PATIENCE)
                if trouble:
                    break
                receiver.sendall(data)
                self.carried[number] += len(data)
        self.end(sender, receiver)

    def pump_back(self, receiver, sender):
        with contextlib.suppress(OSError):
            while data := receiver.recv(64 * 1024):
                sender.sendall(data)
        self.end(sender, receiver)

    @staticmethod
    def end(*connections):
        for one in connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Streams(Case):
    def setUp(self):
        super().setUp()
        self.content = noise(SIZE)
        self.source = self.write("large", self.content)

    def deliver(self, *options, hinder=lambda number, carried: None):
        """Sends the file through a splitter, which is returned with the run's summary."""
        splitter = Splitter(self, self.serve().port, hinder)
        done = self.send(splitter.port, "--json", *options, self.source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"large": self.content})
        self.assertEqual(self.leftovers(), [])
        return splitter, summary(done)

    def test_one_file_travels_on_four_connections(self):
        splitter, told = self.deliver("--streams", "4")
        self.assertEqual(len(splitter.carried), 4)
        for carried in splitter.carried:
            self.assertGreater(carried, MIB)
        self.assertLess(told["bytes_sent"], SIZE + MIB)

    def test_one_is_enough_where_the_way_is_short_or_nobody_asks_for_more(self):
        for options in [], ["--streams", "auto"], ["--streams", "1"]:
            with self.subTest(options):
                splitter, _ = self.deliver(*options)
                self.assertEqual(len(splitter.carried), 1)
                (self.into / "large").unlink()

    def test_what_a_connection_loses_is_sent_again(self):
        splitter, _ = self.deliver("--streams", "3",
                                   hinder=lambda number, carried: "cut" if number == 1 and carried > MIB else None)
        self.assertGreater(len(splitter.carried), 2)

    def test_a_connection_that_stands_still_does_not_hold_up_the_rest(self):
        splitter, told = self.deliver("--streams", "2", "--idle-timeout", "20s",
                                   hinder=lambda number, carried: "stall" if number == 1 and carried > MIB else None)
        self.assertIn(len(splitter.carried), (2, 3))  # the one that was cut may get a successor
        self.assertLess(told["seconds"], 18)

    def test_connections_that_do_not_come_about_cost_nothing(self):
        splitter, _ = self.deliver("--streams", "4", hinder=lambda number, carried: "cut" if number > 0 else None)
        self.assertGreater(len(splitter.carried), 1)

    def test_a_lost_first_connection_ends_the_others_and_all_is_resumed(self):
        cut = []

        def hinder(number, carried):
            if number == 0 and carried > 4 * MIB:
                cut.append(number)
                return "cut"
            return None

        self.deliver("--streams", "3", "--retry-for", "60s", hinder=hinder)
        self.assertEqual(cut, [0])

    def test_a_rate_holds_for_all_connections_together(self):
        self.source = self.write("large", b"")
        self.content = noise(3 * MIB)
        self.source.write_bytes(self.content)
        splitter, told = self.deliver("--streams", "4", "--limit-rate", "1M")
        self.assertGreater(told["seconds"], 2)

    def test_wrong_numbers_are_refused(self):
        for number in "0", "17", "-1", "many", "", "4x":
            with self.subTest(number):
                done = self.send(1, "--streams", number, self.source)
                self.assertEqual(done.returncode, 2)
                self.assertIn("--streams", done.stderr)


class KeyedStreams(SecurityCase):
    def test_with_a_key(self):
        content = noise(SIZE)
        source = self.write("large", content)
        key = self.key_file("key", key_line("k"))
        server = self.serve("--key", key)
        splitter = Splitter(self, server.port)
        done = self.send(splitter.port, "--key", key, "--streams", "4", source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"large": content})
        self.assertEqual(len(splitter.carried), 4)


if __name__ == "__main__":
    main()
