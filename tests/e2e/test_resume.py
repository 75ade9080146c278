# ctest: tsan
"""Transfers that were interrupted, and what they left damaged or outdated: the next one ends with the right content."""

import os
import shutil
import signal

from harness import PATIENCE, Case, main, noise, summary, until

BLOCK = 65536  # of files up to 1 GiB
SIZE = 91 * BLOCK + 12_345
AT = 6 * BLOCK  # where transfers are interrupted
RATE = "2M"  # slow enough to be interrupted there
OVERHEAD = 8192  # frames and their headers, of one connection
HEADER, RECORD = 15, 37  # of a journal, without the path


class Interruptions(Case):
    """What the tests below have in common: a transfer that is killed in the middle, and the next one."""

    def empty(self):
        shutil.rmtree(self.into)
        self.into.mkdir()

    def part_size(self):
        return sum(path.stat().st_size for path in self.into.glob(".tcpsend/*.part"))

    def part_written(self):
        """When a block was last written to a part file."""
        return max((path.stat().st_mtime_ns for path in self.into.glob(".tcpsend/*.part")), default=0)

    def until_part(self, at, since=0):
        """Waits until a part file has grown to a size, and was written to after a time."""
        until(lambda: self.part_size() >= at and self.part_written() > since, what=f"a part file of {at} bytes")

    def left(self, suffix):
        (path,) = self.into.glob(".tcpsend/*." + suffix)
        return path

    def interrupt(self, source, *options, victim="sender", at=AT, serve=()):
        """Kills one side in the middle of a transfer of source and ends the other; returns the part file's size."""
        server = self.serve(*serve)
        before, since = self.delivered(), self.part_written()
        sender = self.start_sending(server, "--limit-rate", RATE, *options, source)
        self.until_part(at, since)
        if victim == "sender":
            sender.kill()
            until(lambda: "session ended" in server.log(), what="the end of the session")
            server.kill()
        else:
            server.kill()
            sender.kill()
        self.assertLess(sender.wait(), 0, "it was to be killed before its end")
        self.assertEqual(self.delivered(), before)
        return self.part_size()

    def resume(self, source, *options, serve=(), code=0):
        """Sends source into a new receiver; returns the summary."""
        server = self.serve(*serve)
        done = self.send(server, "--json", *options, source)
        self.assertEqual(done.returncode, code, done.stderr)
        server.kill()
        return summary(done)

    def assertArrived(self, source, name=None):
        self.assertEqual(self.delivered(), {name or source.name: source.read_bytes()})
        self.assertEqual(self.leftovers(), [])


