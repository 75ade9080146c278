# ctest: asan
"""Senders that break the rules, by mistake or on purpose: each is told, logged and let go, nobody else notices, and
nothing of theirs is to be seen."""

import contextlib
import itertools
import json
import os
import random
import shutil
import socket
import ssl
import struct
import threading

import native
from harness import Case, main, noise, peak_memory, sanitized, until
from native import (ACCEPT, BLOCK, BYE, DELIVERED, ERROR, FROM_RECEIVER, HAVE, LARGEST, NEED, PAYLOADS, PREFACE,
                    REFUSE, SMALLEST, WELCOME, RawSender, block, blocks_of, bye, cancel, digest, directory, finish,
                    frame, hello, hole, inline, keep, link, offer, promised, root_of, smallest_of, stream)

MIB = 1 << 20
TWO_BLOCKS = noise(SMALLEST + 1)  # the smallest file that does not travel with its offer
LAST = TWO_BLOCKS[SMALLEST:]
OLD = 1_600_000_000_000_000_000  # a time, in nanoseconds


class BadSenders(Case):
    """Each test with a receiver whose sessions may be idle for two seconds."""

    def setUp(self):
        super().setUp()
        self.honest = {}  # what honest senders have delivered
        self.start_receiver("--idle-timeout", "2s")

    def start_receiver(self, *options):
        self.server = self.serve("--log-format", "json", "--min-free", "0", *options)
        self.memory = peak_memory(self.server.pid)

    def raw(self, *frames, **rest):
        logged_before = len(self.server.log())
        sender = RawSender(self.server.port, *frames, **rest)
        sender.logged_before = logged_before  # by others, maybe from the same port
        self.addCleanup(sender.close)
        return sender

    def greeted(self):
        sender = self.raw()
        sender.greet()
        return sender

    def opened(self, size=len(TWO_BLOCKS), path="file", **fields):
        """A sender whose first offer is a file that was accepted for blocks."""
        sender = self.greeted()
        sender.send(offer(1, path, size=size, **fields))
        sender.next_of(ACCEPT)
        return sender

    def opened_stream(self):
        sender = self.greeted()
        sender.send(stream(1, "stream"))
        sender.next_of(ACCEPT)
        return sender

    def logged(self, sender, *events):
        """What the receiver's log says of this sender."""
        lines = self.server.log()[sender.logged_before:].splitlines()
        found = [json.loads(line) for line in lines if f'"{sender.name}"' in line and line.endswith("}")]
        return [line for line in found if line["event"] in events]

    def ending(self, sender):
        """The log's line about the end of this sender's session, once it is there."""
        return until(lambda: self.logged(sender, "session ended", "session done"), what="the end in the log")[0]

    def assertLost(self, sender, *codes):
        """The session ends, and the log says why."""
        line = self.ending(sender)
        self.assertEqual(line["event"], "session ended")
        self.assertIn(line["code"], codes)
        self.assertTrue(line["why"])
        return line

    def assertEndsWith(self, code, why, sender, *frames):
        """After `frames` the sender is told ERROR `code`, the connection is closed, and the log says `why`."""
        sender.send(*frames)
        got = sender.rest()
        sender.close()
        self.assertTrue(got and got[-1].type == ERROR, f"no ERROR but {got}")
        self.assertEqual(got[-1].code, code, got[-1].text)
        self.assertTrue(got[-1].text and got[-1].text.isprintable(), got[-1].text)
        self.assertEqual(got[-1].text, self.assertLost(sender, why)["why"])

    def assertViolation(self, sender, *frames):
        self.assertEndsWith(native.VIOLATION, "protocol_violation", sender, *frames)

    def say_bye(self, sender):
        """Ends a conversation in which nothing is open any more."""
        sender.send(bye())
        self.assertEqual([one.type for one in sender.rest()], [BYE])
        sender.close()
        self.assertEqual(self.ending(sender)["event"], "session done")

    def outcome(self, offered, *more):
        """The outcome of an offer in a conversation of its own; `more` is sent when it is asked for."""
        sender = self.greeted()
        sender.send(offered)
        got = sender.next_of(ACCEPT, NEED, DELIVERED, REFUSE)
        if got.type in (ACCEPT, NEED):
            sender.send(*more)
            got = sender.next_of(DELIVERED, REFUSE)
        self.say_bye(sender)
        failed = [line["why"] for line in self.logged(sender, "failed")]
        if got.type == REFUSE:
            self.assertTrue(got.text and got.text.isprintable(), got.text)
            self.assertEqual(failed, [got.text])
        else:
            self.assertEqual(failed, [])
        return got

    def assertRefused(self, code, *frames):
        got = self.outcome(*frames)
        self.assertEqual(got.type, REFUSE)
        self.assertEqual(got.code, code, got.text)

    def assertLittleMemory(self, most=64 * MIB):
        """The receiver has taken no more than `most` bytes of memory since it started."""
        taken = peak_memory(self.server.pid) - self.memory
        if not sanitized():
            self.assertLess(taken, most)

    def send_honestly(self, name, size, *options):
        source = self.write(f"honest/{name}", noise(size, seed=name))
        done = self.send(self.server, *options, source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("trying again", done.stderr)
        self.honest[name] = source.read_bytes()

    def assertOnlyHonest(self):
        """Honest senders are served, and what they sent is all that is to be seen."""
        self.send_honestly(f"after {len(self.honest)}", 200_000)
        self.assertIsNone(self.server.process.poll())
        self.assertEqual(self.delivered(), self.honest)

    @contextlib.contextmanager
    def beside_honest_senders(self):
        """While this is entered, others send one file after another and are not disturbed."""
        stop = threading.Event()
        failures = []

        def work():
            try:
                while not stop.is_set():
                    self.send_honestly(f"beside {len(self.honest)}", 300_000, "--limit-rate", "2M")
            except Exception as failure:
                failures.append(failure)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])
        self.assertOnlyHonest()


