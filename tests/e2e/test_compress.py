# ctest: asan
"""Content that is compressed on its way: by tcpsend, for tcpsend, and with other programs at either end."""

import random
import signal
import struct

from harness import PATIENCE, Case, main, noise, peak_memory, sanitized, summary, until
from native import (ACCEPT, BLOCK, BYE, COMPRESSED, DELIVERED, ERROR, FINISH, HELLO, NEED, NOT_VERIFIED, OFFER, REFUSE,
                    SMALLEST, VIOLATION, WELCOME, ZSTD, RawReceiver, RawSender, accept, block, blocks_of, bye, compressed,
                    compressed_block, decompressed, delivered, digest, finish, hello, offer, promised, root_of, stream,
                    welcome)

MIB = 1 << 20
WORDS = [bytes(random.Random(i).choices(b"etaoinshrdlu", k=3 + i % 7)) for i in range(500)]


def text(size, seed=1):
    """`size` bytes that shrink to less than half."""
    return b" ".join(random.Random(seed).choices(WORDS, k=size // 4))[:size]


class Sending(Case):
    def sent(self, *arguments, server=None, **rest):
        """Sends, successfully; the summary."""
        done = self.send(server or self.serve(), "--json", *arguments, **rest)
        self.assertEqual(done.returncode, 0, done.stderr)
        return summary(done)

    def test_text_costs_less_than_half_on_the_network(self):
        source = self.write("file", text(3 * MIB + 5))
        done = self.sent("--compress", "zstd", source)
        self.assertEqual(done["bytes"], 3 * MIB + 5)
        self.assertLess(done["bytes_sent"], 1.5 * MIB)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_off_sends_it_as_it_is(self):
        source = self.write("file", text(MIB))
        self.assertGreater(self.sent("--compress", "off", source)["bytes_sent"], MIB)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_what_does_not_shrink_costs_no_more(self):
        source = self.write("file", noise(3 * MIB + 5))
        done = self.sent("--compress", "zstd", source)
        self.assertLess(done["bytes_sent"], 3 * MIB + 8192)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_a_file_that_shrinks_in_parts(self):
        source = self.write("file", noise(MIB) + text(MIB) + noise(MIB, 2) + bytes(MIB))
        done = self.sent("--compress", "zstd", source)
        self.assertLess(done["bytes_sent"], 3 * MIB)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_auto_compresses_for_a_slow_connection(self):
        source = self.write("file", text(6 * MIB))
        done = self.sent("--limit-rate", "2M", source)
        self.assertLess(done["bytes_sent"], 5 * MIB)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_standard_input(self):
        content = text(3 * MIB + 100)
        done = self.sent("--compress", "zstd", "--name", "x", "-", input=content)
        self.assertLess(done["bytes_sent"], 1.6 * MIB)
        self.assertEqual(self.delivered(), {"x": content})

    def test_an_unknown_word_is_usage(self):
        done = self.send(1, "--compress", "gzip", "file")
        self.assertEqual(done.returncode, 2)
        self.assertIn("auto|zstd|off", done.stderr)

    def test_an_interrupted_transfer_goes_on(self):
        source = self.write("file", text(8 * MIB))
        server = self.serve()
        options = "--compress", "zstd", "--limit-rate", "1M"
        sender = self.start_sending(server, *options, source)
        until(lambda: sum(path.stat().st_size for path in self.into.glob(".tcpsend/*.part")) > 3 * MIB)
        sender.send_signal(signal.SIGKILL)
        sender.wait(PATIENCE)
        until(lambda: "session ended" in server.log())
        done = self.sent("--compress", "zstd", source, server=server)
        self.assertLess(done["bytes_sent"], 2.6 * MIB)  # of the 8 MiB about 5 were left
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_only_what_changed_is_sent_compressed_or_not(self):
        content = bytearray(text(4 * MIB))
        source = self.write("file", content)
        server = self.serve()
        self.sent("--compress", "off", source, server=server)
        content[2 * MIB + 7] ^= 1
        source.write_bytes(content)
        self.assertLess(self.sent("--compress", "zstd", source, server=server)["bytes_sent"], SMALLEST)
        self.assertEqual(self.delivered(), {"file": bytes(content)})

    def test_memory_does_not_depend_on_what_it_unfolds_to(self):
        source = self.write("zeros")
        with open(source, "r+b") as file:
            for _ in range(96):
                file.write(b"\x01" * MIB)
        server = self.serve("--min-free", "0")
        before = peak_memory(server.pid)
        done = self.sent("--compress", "zstd", source, server=server)
        self.assertLess(done["bytes_sent"], MIB)
        if not sanitized():
            self.assertLess(peak_memory(server.pid) - before, 16 * MIB)


class OtherReceivers(Case):
    """What arrives at a receiver of another make, block by block."""

    def receive(self, *arguments, extensions, content):
        """Sends a file to one whose WELCOME has these extensions: what HELLO said, and the BLOCK frames."""
        source = self.write("file", content)
        got = {}

        def talk(connection):
            peer = RawReceiver(connection)
            peer.take(8)
            got["hello"] = peer.next_of(HELLO).payload
            peer.send(welcome(extensions=extensions))
            peer.next_of(OFFER)
            peer.send(accept(1))
            got["blocks"] = []
            while (one := peer.next_of(BLOCK, FINISH)).type == BLOCK:
                got["blocks"].append(one)
            peer.send(delivered(1), bye())
            peer.rest()

        done = self.send(self.peer(talk), *arguments, source)
        self.assertEqual(done.returncode, 0, done.stderr)
        return got["hello"], got["blocks"]

    def test_one_that_knows_no_extension_gets_plain_blocks(self):
        content = text(5 * SMALLEST)
        for mode in "auto", "zstd", "off":
            with self.subTest(mode=mode):
                said, blocks = self.receive("--compress", mode, extensions=b"", content=content)
                self.assertEqual([one.flags for one in blocks], [0] * 5)
                self.assertEqual(b"".join(one.payload[28:] for one in blocks), content)
                self.assertEqual(ZSTD in said, mode != "off")

    def test_one_that_chose_zstd_can_undo_each_block_by_itself(self):
        content = text(3 * SMALLEST) + noise(2 * SMALLEST) + text(100)
        _, blocks = self.receive("--compress", "zstd", extensions=ZSTD, content=content)
        self.assertEqual([one.flags for one in blocks], [COMPRESSED] * 3 + [0] * 2 + [COMPRESSED])
        for one, expected in zip(blocks, blocks_of(content)):
            data = one.payload[28:]
            if one.flags:
                self.assertLess(len(data), len(expected))
                data = decompressed(data, len(expected))
            self.assertEqual(data, expected)
            self.assertEqual(one.payload[12:28], digest(expected))

    def test_one_that_chooses_what_was_not_offered_breaks_the_rules(self):
        def talk(connection):
            receiver = RawReceiver(connection)
            receiver.greeted(welcome(extensions=said))
            receiver.read_away()  # to close without would be a reset, which may come first

        for mode, said in ("off", ZSTD), ("zstd", bytes.fromhex("0001 0001 02")):
            with self.subTest(mode=mode):
                done = self.send(self.peer(talk), "--compress", mode, self.write("file", text(100_000)))
                self.assertEqual(done.returncode, 3)
                self.assertIn("the receiver broke the protocol", done.stderr)


class OtherSenders(Case):
    CONTENT = text(SMALLEST + 1000)
    FIRST, LAST = blocks_of(CONTENT)

    def setUp(self):
        super().setUp()
        self.server = self.serve("--min-free", "0", "--idle-timeout", "5s")

    def opened(self, extensions=ZSTD, offered=None, accepted=True, path="file"):
        """A sender whose file was accepted, and what WELCOME said of extensions."""
        sender = RawSender(self.server.port)
        self.addCleanup(sender.close)
        said = sender.greet(extensions=extensions).payload[18:]
        sender.send(offered or offer(1, path, size=len(self.CONTENT)))
        if accepted:
            sender.next_of(ACCEPT)
        return sender, said

    def assertViolation(self, sender):
        last = sender.next_of(ERROR)
        self.assertEqual(last.code, VIOLATION)
        self.assertEqual(self.delivered(), {})

    def test_blocks_of_any_kind_make_the_file(self):
        sender, said = self.opened()
        self.assertEqual(said, ZSTD)
        sender.send(block(1, 1, self.LAST), compressed_block(1, 0, self.FIRST),
                    finish(1, len(self.CONTENT), root_of(self.CONTENT)), bye())
        sender.next_of(DELIVERED)
        sender.next_of(BYE)
        self.assertEqual(self.delivered(), {"file": self.CONTENT})

    def test_one_that_offers_nothing_is_told_nothing(self):
        for extensions in b"", bytes.fromhex("0001 0001 02"), bytes.fromhex("0001 0000"):
            with self.subTest(extensions=extensions):
                sender, said = self.opened(extensions, path=extensions.hex() or "none")
                self.assertEqual(said, b"")
                sender.send(compressed_block(1, 0, self.FIRST))
                self.assertViolation(sender)

    def test_before_welcome_nothing_is_compressed(self):
        sender = RawSender(self.server.port)
        self.addCleanup(sender.close)
        sender.send(b"\x89TSND\r\n\x1a", hello(extensions=ZSTD), compressed_block(1, 0, self.FIRST))
        self.assertViolation(sender)

    def test_a_frame_that_is_no_shorter_is_a_violation(self):
        for index, data in (0, self.FIRST), (1, self.LAST):
            for sent in bytes(len(data)), bytes(len(data) + 1):
                sender, _ = self.opened(path=f"{index} {len(sent)}")
                sender.send(compressed_block(1, index, data, sent))
                self.assertViolation(sender)

    def test_promised_content_and_ends_of_streams_are_not_compressed(self):
        small = text(5000)
        sender, _ = self.opened(offered=promised(1, "small", small), accepted=False)
        sender.next_of(NEED)
        sender.send(compressed_block(1, 0, small))
        self.assertViolation(sender)

        sender, _ = self.opened(offered=stream(1, "stream"))
        sender.send(compressed_block(1, 0, self.FIRST, compressed(self.FIRST[:-1])))
        self.assertEqual(sender.next_of(REFUSE).code, NOT_VERIFIED)

    def test_a_stream_of_compressed_blocks(self):
        sender, _ = self.opened(offered=stream(1, "stream"))
        sender.send(compressed_block(1, 0, self.FIRST), block(1, 1, self.LAST),
                    finish(1, len(self.CONTENT), root_of(self.CONTENT)))
        sender.next_of(DELIVERED)
        self.assertEqual(self.delivered(), {"stream": self.CONTENT})

    def test_what_cannot_be_undone_is_asked_for_again_and_then_refused(self):
        good = compressed(self.FIRST)
        repeat = struct.pack("<I", (131072 << 3) | 2)[:3] + b"x"  # a block of zstd: 128 KiB of one byte, not the last
        for name, bad in {
            "nothing of it": b"\x00" * 50, "cut": good[:-1], "more behind it": good + b"\x00",
            "two frames": compressed(self.FIRST[:1000]) + compressed(self.FIRST[1000:]),
            "too short": compressed(self.FIRST[:-1]), "too long": compressed(self.FIRST + b"x"),
            "another content": compressed(text(SMALLEST, 2)),
            "a bomb": b"\x28\xb5\x2f\xfd\x00\x38" + repeat * 10_000,
            "a claim of an exbibyte": b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 60) + repeat * 8,
            "a window of 4 TiB": b"\x28\xb5\x2f\xfd\x00\xff" + repeat * 8,
        }.items():
            with self.subTest(name):
                sender, _ = self.opened(path=name)  # of the one before, the file may still be held
                for _ in range(4):
                    sender.send(compressed_block(1, 0, self.FIRST, bad))
                    answer = sender.next_of(NEED, REFUSE)
                self.assertEqual((answer.type, answer.code), (REFUSE, NOT_VERIFIED))
                sender.close()

        sender, _ = self.opened()
        sender.send(compressed_block(1, 0, self.FIRST, good[:-1]), compressed_block(1, 1, self.LAST),
                    finish(1, len(self.CONTENT), root_of(self.CONTENT)))
        sender.next_of(NEED)
        sender.send(compressed_block(1, 0, self.FIRST))
        sender.next_of(DELIVERED)
        self.assertEqual(self.delivered(), {"file": self.CONTENT})

    def test_bombs_cost_no_more_than_a_block(self):
        before = peak_memory(self.server.pid)
        repeat = struct.pack("<I", (131072 << 3) | 2)[:3] + b"x"
        bomb = b"\x28\xb5\x2f\xfd\x00\x70" + repeat * 12_000  # 1.5 GiB
        sender, _ = self.opened(offered=offer(1, "file", size=4 * MIB, block_log2=20))
        sender.send(*[compressed_block(1, index, b"", bomb) for index in range(4)])
        for _ in range(4):
            sender.next_of(NEED)
        if not sanitized():
            self.assertLess(peak_memory(self.server.pid) - before, 16 * MIB)

    def test_a_bound_on_sizes_counts_what_it_unfolds_to(self):
        server = self.serve("--max-file-size", "1M")
        sender = RawSender(server.port)
        self.addCleanup(sender.close)
        sender.greet(extensions=ZSTD)
        sender.send(stream(1, "stream", block_log2=20))
        sender.next_of(ACCEPT)
        sender.send(compressed_block(1, 0, bytes(MIB)), compressed_block(1, 1, bytes(MIB)))
        self.assertEqual(sender.next_of(REFUSE).code, 7)


if __name__ == "__main__":
    main()