class AfterADeath(Interruptions):
    def test_a_killed_sender_run_again_sends_what_is_missing(self):
        source = self.write("file", noise(SIZE))
        kept = self.interrupt(source)
        done = self.resume(source)
        self.assertLess(done["bytes_sent"], SIZE - kept + BLOCK + OVERHEAD)
        self.assertArrived(source)

    def test_a_killed_receiver_has_next_to_all_that_arrived(self):
        source = self.write("file", noise(SIZE))
        kept = self.interrupt(source, victim="receiver")
        done = self.resume(source)
        self.assertLess(done["bytes_sent"], SIZE - kept + 4 * BLOCK + OVERHEAD)
        self.assertArrived(source)

    def test_a_transfer_interrupted_again_and_again_goes_on_each_time(self):
        source = self.write("file", noise(SIZE))
        for turn, victim in enumerate(["sender", "receiver", "sender", "receiver"], 1):
            self.interrupt(source, victim=victim, at=turn * AT)
        done = self.resume(source)
        self.assertLess(done["bytes_sent"], SIZE - 4 * AT + 5 * BLOCK + OVERHEAD)
        self.assertArrived(source)

    def test_a_sender_ended_by_a_signal_says_so_and_can_be_run_again(self):
        source = self.write("file", noise(SIZE))
        for number, at in (signal.SIGINT, AT), (signal.SIGTERM, 2 * AT):
            server = self.serve()
            sender = self.start_sending(server, "--limit-rate", RATE, source)
            self.until_part(at)
            sender.send_signal(number)
            self.assertEqual(sender.wait(PATIENCE), 128 + number)
            server.kill()
            self.assertEqual(self.delivered(), {})
        self.assertLess(self.resume(source)["bytes_sent"], SIZE - 2 * AT + BLOCK + OVERHEAD)
        self.assertArrived(source)

    def test_a_receiver_that_dies_and_comes_back_is_returned_to(self):
        source = self.write("file", noise(SIZE))
        server = self.serve()
        sender = self.start_sending(server, "--retry-for", "60s", "--limit-rate", "4M", source)
        for at in AT, 3 * AT, 5 * AT:
            self.until_part(at)
            server.kill()
            server = self.serve("--port", str(server.port))
        done = self.finish(sender)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertArrived(source)

    def test_a_receiver_that_is_asked_to_end_finishes_what_it_can(self):
        source = self.write("file", noise(SIZE))
        server = self.serve()
        sender = self.start_sending(server, "--limit-rate", "8M", source)
        self.until_part(AT)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(sender.wait(PATIENCE), 0)
        self.assertArrived(source)

    def test_a_receiver_asked_twice_ends_at_once_and_the_next_one_on_the_port_goes_on(self):
        source = self.write("file", noise(SIZE))
        server = self.serve()
        sender = self.start_sending(server, "--retry-for", "60s", "--limit-rate", "4M", source)
        self.until_part(AT)
        server.signal(signal.SIGTERM)
        until(lambda: "stopping" in server.log(), what="the first signal")
        server.signal(signal.SIGTERM)
        server.wait()
        self.assertEqual(self.delivered(), {})
        self.serve("--port", str(server.port))
        done = self.finish(sender)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertArrived(source)