class OtherLanguages(BadSenders):
    def test_tls_is_told_so_in_its_own_language(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            with self.assertRaises(ssl.SSLError) as raised:
                context.wrap_socket(connection)
            self.assertIn("UNEXPECTED_MESSAGE", str(raised.exception))
        until(lambda: "it speaks TLS" in self.server.log())
        self.assertOnlyHonest()

    def test_http_and_other_greetings_are_let_go_at_once(self):
        for greeting in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n",
                         b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0", b"\x7fELF\x02\x01\x01", b"EHLO localhost\r\n"):
            with self.subTest(greeting=greeting):
                sender = self.raw(greeting)
                self.assertEqual(sender.take(1), b"")
                self.assertLess(self.assertLost(sender, "protocol_violation")["seconds"], 5)
        self.assertOnlyHonest()

    def test_garbage(self):
        dice = random.Random(7)
        with self.beside_honest_senders():
            for size in 40, 1000, 20_000, 300_000:
                for start in b"", PREFACE[:1], PREFACE, PREFACE + hello():
                    with self.subTest(size=size, start=start):
                        sender = self.raw(start + dice.randbytes(size))
                        with contextlib.suppress(OSError):  # it may have been let go already
                            sender.socket.shutdown(socket.SHUT_WR)
                        sender.rest()
                        sender.close()
                        self.assertLost(sender, "protocol_violation")

    def test_headers_of_the_compatibility_protocol_that_cannot_become_valid(self):
        for header in b"../up&5", b"/etc/x&5", b"a/b&5", b"n" * 256 + b"&5", b"a\0b&5", b"a\nb&5", b"\xff\xfe&5":
            with self.subTest(header=header):
                sender = self.raw(header)
                self.assertEqual(sender.take(1), b"")
                self.assertLost(sender, "protocol_violation")
        sender = self.raw(b"huge&%d" % (2**63 - 1))
        self.assertEqual(sender.take(1), b"")
        self.assertLost(sender, "too_large")
        self.assertOnlyHonest()

    def test_with_the_compatibility_protocol_off_its_senders_are_let_go_at_once(self):
        self.start_receiver("--compat", "off")
        sender = self.raw(b"name&5")
        self.assertEqual(sender.take(1), b"")
        self.assertLost(sender, "refused")
        self.assertOnlyHonest()


class Greetings(BadSenders):
    def test_a_preface_with_one_wrong_byte(self):
        for at in range(1, len(PREFACE)):
            wrong = bytearray(PREFACE)
            wrong[at] ^= 0x20
            self.assertViolation(self.raw(), bytes(wrong), hello())
        self.assertOnlyHonest()

    def test_without_a_version_in_common_the_sender_is_told_so(self):
        for lowest, highest in (2, 2), (2, 65_535), (65_535, 65_535):
            self.assertEndsWith(native.VERSION, "version_unsupported", self.raw(), PREFACE, hello(lowest, highest))
        self.assertOnlyHonest()

    def test_later_versions_are_negotiated_down_and_what_is_optional_is_skipped(self):
        extensions = struct.pack(">HH", 0x0100, 0) + struct.pack(">HH5s", 0x7FFF, 5, b"later")
        sender = self.raw(PREFACE, hello(1, 65_535, extensions=extensions))
        self.assertEqual(struct.unpack_from(">H", sender.next_of(WELCOME).payload), (1,))
        sender.send(frame(0x80, b"later"), frame(0xFF, flags=0xFF))
        self.say_bye(sender)

    def test_an_extension_that_must_be_known_is_not(self):
        required = struct.pack(">HH", 0x8000, 0)
        self.assertEndsWith(native.VERSION, "version_unsupported", self.raw(), PREFACE, hello(extensions=required))

    def test_a_hello_that_cannot_be(self):
        for wrong in (hello(0, 0), hello(0, 1), hello(2, 1), hello(extensions=b"\0"),
                      hello(extensions=b"\0\1\0\5four")):
            self.assertViolation(self.raw(), PREFACE, wrong)
        self.assertOnlyHonest()

    def test_any_other_frame_before_hello(self):
        for kind in set(PAYLOADS) - {native.HELLO, ERROR}:
            with self.subTest(type=kind):
                self.assertViolation(self.raw(), PREFACE, smallest_of(kind))
        self.assertViolation(self.raw(), PREFACE, frame(0x80))
        self.assertOnlyHonest()

    def test_who_connects_again_takes_the_place_of_his_older_connection(self):
        first, second = self.raw(), self.raw()
        first.greet(session=b"the same session")
        first.send(offer(1, "file", size=len(TWO_BLOCKS)))
        first.next_of(ACCEPT)
        second.greet(session=b"the same session")
        self.assertEqual(first.rest(), [])
        self.assertLost(first, "connection_lost")
        second.send(offer(1, "file", size=len(TWO_BLOCKS)))
        self.assertEqual(second.next_of(ACCEPT, REFUSE).type, ACCEPT)


class Frames(BadSenders):
    def test_types_that_must_be_understood_and_are_not(self):
        for kind in 0x00, 0x08, 0x0D, 0x10, 0x20, 0x28, 0x7F:
            with self.subTest(type=kind):
                self.assertViolation(self.greeted(), frame(kind))
        self.assertOnlyHonest()

    def test_types_that_only_a_receiver_sends(self):
        for kind in FROM_RECEIVER - {BYE, ERROR}:
            with self.subTest(type=kind):
                self.assertViolation(self.greeted(), promised(1, "f", b"x"), smallest_of(kind))
        self.assertOnlyHonest()

    def test_lengths_that_the_type_does_not_have(self):
        for kind, (least, most) in PAYLOADS.items():
            for length in {0, least - 1, most + 1, 2**31, 2**32 - 1}:
                if 0 <= length < least or length > most:
                    with self.subTest(type=kind, length=length):
                        self.assertViolation(self.greeted(), frame(kind, length=length))
        self.assertViolation(self.greeted(), frame(0x80, length=65_537))
        self.assertOnlyHonest()

    def test_flags_and_bits_that_are_reserved(self):
        for kind in PAYLOADS:
            defined = {native.OFFER: 0x03, HAVE: 0x01, DELIVERED: 0x01}.get(kind, 0)
            right = smallest_of(kind)[8:]
            with self.subTest(type=kind):
                for flags in 0x80, 0x04, ~defined & 0xFF:
                    self.assertViolation(self.greeted(), frame(kind, right, flags=flags))
                for reserved in 1, 0x8000:
                    self.assertViolation(self.greeted(), frame(kind, right, reserved=reserved))
        self.assertOnlyHonest()

    def test_a_frame_cut_by_the_end_of_the_connection(self):
        whole = PREFACE + hello() + inline(1, "cut", noise(50_000))
        for length in 3, 8, 12, 20, len(PREFACE) + 28, len(PREFACE) + 40, 2000, len(whole) - 1:
            with self.subTest(length=length):
                sender = self.raw(whole[:length])
                sender.socket.shutdown(socket.SHUT_WR)
                self.assertNotIn(DELIVERED, [one.type for one in sender.rest()])
                sender.close()
                self.assertLost(sender, "connection_lost")
        self.assertOnlyHonest()

    def test_an_error_of_the_senders_ends_its_session(self):
        for code in (*range(1, 17), 999):
            with self.subTest(code=code):
                sender = self.opened()
                sender.send(native.error(code, "given up \x1b[31m\n"))
                sender.rest()
                sender.close()
                line = self.ending(sender)
                self.assertEqual(line["event"], "session ended")
                self.assertIn(r"given up \x1B[31m\n", line["why"])
        self.assertOnlyHonest()

    def test_texts_that_are_no_text(self):
        self.assertViolation(self.greeted(), native.error(1, b"\xff\xfe"))
        self.assertViolation(self.greeted(), promised(1, "f", b"x"), cancel(1, text=b"\xc0\xaf"))
        self.assertOnlyHonest()


class Offers(BadSenders):
    def test_ids_out_of_order(self):
        for ids in [0], [2], [1, 1], [1, 3], [2, 1], [2**32 - 1]:
            with self.subTest(ids=ids):
                self.assertViolation(self.greeted(), *(promised(id, f"f{id}", b"x") for id in ids))
        self.assertOnlyHonest()

    def test_fields_that_cannot_be(self):
        big = len(TWO_BLOCKS)
        wrong = {
            "kind 0": offer(1, "f", 0, size=big),
            "kind 5": offer(1, "f", 5),
            "kind 255": offer(1, "f", 255),
            "setuid": offer(1, "f", size=big, mode=0o4755),
            "every mode bit": offer(1, "f", size=big, mode=0xFFFF),
            "nanoseconds": offer(1, "f", size=big, nanoseconds=10**9),
            "blocks too small": offer(1, "f", size=big, block_log2=15),
            "blocks of nothing": offer(1, "f", size=big, block_log2=0),
            "blocks too large": offer(1, "f", size=big, block_log2=25),
            "blocks larger than need be": offer(1, "f", size=1 << 40, block_log2=21),
            "blocks of a stream too large": stream(1, "f", block_log2=21),
            "blocks beyond counting": offer(1, "f", size=big, block_log2=255),
            "blocks of a directory": directory(1, "d", block_log2=16),
            "size of a directory": directory(1, "d", size=1),
            "size of a link": link(1, "l", "t", size=1),
            "allocated of a directory": directory(1, "d", allocated=1),
            "more allocated than there is": offer(1, "f", size=big, allocated=big + 1),
            "a file of unknown size": offer(1, "f", size=native.UNKNOWN_SIZE, block_log2=24, allocated=0),
            "a stream of known size": stream(1, "f", size=big),
            "allocated of a stream": stream(1, "f", allocated=1),
            "no path": offer(1, "", size=big, rest=b"x"),
            "a path over 4096 bytes": offer(1, "/".join(["n" * 200] * 21), size=big),
            "a path past the end": offer(1, "f", size=big, path_length=2),
            "a link to nothing": link(1, "l", ""),
            "a link over 4095 bytes": link(1, "l", "t" * 4096),
            "a link to NUL": link(1, "l", "a\0b"),
            "a link to what is no text": link(1, "l", b"\xff"),
            "something behind a directory": directory(1, "d", rest=b"x"),
            "something behind a file": offer(1, "f", size=big, rest=b"x"),
            "an empty file without content": offer(1, "f", size=0),
            "a promise of nothing": promised(1, "f", b""),
            "a promise without a digest": offer(1, "f", size=1, flags=native.PROMISED),
            "too much promised": offer(1, "f", size=65_537, flags=native.PROMISED, rest=bytes(16)),
            "too much content": offer(1, "f", size=65_537, flags=native.INLINE, rest=bytes(16 + 65_537)),
            "content and a promise": offer(1, "f", size=1, flags=3, rest=digest(b"x") + b"x"),
            "by time, which was not agreed on": native.by_time(1, "f", 1),
            "a large file by time, which was not agreed on": native.by_time(1, "f", big),
            "by time, and a promise": offer(1, "f", size=1, flags=6, rest=digest(b"x")),
            "by time, and content": offer(1, "f", size=1, flags=5, rest=digest(b"x") + b"x"),
            "content of a directory": directory(1, "d", flags=native.INLINE, rest=digest(b"")),
            "content of a stream": stream(1, "f", flags=native.INLINE, rest=digest(b"")),
            "less content than said": offer(1, "f", size=10, flags=native.INLINE, rest=digest(b"x" * 9) + b"x" * 9),
            "more content than said": offer(1, "f", size=10, flags=native.INLINE, rest=digest(b"x" * 11) + b"x" * 11),
            "2^63 bytes": offer(1, "f", size=2**63, block_log2=24),
            "2^64 - 2 bytes": offer(1, "f", size=2**64 - 2, block_log2=24),
            "a block too many": offer(1, "f", size=(1 << 36) + 1, block_log2=16),
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertViolation(self.greeted(), frames)
        self.assertOnlyHonest()

    def test_what_is_too_large_is_refused_and_nothing_else(self):
        for size, block_log2 in ((1 << 40) + 1, 21), (1 << 44, 24), (1 << 41, 21):
            self.assertRefused(native.TOO_LARGE, offer(1, "f", size=size, block_log2=block_log2))
        self.start_receiver("--max-file-size", "100K")
        self.assertRefused(native.TOO_LARGE, offer(1, "f", size=200_000))
        self.assertRefused(native.TOO_LARGE, stream(1, "f"), block(1, 0, TWO_BLOCKS[:-1]), block(1, 1, TWO_BLOCKS[:-1]))
        self.send_honestly("small", 100_000)
        self.assertEqual(self.delivered(), self.honest)
        self.assertEqual(self.leftovers(), [])

    def test_what_needs_more_than_the_disk_has_is_refused(self):
        disk = os.statvfs(self.into)
        size = disk.f_bavail * disk.f_frsize + (16 << 30)
        block_log2 = max(20, (size - 1).bit_length() - 20)
        if block_log2 > 24:
            self.skipTest("the disk is larger than the largest file")
        self.start_receiver("--max-file-size", "16TiB")
        self.assertRefused(native.FULL, offer(1, "f", size=size, block_log2=block_log2, allocated=size))
        self.assertOnlyHonest()

    def test_times_at_the_ends_of_what_can_be_said(self):
        for seconds in -2**63, 2**63 - 1, -2**40, 2**40:
            with self.subTest(seconds=seconds):
                got = self.outcome(inline(1, "time", b"x", seconds=seconds, nanoseconds=999_999_999))
                if got.type == DELIVERED:
                    self.honest["time"] = b"x"
        self.assertOnlyHonest()

    def test_more_than_the_windows_allow(self):
        sender = self.raw()
        window, open_files = struct.unpack_from(">II", sender.greet().payload, 2)
        self.assertViolation(sender, *(promised(id, f"w{id}", b"x") for id in range(1, window + 2)))
        files = (offer(id, f"o{id}", size=len(TWO_BLOCKS)) for id in range(1, open_files + 2))
        self.assertViolation(self.greeted(), *files)
        self.assertOnlyHonest()

    def test_nothing_may_be_offered_after_bye(self):
        wanted = promised(1, "f", b"x")
        self.assertViolation(self.greeted(), wanted, bye(), promised(2, "g", b"x"))
        self.assertViolation(self.greeted(), wanted, bye(), bye())
        self.assertViolation(self.greeted(), wanted, hello())
        self.assertOnlyHonest()

    def test_a_path_that_another_session_receives_is_busy(self):
        first = self.opened()
        self.assertRefused(native.BUSY, offer(1, "file", size=len(TWO_BLOCKS)))
        first.close()
        self.ending(first)
        self.assertEqual(self.opened().socket.fileno() >= 0, True)


class Blocks(BadSenders):
    def test_blocks_that_the_file_does_not_have(self):
        wrong = {
            "index 2": block(1, 2, b"x"),
            "index 2^20": block(1, 1 << 20, b"x"),
            "index 2^63": block(1, 2**63, b"x"),
            "index 2^64 - 1": block(1, 2**64 - 1, b"x"),
            "a byte less": block(1, 0, TWO_BLOCKS[:SMALLEST - 1]),
            "a byte more": block(1, 0, TWO_BLOCKS),
            "more at the end": block(1, 1, b"xx"),
            "16 MiB": block(1, 1, bytes(LARGEST)),
            "a hole past the end": hole(1, 1, 2),
            "a hole behind the end": hole(1, 2, 1),
            "a hole of nothing": hole(1, 0, 0),
            "a hole around": hole(1, 1, 2**64 - 1),
            "a hole from the other end": hole(1, 2**64 - 1, 2),
            "what was never there": keep(1, 0, 1),
            "what was never there around": keep(1, 1, 2**64 - 1),
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertViolation(self.opened(), frames)
        self.assertOnlyHonest()

    def test_entries_that_were_never_offered(self):
        for id in 0, 2, 2**32 - 1:
            for wrong in (block(id, 0, TWO_BLOCKS[:-1]), hole(id, 0, 1), keep(id, 0, 1), cancel(id),
                          finish(id, 0, bytes(16))):
                with self.subTest(id=id, type=wrong[0]):
                    self.assertViolation(self.opened(), wrong)
        self.assertOnlyHonest()

    def test_blocks_of_what_has_none(self):
        wanted, waiting = promised(1, "f", b"content"), directory(2, "d")
        for id in 1, 2:
            for wrong in (block(id, 1, b"x"), block(id, 0, b"too long"), hole(id, 0, 1), keep(id, 0, 1),
                          finish(id, 7, root_of(b"content"))):
                with self.subTest(id=id, type=wrong[0]):
                    self.assertViolation(self.greeted(), wanted, waiting, wrong)
        self.assertOnlyHonest()

    def test_a_block_sent_before_the_file_was_accepted(self):
        self.assertViolation(self.greeted(), offer(1, "f", size=len(TWO_BLOCKS)) + block(1, 1, LAST))

    def test_a_block_sent_twice(self):
        last, gap = block(1, 1, LAST), hole(1, 1, 1)
        for twice in [last, last], [last, gap], [gap, last], [gap, gap], [gap, hole(1, 0, 2)]:
            with self.subTest(twice=[one[0] for one in twice]):
                self.assertViolation(self.opened(), *twice)
        self.assertOnlyHonest()

    def test_finish_that_is_not_true(self):
        first, last = (block(1, index, data) for index, data in enumerate(blocks_of(TWO_BLOCKS)))
        root, size = root_of(TWO_BLOCKS), len(TWO_BLOCKS)
        wrong = {
            "nothing sent": [finish(1, size, root)],
            "one block sent": [first, finish(1, size, root)],
            "smaller": [first, last, finish(1, size - 1, root)],
            "larger": [first, last, finish(1, size + 1, root)],
            "2^64 - 1": [first, last, finish(1, 2**64 - 1, root)],
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertViolation(self.opened(), *frames)
        self.assertOnlyHonest()

    def test_frames_after_finish(self):
        damaged, last = block(1, 0, TWO_BLOCKS[:-1], said=bytes(16)), block(1, 1, LAST)
        done = finish(1, len(TWO_BLOCKS), root_of(TWO_BLOCKS))
        for wrong in done, last, hole(1, 1, 1), keep(1, 1, 1):
            with self.subTest(type=wrong[0]):
                sender = self.opened()
                sender.send(damaged, last)
                self.assertEqual(sender.next_of(NEED).run, (0, 1))
                self.assertViolation(sender, done, wrong)
        self.assertOnlyHonest()

    def test_streams_out_of_order(self):
        first = TWO_BLOCKS[:-1]
        wrong = {
            "not the first": [block(1, 1, first)],
            "one left out": [block(1, 0, first), block(1, 2, first)],
            "one again": [block(1, 0, first), block(1, 0, first)],
            "a short one that is not the last": [block(1, 0, first[:10]), block(1, 1, first)],
            "a short one again no longer": [block(1, 0, first[:10]), block(1, 0, first[:10])],
            "too long": [block(1, 0, TWO_BLOCKS)],
            "a hole": [hole(1, 0, 1)],
            "something kept": [keep(1, 0, 1)],
            "a size that is not true": [block(1, 0, first), finish(1, 1, root_of(first))],
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertViolation(self.opened_stream(), *frames)
        self.assertOnlyHonest()
        self.assertEqual(self.leftovers(), [])

    def wait_for_claims(self, sender, blocks):
        while blocks > 0:
            blocks -= sender.next_of(HAVE).claimed

    def test_kept_blocks_are_those_that_were_claimed(self):
        self.send_honestly("older", 3 * SMALLEST)
        kept, again = keep(1, 0, 2), block(1, 1, TWO_BLOCKS[:-1])
        for wrong in [keep(1, 0, 4)], [keep(1, 3, 1)], [kept, kept], [kept, again], [again, kept]:
            sender = self.opened(size=4 * SMALLEST, path="older")
            self.wait_for_claims(sender, 3)
            self.assertViolation(sender, *wrong)
        self.assertOnlyHonest()

    def test_damaged_content_is_asked_for_three_times_and_then_refused(self):
        with self.beside_honest_senders():
            sender = self.opened()
            damaged = block(1, 0, noise(SMALLEST, seed="other"), said=digest(TWO_BLOCKS[:-1]))
            sender.send(block(1, 1, LAST))
            for _ in range(3):
                sender.send(damaged)
                self.assertEqual(sender.next_of(NEED, REFUSE).run, (0, 1))
            sender.send(damaged)
            self.assertEqual(sender.next_of(NEED, REFUSE).code, native.NOT_VERIFIED)
            # What is under way for it is passed over.
            sender.send(damaged, hole(1, 0, 2), cancel(1), finish(1, 5, bytes(16)), inline(2, "next", b"next"))
            self.assertEqual(sender.next().type, DELIVERED)
            self.say_bye(sender)
            self.honest["next"] = b"next"

    def test_content_that_is_not_what_was_promised(self):
        first, last = (block(1, index, data) for index, data in enumerate(blocks_of(TWO_BLOCKS)))
        other = block(1, 0, noise(SMALLEST, seed="other"))
        done = finish(1, len(TWO_BLOCKS), root_of(TWO_BLOCKS))
        wrong = {
            "with its offer": [inline(1, "f", b"content", said=bytes(16))],
            "another block": [offer(1, "f", size=len(TWO_BLOCKS)), other, last, done],
            "a hole instead": [offer(1, "f", size=len(TWO_BLOCKS)), hole(1, 0, 1), last, done],
            "another root": [offer(1, "f", size=len(TWO_BLOCKS)), first, last, finish(1, len(TWO_BLOCKS), bytes(16))],
            "a damaged stream": [stream(1, "f"), block(1, 0, b"x", said=bytes(16))],
            "another root of a stream": [stream(1, "f"), block(1, 0, b"x"), finish(1, 1, bytes(16))],
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertRefused(native.NOT_VERIFIED, *frames)
                self.assertEqual(self.leftovers(), [])
        self.assertOnlyHonest()

    def test_a_promise_that_is_never_kept(self):
        for said in None, digest(b"content"):
            with self.subTest(said=said):
                sender = self.greeted()
                sender.send(promised(1, "f", b"content"))
                for _ in range(4):
                    self.assertEqual(sender.next_of(NEED, REFUSE).type, NEED)
                    sender.send(block(1, 0, b"CONTENT", said=said))
                self.assertEqual(sender.next_of(NEED, REFUSE).code, native.NOT_VERIFIED)
                self.assertEqual(self.leftovers(), [])
                sender.close()
        self.assertOnlyHonest()

    def test_an_older_version_outlives_every_lie_about_its_successor(self):
        self.send_honestly("older", len(TWO_BLOCKS))
        size, root = len(TWO_BLOCKS), root_of(TWO_BLOCKS)
        for lie in ([keep(1, 0, 2), finish(1, size, root)], [keep(1, 0, 1), block(1, 1, b"?"), finish(1, size, root)],
                    [hole(1, 0, 2), finish(1, size, root)]):
            sender = self.opened(path="older")
            self.wait_for_claims(sender, 2)
            sender.send(*lie)
            self.assertEqual(sender.next_of(DELIVERED, REFUSE).code, native.NOT_VERIFIED)
            self.say_bye(sender)
        self.assertRefused(native.NOT_VERIFIED, inline(1, "older", b"new", said=bytes(16)))
        self.assertOnlyHonest()

    def test_what_is_given_up_midway_is_not_seen(self):
        with self.beside_honest_senders():
            for offered in offer(1, "f", size=len(TWO_BLOCKS)), stream(1, "f"):
                for last_words in [], [cancel(1)], [native.error(16, "enough")], [bye()]:
                    sender = self.greeted()
                    sender.send(offered)
                    sender.next_of(ACCEPT)
                    sender.send(block(1, 0, TWO_BLOCKS[:-1]), *last_words)
                    sender.socket.shutdown(socket.SHUT_WR)
                    sender.rest()
                    sender.close()
                    self.assertEqual(self.ending(sender)["event"], "session ended")
        self.assertEqual({name[32:] for name in self.leftovers()}, {".part", ".journal"})


class Outside(BadSenders):
    """Beside the directory there is another one, which must stay as it is."""

    def setUp(self):
        super().setUp()
        self.secret = self.write("outside/secret", b"secret", mode=0o600)
        self.outside = self.secret.parent
        self.outside.chmod(0o751)
        for path in self.secret, self.outside:
            os.utime(path, ns=(OLD, OLD))

    def assertNothingOutside(self):
        """Neither content nor modes nor times have changed outside of the receiver's directory."""
        self.assertEqual([one.name for one in self.outside.rglob("*")], ["secret"])
        self.assertEqual((self.secret.read_bytes(), self.secret.stat().st_nlink), (b"secret", 1))
        for path, mode in (self.secret, 0o600), (self.outside, 0o751):
            self.assertEqual((path.stat().st_mode & 0o7777, path.stat().st_mtime_ns), (mode, OLD))
        beside = {one.name for one in self.dir.iterdir() if not one.name.startswith("server-")}
        self.assertLessEqual(beside, {"outside", "into", "honest"})

    def of_every_kind(self, path):
        """What to say to have something of each kind put at a path."""
        blocks = [block(1, index, data) for index, data in enumerate(blocks_of(TWO_BLOCKS))]
        done = finish(1, len(TWO_BLOCKS), root_of(TWO_BLOCKS))
        return {
            "with content": [inline(1, path, b"content", mode=0o666)],
            "promised": [promised(1, path, b"secret", mode=0o666), block(1, 0, b"secret")],
            "with blocks": [offer(1, path, size=len(TWO_BLOCKS), mode=0o666), *blocks, done],
            "stream": [stream(1, path, mode=0o666), *blocks, done],
            "directory": [directory(1, path, mode=0o777)],
            "link": [link(1, path, "target")],
        }

    def assertRefusedOfEveryKind(self, path, *codes):
        for kind, frames in self.of_every_kind(path).items():
            with self.subTest(path=path, kind=kind):
                got = self.outcome(*frames)
                self.assertEqual(got.type, REFUSE)
                if codes:
                    self.assertIn(got.code, codes, got.text)


class Paths(Outside):
    def test_paths_that_are_not_allowed(self):
        wrong = ["..", ".", "/", "../up", "a/../../up", "a/../b", "a/..", "./a", "a/.", "a//b", "a/", "//a",
                 str(self.outside / "new"), "a\0b", "\0", "n" * 256, "a/" + "n" * 256, "n" * 256 + "/a", ".tcpsend",
                 ".tcpsend/x", ".tcpsend/../x", b"\xff", b"a\xc0\xae", b"\xed\xa0\x80", b"\xc0\xae\xc0\xae/up",
                 b"\xf4\x90\x80\x80"]
        for path in wrong:
            self.assertRefusedOfEveryKind(path, native.NAME)
        self.assertNothingOutside()
        self.assertOnlyHonest()
        self.assertEqual(self.leftovers(), [])

    def test_paths_that_look_odd_and_are_allowed(self):
        for path in ("...", "..a", "a..", ".hidden", "a/.tcpsend", ".tcpsend2", " ", "-", "~", "*", "C:\\x", "a\nb",
                     "\x1b[31m", "n" * 255, "\u202etxt", "a/" * 100 + "b", "%2e%2e", "con"):
            with self.subTest(path=path):
                self.assertEqual(self.outcome(inline(1, path, b"x")).type, DELIVERED)
                self.assertEqual((self.into / path).read_bytes(), b"x")

    def test_escapes_in_names_are_made_visible_in_the_log(self):
        self.server = self.serve()
        sender = self.greeted()
        sender.send(inline(1, "\x1b]0;title\x07\nforged line", b"x"), inline(2, "../\x1b[31mup", b"x"), bye())
        sender.rest()
        sender.close()
        until(lambda: "session done" in self.server.log())
        log = self.server.log()
        self.assertTrue(log.replace("\n", "").isprintable(), log)
        self.assertEqual(log.count("\n"), 4, log)  # listening, delivered, failed, session done

    def test_a_name_that_is_a_directory(self):
        (self.into / "there" / "kept").mkdir(parents=True)
        for kind, frames in self.of_every_kind("there").items():
            with self.subTest(kind=kind):
                if kind == "directory":
                    self.assertEqual(self.outcome(*frames).type, DELIVERED)
                else:
                    self.assertRefused(native.CONFLICT, *frames)
        self.assertTrue((self.into / "there" / "kept").is_dir())

    def test_a_file_where_a_directory_should_be(self):
        (self.into / "there").write_bytes(b"kept")
        self.assertRefusedOfEveryKind("there/below")
        self.assertRefusedOfEveryKind("there/far/below")
        self.assertEqual(self.outcome(directory(1, "there")).type, REFUSE)
        self.assertEqual(self.delivered(), {"there": b"kept"})


class Links(Outside):
    def test_a_link_that_leads_out_is_not_followed(self):
        targets = {"absolute": str(self.outside), "relative": "../outside", "up": "..", "magic": "/proc/self/root",
                   "of two": "relative", "to itself": "to itself", "to nothing": "../outside/new"}
        for name, target in targets.items():
            (self.into / name).symlink_to(target)
        for name in targets:
            self.assertRefusedOfEveryKind(f"{name}/new")
            self.assertRefusedOfEveryKind(f"{name}/far/below")
        for path in "relative/secret", "up/outside/new", "up/outside/secret", f"magic{self.outside}/secret":
            self.assertRefusedOfEveryKind(path)
        self.assertNothingOutside()
        for name, target in targets.items():
            self.assertEqual(os.readlink(self.into / name), target)

    def test_a_link_in_a_files_place_is_replaced_and_what_it_leads_to_is_left_alone(self):
        path = self.into / "link"
        for target in str(self.secret), "../outside/secret", "../outside/new", str(self.outside):
            for kind in "with content", "promised", "with blocks", "stream", "link":
                with self.subTest(target=target, kind=kind):
                    path.unlink(missing_ok=True)
                    path.symlink_to(target)
                    got = self.outcome(*self.of_every_kind("link")[kind])
                    self.assertEqual((got.type, got.flags), (DELIVERED, 0))
                    self.assertEqual(path.is_symlink(), kind == "link")
                    self.assertNothingOutside()

    def test_a_link_is_a_conflict_like_any_other(self):
        (self.into / "link").symlink_to(self.secret)
        self.start_receiver("--on-conflict", "refuse")
        for kind in "with content", "promised", "with blocks", "stream", "link":
            with self.subTest(kind=kind):
                self.assertRefused(native.CONFLICT, *self.of_every_kind("link")[kind])
        self.start_receiver("--on-conflict", "keep-both")
        self.assertEqual(self.outcome(*self.of_every_kind("link")["with content"]).path, "link.1")
        self.assertEqual((self.into / "link.1").read_bytes(), b"content")
        self.assertEqual(os.readlink(self.into / "link"), str(self.secret))
        self.assertNothingOutside()

    def test_a_link_in_a_directorys_place_leaves_mode_and_time_outside_alone(self):
        path = self.into / "link"
        for target in str(self.outside), "../outside", "..", "../outside/new":
            with self.subTest(target=target):
                path.unlink(missing_ok=True)
                path.symlink_to(target)
                self.assertEqual(self.outcome(directory(1, "link", mode=0o777)).type, REFUSE)
                self.assertNothingOutside()

    def test_links_that_the_sender_itself_has_sent_do_not_lead_out_either(self):
        for target in str(self.outside), "../outside", "deeper/../../outside":
            self.assertEqual(self.outcome(directory(1, "deeper")).type, DELIVERED)
            self.assertEqual(self.outcome(link(1, "sent", target)).type, DELIVERED)
            for path in "sent/new", "sent/secret", "sent/far/below":
                self.assertRefusedOfEveryKind(path)
        self.assertNothingOutside()

    def test_a_link_does_not_lead_to_what_is_the_receivers_own(self):
        own = self.into / ".tcpsend"
        self.assertEqual(self.outcome(directory(1, "deeper")).type, DELIVERED)
        for number, target in enumerate([".tcpsend", "./.tcpsend", "deeper/../.tcpsend"]):
            name = f"own{number}"
            self.assertEqual(self.outcome(link(1, name, target)).type, DELIVERED)
            self.assertRefusedOfEveryKind(f"{name}/new")
            self.assertEqual(self.outcome(directory(1, name, mode=0o777)).type, REFUSE)
            self.assertEqual(self.leftovers(), [])
            self.assertEqual(own.stat().st_mode & 0o7777, 0o700)

    def test_links_in_the_place_of_unfinished_files_are_not_followed(self):
        own, key = self.into / ".tcpsend", digest(b"file").hex()
        for suffix in ".part", ".journal":
            for target in self.secret, self.outside / "new":
                with self.subTest(suffix=suffix, target=target.name):
                    (own / (key + suffix)).symlink_to(target)
                    self.assertEqual(self.outcome(*self.of_every_kind("file")["with blocks"]).type, REFUSE)
                    self.assertNothingOutside()
                    for name in self.leftovers():
                        (own / name).unlink()
        self.assertOnlyHonest()

    def test_a_link_in_the_place_of_the_receivers_own_directory(self):
        own = self.into / ".tcpsend"
        own.rmdir()
        own.symlink_to(self.outside)
        # A receiver that runs has the directory that was there; one that starts does not take the link.
        for frames in self.of_every_kind("file").values():
            self.outcome(*frames)
            self.assertNothingOutside()
        other = self.serve(wait=False)
        self.assertEqual(other.wait(), 2)
        self.assertOneLine(other.log())
        self.assertNothingOutside()


class Swaps(Outside):
    """Links that come and go while things arrive: what is sent may fail, but never appears outside."""

    @contextlib.contextmanager
    def again_and_again(self, *steps):
        """Does the steps in a row, in a thread, until this is left."""
        stop = threading.Event()
        rounds = []

        def work():
            while not stop.is_set():
                for step in steps:
                    with contextlib.suppress(OSError):
                        step()
                rounds.append(1)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(lambda: rounds)
            yield
        finally:
            stop.set()
            thread.join()

    def send_all(self, sender, offers):
        """Sends offers that are entries by themselves; how many were delivered."""
        sender.send(*offers)
        outcomes = [sender.next_of(DELIVERED, REFUSE).type for _ in offers]
        self.say_bye(sender)
        return outcomes.count(DELIVERED)

    def test_a_directory_that_is_a_link_now_and_then(self):
        path, away, planted = self.into / "d", self.into / "away", self.into / "planted"
        path.mkdir()
        planted.symlink_to("../outside")
        steps = [lambda: os.rename(path, away), lambda: os.rename(planted, path), lambda: os.rename(path, planted),
                 lambda: os.rename(away, path)]
        kinds = [
            lambda id: inline(id, f"d/{id}", b"x" * id, mode=0o666),
            lambda id: inline(id, f"d/below{id}/{id}", b"x"),
            lambda id: inline(id, "d/secret", b"%d" % id, mode=0o666),
            lambda id: link(id, f"d/{id}", "target"),
            lambda id: directory(id, f"d/dir{id}", mode=0o777),
            lambda id: directory(id, "d", mode=0o777),
        ]
        with self.again_and_again(*steps):
            for kind in kinds:
                self.send_all(self.greeted(), [kind(id) for id in range(1, 61)])
        self.assertNothingOutside()
        self.assertIsNone(self.server.process.poll())

    def test_a_directory_that_is_a_link_now_and_then_while_a_tree_is_sent(self):
        path, away, planted = self.into / "d", self.into / "away", self.into / "planted"
        path.mkdir()
        planted.symlink_to(self.outside)
        for number in range(60):
            self.write(f"honest/d/{number % 7}/{number}", noise(100_000 if number % 6 == 0 else number, seed=number))
        steps = [lambda: os.rename(path, away), lambda: os.rename(planted, path), lambda: os.rename(path, planted),
                 lambda: os.rename(away, path)]
        with self.again_and_again(*steps):
            for _ in range(3):
                done = self.send(self.server, self.dir / "honest" / "d")
                self.assertIn(done.returncode, (0, 1, 4, 6), done.stderr)
        self.assertNothingOutside()
        # Left in peace, it arrives.
        for one in self.into.iterdir():
            if one.name != ".tcpsend":
                one.unlink() if one.is_symlink() else shutil.rmtree(one)
        self.assertEqual(self.send(self.server, self.dir / "honest" / "d").returncode, 0)
        self.assertEqual(len([content for content in self.delivered().values() if content is not None]), 60)

    def test_a_name_that_is_a_link_now_and_then(self):
        path, planted = self.into / "name", self.into / "planted"

        def plant():
            planted.symlink_to(self.secret)
            os.rename(planted, path)

        with self.again_and_again(plant):
            self.send_all(self.greeted(), [inline(id, "name", b"secret", mode=0o666) for id in range(1, 101)])
            for _ in range(8):
                for kind in "promised", "with blocks", "stream", "directory":
                    self.outcome(*self.of_every_kind("name")[kind])
        self.assertNothingOutside()

    def test_unfinished_files_that_are_links_now_and_then(self):
        own = self.into / ".tcpsend"
        planted = self.dir / "server-planted"  # beside, as what is in the directory itself could be removed
        names = [own / (digest(b"file").hex() + suffix) for suffix in (".part", ".journal")]

        def plant(path):
            planted.unlink(missing_ok=True)
            planted.symlink_to(self.secret)
            os.rename(planted, path)

        with self.again_and_again(*(lambda path=path: plant(path) for path in names),
                                  *(lambda path=path: path.unlink() for path in names)):
            for _ in range(60):
                self.outcome(*self.of_every_kind("file")["with blocks"])
        self.assertNothingOutside()


class Waits(BadSenders):
    def start_receiver(self, *options):
        super().start_receiver("--idle-timeout", "1s")

    def in_background(self, sender, work):
        """Does the work in a thread, until the connection is closed."""
        def until_closed():
            with contextlib.suppress(OSError):
                work()

        def cut():
            with contextlib.suppress(OSError):
                sender.socket.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=until_closed)
        self.addCleanup(thread.join)
        self.addCleanup(cut)  # before that: cleanups run backwards
        thread.start()

    def drip(self, sender, content):
        """Sends a byte now and then."""
        over = threading.Event()

        def work():
            for byte in content:
                if not sender.send(bytes([byte])) or over.wait(0.3):
                    return

        self.in_background(sender, work)
        self.addCleanup(over.set)

    def flood(self, sender, frames):
        """Sends frames as fast as they are taken."""
        self.in_background(sender, lambda: all(sender.send(*itertools.islice(frames, 100)) for _ in itertools.count()))

    def deaf_to_claims(self):
        """A sender of files of which the receiver could say much, who does not listen."""
        ids, count = range(1, 9), 1 << 20
        for id in ids:
            sender = self.opened(size=count * SMALLEST, path=f"holes {id}")
            sender.send(hole(1, 0, count))
            sender.socket.shutdown(socket.SHUT_WR)
            sender.rest()
            sender.close()
            self.assertLost(sender, "connection_lost")
        offers = [offer(id, f"holes {id}", size=count * SMALLEST) for id in ids]
        return self.raw(PREFACE, hello(), *offers, receive_buffer=4096)

    def assertEndedWithin(self, seconds, sender, why):
        line = self.assertLost(sender, why)
        self.assertLess(line["seconds"], seconds + (20 if sanitized() else 0))
        return line

    def assertTimedOut(self, sender, seconds, is_told=True):
        """The sender's session ends after so many seconds and the moment it takes to notice."""
        got = sender.rest()
        sender.close()
        if is_told:
            self.assertEqual((got[-1].type, got[-1].code), (ERROR, native.TIMED_OUT))
        self.assertGreater(self.assertEndedWithin(seconds + 8, sender, "timed_out")["seconds"], seconds * 0.95)

    def test_who_does_not_come_to_the_point_is_let_go(self):
        # All at once, so that the waits are waited for once.
        silent, compat_drips = self.raw(), self.raw()
        self.drip(compat_drips, b"n" * 100 + b"&5")
        idle = {
            "after the preface": self.raw(PREFACE),
            "drips a preface": self.raw(),
            "after HELLO": self.greeted(),
            "after ACCEPT": self.opened(path="accepted"),
            "in a stream": self.opened_stream(),
            "in a frame": self.opened(path="cut"),
            "asked for a promise": self.greeted(),
            "before BYE": self.greeted(),
            "drips a block": self.opened(path="drips"),
        }
        self.drip(idle["drips a preface"], PREFACE + hello() + bytes(100))
        self.drip(idle["drips a block"], block(1, 0, TWO_BLOCKS[:-1]))
        idle["in a stream"].send(block(1, 0, LAST))
        idle["in a frame"].send(block(1, 0, TWO_BLOCKS[:-1])[:1000])
        idle["asked for a promise"].send(promised(1, "promised", b"x"))
        idle["before BYE"].send(inline(1, "complete", b"x"))
        self.honest["complete"] = b"x"

        of_compat = self.raw(b"compat&100000")
        self.assertEqual(of_compat.take(2), b"ok")
        self.drip(of_compat, bytes(100))
        unheeded = self.greeted()
        self.flood(unheeded, itertools.repeat(hole(1, 0, 0)))
        deaf = {"to refusals": self.raw(PREFACE, hello(), receive_buffer=4096), "to claims": self.deaf_to_claims()}
        self.flood(deaf["to refusals"], (offer(id, b"\xff" * 255, size=SMALLEST + 1) for id in itertools.count(1)))

        with self.beside_honest_senders():
            for what, sender in idle.items():
                with self.subTest(what):
                    self.assertTimedOut(sender, 1)
            with self.subTest("drips into a file of the compatibility protocol"):
                self.assertTimedOut(of_compat, 1, is_told=False)
            for what, sender in deaf.items():
                with self.subTest("reads nothing", what=what):
                    line = self.assertEndedWithin(12, sender, "timed_out")
                    self.assertLess(line["failed"], 60_000)  # answers that found room on the way
            with self.subTest("is told an error and goes on"):
                self.assertEndedWithin(12, unheeded, "protocol_violation")
            with self.subTest("says nothing"):
                self.assertTimedOut(silent, 10, is_told=False)
            with self.subTest("drips a header of the compatibility protocol"):
                self.assertTimedOut(compat_drips, 10, is_told=False)
            with self.subTest("memory"):
                self.assertLittleMemory()


class Floods(BadSenders):
    def test_of_frames_that_are_skipped(self):
        sender = self.greeted()
        for _ in range(200):
            sender.send(frame(0x80, bytes(65_536)), frame(0xC0) * 500)
        self.say_bye(sender)
        self.assertLittleMemory(16 * MIB)
        self.assertOnlyHonest()

    def test_of_large_damaged_blocks(self):
        self.start_receiver("--max-file-size", "16TiB")
        with self.beside_honest_senders():
            sender = self.opened(size=(1 << 43) + 1, block_log2=24)
            damaged = block(1, 0, bytes(LARGEST), said=bytes(16))
            for answer in [NEED] * 3 + [REFUSE]:
                sender.send(damaged)
                self.assertEqual(sender.next_of(NEED, REFUSE).type, answer)
            for _ in range(6):
                sender.send(damaged)
            self.say_bye(sender)
        self.assertLittleMemory(128 * MIB)

    def test_of_frames_that_are_begun_and_not_sent(self):
        begun = []
        for _ in range(100):
            begun.append(self.greeted())
            begun[-1].send(frame(BLOCK, bytes(1000), length=PAYLOADS[BLOCK][1]))
        self.send_honestly("beside", 300_000)
        for sender in begun:
            sender.close()
        for sender in begun:
            self.assertLost(sender, "connection_lost")
        self.assertLittleMemory()
        self.assertOnlyHonest()

    def test_of_offers_that_wait(self):
        path = "/".join(["n" * 255] * 15)
        sender = self.greeted()
        sender.send(promised(1, "first", b"x"))
        sender.send(*(directory(id, f"{path}/{id}") for id in range(2, 1025)))
        self.assertEqual(sender.next_of(NEED).id, 1)
        sender.close()
        self.assertLost(sender, "connection_lost")
        self.assertLittleMemory()
        self.assertOnlyHonest()


if __name__ == "__main__":
    main()
