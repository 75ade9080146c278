"""tcpsend --quick: what has the size and time of a file is taken for it."""

import json
import os

import native
from harness import Case, main, noise, summary
from native import (ACCEPT, BLOCK, BY_TIME, BYE, CANCEL, DELIVERED, INLINE, NEED, OFFER, PROMISED, QUICK_CHECK, RawReceiver,
                    RawSender, block, by_time, bye, delivered, finish, hello, need, refuse, root_of, welcome)

LARGE = 300_000
SECOND = 1_700_000_000
TIME = SECOND * 10**9 + 123_456_789


def set_time(path, nanoseconds=TIME):
    os.utime(path, ns=(nanoseconds, nanoseconds))


def statuses(done):
    """What became of each file, by its path."""
    events = map(json.loads, done.stdout.splitlines())
    return {one["path"]: one["status"] for one in events if one["type"] == "file" and one["kind"] != "directory"}


class QuickRuns(Case):
    def send_again(self, *arguments):
        done = self.send(self.server, "--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def setUp(self):
        super().setUp()
        self.server = self.serve()

    def test_a_tree_again_is_unchanged_and_hardly_sent(self):
        for number in range(300):
            self.write(f"tree/{number % 7}/{number}", noise(1000, number))
        for number in range(20):
            self.write(f"tree/large/{number}", noise(LARGE, number))
        self.write("tree/empty")
        first = self.send_again("--quick", "tree")
        self.assertEqual(set(statuses(first).values()), {"delivered"})
        before = self.delivered()
        again = self.send_again("--quick", "tree")
        self.assertEqual(set(statuses(again).values()), {"unchanged"})
        self.assertEqual(len(statuses(again)), 321)
        self.assertEqual(summary(again)["bytes"], summary(first)["bytes"])
        self.assertEqual(self.delivered(), before)

    def test_content_is_not_compared(self):
        source = self.write("file", noise(LARGE, 1))
        set_time(source)
        self.send_again(source)
        other = noise(LARGE, 2)
        (self.into / "file").write_bytes(other)
        set_time(self.into / "file")
        self.assertEqual(statuses(self.send_again("--quick", source)), {"file": "unchanged"})
        self.assertEqual(self.delivered(), {"file": other})
        self.assertEqual(statuses(self.send_again(source)), {"file": "delivered"})
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_what_has_another_time_is_compared_and_sent(self):
        source = self.write("file", noise(LARGE, 1))
        set_time(source)
        self.send_again(source)
        set_time(source, TIME + 1)
        self.assertEqual(statuses(self.send_again("--quick", source)), {"file": "unchanged"})
        self.assertEqual((self.into / "file").stat().st_mtime_ns, TIME + 1)
        source.write_bytes(noise(LARGE, 2))
        set_time(source, TIME)
        self.assertEqual(statuses(self.send_again("--quick", source)), {"file": "delivered"})
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_the_mode_is_set(self):
        source = self.write("file", noise(LARGE, 1), mode=0o640)
        self.send_again(source)
        source.chmod(0o600)
        self.assertEqual(statuses(self.send_again("--quick", source)), {"file": "unchanged"})
        self.assertEqual((self.into / "file").stat().st_mode & 0o777, 0o600)

    def test_nothing_is_removed_that_was_not_compared(self):
        source = self.write("file", b"x")
        done = self.send(self.server, "--quick", "--remove-source", source)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertTrue(source.exists())


class OffersByTime(Case):
    """To a receiver, by hand."""

    def setUp(self):
        super().setUp()
        server = self.serve()
        for name, size in ("small", 7), ("large", LARGE):
            (self.into / name).write_bytes(bytes(size))
            (self.into / name).chmod(0o644)
            set_time(self.into / name)
        self.sender = RawSender(server.port, native.PREFACE, hello(extensions=QUICK_CHECK))
        self.addCleanup(self.sender.close)
        got = self.sender.next()
        self.assertEqual(got.type, native.WELCOME)
        self.assertTrue(got.payload.endswith(QUICK_CHECK))

    def offer(self, name, size, nanoseconds=123_456_789, id=1):
        self.sender.send(by_time(id, name, size, seconds=SECOND, nanoseconds=nanoseconds))
        return self.sender.next()

    def test_what_is_there_is_unchanged(self):
        self.assertEqual(self.offer("small", 7)[:2], (DELIVERED, native.UNCHANGED))
        self.assertEqual(self.offer("large", LARGE, id=2)[:2], (DELIVERED, native.UNCHANGED))

    def test_a_small_file_is_asked_for(self):
        self.assertEqual(self.offer("small", 7, 123_456_790).type, NEED)
        self.sender.send(block(1, 0, b"content"))
        self.assertEqual(self.sender.next()[:2], (DELIVERED, 0))
        self.assertEqual((self.into / "small").read_bytes(), b"content")
        self.assertEqual((self.into / "small").stat().st_mtime_ns, TIME + 1)

    def test_a_small_file_that_arrives_damaged_is_asked_for_again(self):
        self.assertEqual(self.offer("new", 7).type, NEED)
        self.sender.send(block(1, 0, b"damaged", said=bytes(16)))
        self.assertEqual(self.sender.next().type, NEED)
        self.sender.send(block(1, 0, b"content"))
        self.assertEqual(self.sender.next().type, DELIVERED)
        self.assertEqual((self.into / "new").read_bytes(), b"content")

    def test_a_large_file_is_accepted(self):
        self.assertEqual(self.offer("large", LARGE + 1).type, ACCEPT)
        content = noise(LARGE + 1)
        self.sender.send(*(block(1, index, data) for index, data in enumerate(native.blocks_of(content))),
                         finish(1, LARGE + 1, root_of(content)), bye())
        self.assertEqual(self.sender.next_of(DELIVERED, native.REFUSE, native.ERROR)[:2], (DELIVERED, 0))
        self.assertEqual(self.sender.next_of(BYE).type, BYE)
        self.assertEqual((self.into / "large").read_bytes(), content)


class OffersOfASender(Case):
    """To a receiver by hand that says of a large file and of a small one that they are unchanged."""

    def setUp(self):
        super().setUp()
        self.large = self.write("large", noise(LARGE))
        self.first, self.second = self.write("first", b"content"), self.write("second", b"more")

    def conversation(self, answers, extensions=QUICK_CHECK):
        """Runs a sender; answers(receiver) says what becomes of the second small file. The flags of the offers, and how the
        sender ended."""
        flags = []

        def talk(connection):
            receiver = RawReceiver(connection)
            receiver.greeted(welcome(window=1, extensions=extensions))
            for id in 1, 2, 3:
                flags.append(receiver.next_of(OFFER).flags)
                if id < 3:
                    receiver.send(delivered(id, unchanged=True) if flags[-1] else refuse(id, native.REFUSED, "no"))
            receiver.next_of(BYE)
            answers(receiver)
            receiver.send(bye())

        done = self.send(self.peer(talk), "--quick", "--json", self.large, self.first, self.second)
        return flags, done

    def test_nothing_is_read_that_is_not_asked_for(self):
        def answers(receiver):
            for path in self.large, self.second:
                path.unlink()
            receiver.send(delivered(3, unchanged=True))

        flags, done = self.conversation(answers)
        self.assertEqual(flags, [BY_TIME, INLINE, BY_TIME])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(statuses(done).values()), {"unchanged"})

    def test_what_is_asked_for_is_sent(self):
        got = []

        def answers(receiver):
            receiver.send(need(3, 0))
            got.append(receiver.next())
            receiver.send(delivered(3))

        _, done = self.conversation(answers)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(got[0], native.Frame(BLOCK, 0, block(3, 0, b"more")[8:]))
        self.assertEqual(statuses(done)["second"], "delivered")

    def test_what_has_changed_since_it_was_offered_is_not(self):
        got = []

        def answers(receiver):
            before = self.second.stat().st_mtime_ns
            self.second.write_bytes(b"MORE")
            set_time(self.second, before)
            receiver.send(need(3, 0))
            got.append(receiver.next())

        _, done = self.conversation(answers)
        self.assertEqual((got[0].type, got[0].code), (CANCEL, 14))
        self.assertEqual(done.returncode, 5, done.stderr)

    def test_an_older_receiver_is_offered_what_it_knows(self):
        flags, done = self.conversation(lambda receiver: receiver.send(delivered(3, unchanged=True)), extensions=b"")
        self.assertEqual(flags, [0, INLINE, PROMISED])
        self.assertEqual(statuses(done)["second"], "unchanged")


if __name__ == "__main__":
    main()