class AfterDamage(Interruptions):
    """The same interrupted transfer, damaged in many ways."""

    left_behind = {}  # name to content, made once for all tests

    def setUp(self):
        super().setUp()
        self.source = self.write("file", noise(SIZE))
        if not self.left_behind:
            self.interrupt(self.source)
            self.left_behind.update({path.name: path.read_bytes() for path in (self.into / ".tcpsend").iterdir()})
        self.restore()
        self.header = HEADER + len("file")
        self.part_end = self.left("part").stat().st_size
        self.journal_end = self.left("journal").stat().st_size
        self.records = (self.journal_end - self.header) // RECORD
        self.missing = SIZE - self.records * BLOCK

    def restore(self):
        self.empty()
        (self.into / ".tcpsend").mkdir(mode=0o700)
        for name, content in self.left_behind.items():
            (self.into / ".tcpsend" / name).write_bytes(content)

    def check(self, what, damage, again=None):
        """Damages what is left by damage(part, journal); `again`: how many blocks may have to travel again."""
        with self.subTest(what):
            self.restore()
            damage(self.left("part"), self.left("journal"))
            sent = self.resume(self.source)["bytes_sent"]
            if again is not None:
                self.assertLess(sent, self.missing + again * BLOCK + OVERHEAD)
            self.assertArrived(self.source)

    def lengths(self, size, edges):
        return sorted({0, 1, size // 2, size - 1, *edges})

    def test_none_at_all(self):
        self.assertGreaterEqual(self.records, AT // BLOCK)
        self.check("undamaged", lambda part, journal: None, again=0)

    def test_the_part_file_or_the_journal_is_deleted(self):
        self.check("part file", lambda part, journal: part.unlink())
        self.check("journal", lambda part, journal: journal.unlink())

    def test_the_journal_is_truncated(self):
        head = self.header
        for length in self.lengths(self.journal_end, [
                7, 8, 11, head - 1, head, head + 1, head + RECORD - 1, head + RECORD, head + 3 * RECORD + 5]):
            whole = max(0, (length - head) // RECORD)
            self.check(f"to {length}", lambda part, journal: os.truncate(journal, length), again=self.records - whole)

    def test_a_byte_of_the_journal_is_flipped(self):
        head = self.header
        in_header = [0, 7, 8, 9, 10, 11, head - 5, head - 4, head - 1]
        in_records = [head + at for at in (0, 1, 8, 9, 16, 17, 32, 33, 36, 5 * RECORD, 5 * RECORD + 20)]
        for offset in in_header + in_records + [self.journal_end - 1]:
            again = self.records if offset < head else 1
            self.check(f"at {offset}", lambda part, journal: flip(journal, offset), again=again)

    def test_the_journal_goes_on_with_garbage(self):
        for length in 1, RECORD, 1000:
            self.check(f"{length} bytes", lambda part, journal: append(journal, noise(length)), again=0)

    def test_the_part_file_is_truncated(self):
        for length in self.lengths(self.part_end, [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]):
            again = self.records - length // BLOCK
            self.check(f"to {length}", lambda part, journal: os.truncate(part, length), again=again)

    def test_a_byte_of_the_part_file_is_flipped(self):
        for offset in 0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 777, self.part_end // 2, self.part_end - 1:
            self.check(f"at {offset}", lambda part, journal: flip(part, offset), again=1)

    def test_the_part_file_goes_on_with_garbage(self):
        self.check("to the size", lambda part, journal: append(part, noise(SIZE - self.part_end)), again=0)
        self.check("past the size", lambda part, journal: append(part, noise(2 * SIZE)), again=0)

    def test_the_part_file_is_zeros(self):
        def zeros(part, journal):
            os.truncate(part, 0)
            os.truncate(part, self.part_end)

        self.check("all", zeros)

    def test_both_are_those_of_another_file(self):
        self.write("other", noise(SIZE, seed=2))
        self.empty()
        self.interrupt(self.dir / "other")
        strange_part, strange_journal = self.left("part").read_bytes(), self.left("journal").read_bytes()

        def exchange(part, journal):
            part.write_bytes(strange_part)
            journal.write_bytes(strange_journal)

        self.check("both", exchange)
        self.check("part file", lambda part, journal: part.write_bytes(strange_part))
        self.check("journal", lambda part, journal: journal.write_bytes(strange_journal))


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x55]))


def append(path, content):
    with open(path, "ab") as file:
        file.write(content)


class AfterAChange(Interruptions):
    """The source changes between the interrupted transfer and the next one."""

    def setUp(self):
        super().setUp()
        self.content = noise(SIZE)
        self.source = self.write("file", self.content)

    def change(self, content, keep_time=False):
        """Gives the source other content in place."""
        before = self.source.stat()
        with open(self.source, "r+b") as file:
            file.truncate(len(content))
            file.write(content)
        if keep_time:
            os.utime(self.source, ns=(before.st_atime_ns, before.st_mtime_ns))

    def check(self, content, keep_time=False):
        self.interrupt(self.source)
        self.change(content, keep_time)
        sent = self.resume(self.source)["bytes_sent"]
        self.assertEqual(self.delivered(), {"file": content})
        self.assertEqual((self.into / "file").stat().st_mtime_ns, self.source.stat().st_mtime_ns)
        return sent

    def test_it_was_appended_to(self):
        sent = self.check(self.content + noise(3 * BLOCK + 7, seed=2))
        self.assertLess(sent, SIZE - AT + 4 * BLOCK + OVERHEAD)
        self.assertEqual(self.leftovers(), [])

    def test_it_was_cut_behind_what_had_arrived(self):
        self.check(self.content[:60 * BLOCK + 1])
        self.assertEqual(self.leftovers(), [])

    def test_it_was_cut_within_what_had_arrived(self):
        sent = self.check(self.content[:5 * BLOCK + 1])
        self.assertLess(sent, BLOCK + OVERHEAD)
        self.assertEqual(self.leftovers(), [])

    def test_it_was_cut_to_what_fits_an_offer(self):
        self.check(self.content[:1000])

    def test_it_was_emptied(self):
        self.check(b"")

    def test_it_was_rewritten_with_the_same_size(self):
        self.check(noise(SIZE, seed=2))

    def test_it_was_rewritten_with_the_same_size_and_time(self):
        self.check(noise(SIZE, seed=2), keep_time=True)

    def test_one_byte_of_what_had_arrived_changed_and_the_time_did_not(self):
        changed = bytearray(self.content)
        changed[3 * BLOCK + 5] ^= 1
        sent = self.check(bytes(changed), keep_time=True)
        self.assertLess(sent, SIZE - AT + 2 * BLOCK + OVERHEAD)

    def test_what_had_arrived_became_zeros(self):
        self.check(bytes(20 * BLOCK) + self.content[20 * BLOCK:])

    def test_another_file_took_its_place(self):
        self.interrupt(self.source)
        other = self.write("other", noise(SIZE + 100, seed=2))
        other.replace(self.source)
        self.resume(self.source)
        self.assertArrived(self.source)

    def test_it_was_rewritten_while_its_sender_waited_for_the_receiver(self):
        for keep_time in False, True:
            with self.subTest(keep_time=keep_time):
                since = self.part_written()
                server = self.serve()
                sender = self.start_sending(server, "--retry-for", "60s", "--limit-rate", RATE, self.source)
                self.until_part(AT, since)
                server.kill()
                self.change(noise(SIZE, seed=3 + keep_time), keep_time)
                server = self.serve("--port", str(server.port))
                done = self.finish(sender)
                self.assertEqual(done.returncode, 5, done.stderr)
                self.assertIn("file", done.stderr)
                self.assertEqual(self.delivered(), {})
                server.kill()
        self.resume(self.source)
        self.assertArrived(self.source)

    def test_the_block_size_changed(self):
        # More than 1 GiB makes larger blocks; holes make it quick.
        small, large = 900 << 20, 1500 << 20
        for before, after in (large, small), (small, large):
            with self.subTest(before=before, after=after):
                self.empty()
                self.source.write_bytes(self.content)
                os.truncate(self.source, before)
                self.interrupt(self.source)
                os.truncate(self.source, after)
                self.assertLess(self.resume(self.source)["bytes_sent"], SIZE + 6 * BLOCK)
                there = self.into / "file"
                self.assertEqual(there.stat().st_size, after)
                with open(there, "rb") as file:
                    self.assertEqual(file.read(SIZE), self.content)
                    self.assertEqual(os.lseek(file.fileno(), SIZE + 2 * BLOCK, os.SEEK_HOLE), SIZE + 2 * BLOCK)
                    with self.assertRaises(OSError):  # nothing but a hole to the end
                        os.lseek(file.fileno(), SIZE + 2 * BLOCK, os.SEEK_DATA)
                self.assertEqual(self.leftovers(), [])


class WithAnother(Interruptions):
    """Several sources, or several versions, of one name."""

    def setUp(self):
        super().setUp()
        self.a = self.write("a/file", noise(SIZE, seed=1))
        self.b = self.write("b/file", noise(SIZE - 3 * BLOCK, seed=2))

    def test_an_unfinished_transfer_from_another_source_leaves_no_trace(self):
        self.interrupt(self.a)
        self.resume(self.b)
        self.assertArrived(self.b)

    def test_two_sources_interrupted_in_turn_leave_no_trace(self):
        self.interrupt(self.a, at=3 * AT)
        self.interrupt(self.b, victim="receiver")
        self.interrupt(self.a)
        self.interrupt(self.b)
        self.resume(self.a)
        self.assertArrived(self.a)
        self.resume(self.b)
        self.assertArrived(self.b)

    def test_an_older_version_stays_in_place_until_the_newer_is_whole(self):
        self.resume(self.a)
        self.interrupt(self.b)
        self.interrupt(self.b, victim="receiver")
        self.resume(self.b)
        self.assertArrived(self.b)

    def test_an_older_version_and_an_unfinished_transfer_are_both_made_use_of(self):
        self.resume(self.a)
        newer = self.write("c/file", noise(50 * BLOCK, seed=3) + self.a.read_bytes()[50 * BLOCK:])
        kept = self.interrupt(newer)
        self.assertLess(self.resume(newer)["bytes_sent"], 50 * BLOCK - AT + BLOCK + OVERHEAD, kept)
        self.assertArrived(newer)

    def test_an_unfinished_transfer_beside_an_older_version_that_is_wanted_again(self):
        self.resume(self.a)
        self.interrupt(self.b)
        self.assertLess(self.resume(self.a)["bytes_sent"], self.part_size() + SIZE)
        self.assertArrived(self.a)

    def test_keeping_both_is_resumed_and_leaves_the_older_alone(self):
        both = ["--on-conflict", "keep-both"]
        # Of the size of the older one, so that all of it is compared, and sent from its beginning.
        newer = self.write("c/file", noise(SIZE, seed=2))
        self.resume(self.a)
        kept = self.interrupt(newer, serve=both)
        self.assertLess(self.resume(newer, serve=both)["bytes_sent"], SIZE - kept + BLOCK + OVERHEAD)
        self.assertEqual(self.delivered(), {"file": self.a.read_bytes(), "file.1": newer.read_bytes()})
        self.assertEqual(self.leftovers(), [])

    def test_two_senders_of_one_name_at_once_deliver_one_after_the_other(self):
        server = self.serve()
        first = self.start_sending(server, "--limit-rate", "4M", self.a)
        self.until_part(AT)
        done = self.send(server, self.b)
        self.assertIn("another sender", done.stderr)
        self.assertEqual((first.wait(PATIENCE), done.returncode), (0, 0))
        self.assertArrived(self.b)

    def test_the_second_of_two_senders_goes_on_when_the_first_dies(self):
        server = self.serve()
        first = self.start_sending(server, "--limit-rate", RATE, self.a)
        self.until_part(AT)
        second = self.start_sending(server, self.b)
        until(lambda: server.log().count("another sender") > 0, what="the refusal")
        first.kill()
        self.assertEqual(second.wait(PATIENCE), 0)
        self.assertArrived(self.b)

    def test_many_senders_of_one_name_all_end_and_one_of_them_is_there_whole(self):
        server = self.serve()
        sources = [self.write(f"{i}/file", noise(5 * BLOCK + i, seed=i)) for i in range(8)]
        senders = [self.start_sending(server, source) for source in sources]
        for sender in senders:
            done = self.finish(sender)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.delivered()["file"], [source.read_bytes() for source in sources])
        self.assertEqual(self.leftovers(), [])


class AVersionInPlace(Interruptions):
    def test_an_identical_file_is_recognised_and_gets_mode_and_time(self):
        source = self.write("file", noise(SIZE))
        self.resume(source)
        inode = (self.into / "file").stat().st_ino
        source.chmod(0o600)
        os.utime(source, ns=(1_500_000_000_000_000_001, 1_500_000_000_000_000_001))
        done = self.resume(source)
        self.assertEqual((done["unchanged"], done["files"]), (1, 1))
        self.assertLess(done["bytes_sent"], OVERHEAD)
        there = (self.into / "file").stat()
        self.assertEqual((there.st_ino, there.st_mode & 0o777), (inode, 0o600))
        self.assertEqual(there.st_mtime_ns, 1_500_000_000_000_000_001)
        self.assertArrived(source)

    def test_only_the_blocks_that_differ_travel(self):
        content = bytearray(noise(SIZE))
        source = self.write("file", content)
        self.resume(source)
        for offset in 0, 40 * BLOCK + 17, SIZE - 1:
            content[offset] ^= 1
        source.write_bytes(content)
        sent = self.resume(source)["bytes_sent"]
        self.assertLess(sent, 2 * BLOCK + SIZE % BLOCK + OVERHEAD)
        self.assertGreater(sent, 2 * BLOCK + SIZE % BLOCK)
        self.assertArrived(source)

    def test_a_file_that_grew_sends_its_end(self):
        source = self.write("file", noise(SIZE))
        self.resume(source)
        append(source, noise(BLOCK, seed=2))
        self.assertLess(self.resume(source)["bytes_sent"], 2 * BLOCK + OVERHEAD)
        self.assertArrived(source)

    def test_a_file_that_shrank_sends_its_end(self):
        source = self.write("file", noise(SIZE))
        self.resume(source)
        os.truncate(source, 50 * BLOCK + 1)
        self.assertLess(self.resume(source)["bytes_sent"], BLOCK + OVERHEAD)
        self.assertArrived(source)


if __name__ == "__main__":
    main()
