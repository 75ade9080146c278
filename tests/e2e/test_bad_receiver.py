# ctest: asan
"""Receivers that break the rules, by mistake or on purpose: tcpsend says in one line what is wrong, ends with the exit
code for it, and believes nothing that it cannot know."""

import contextlib
import itertools
import json
import socket
import struct
import threading

import native
from harness import Case, main, noise, peak_memory, sanitized, until
from native import (ACCEPT, BLOCK, BYE, DELIVERED, ERROR, FINISH, FROM_RECEIVER, FROM_SENDER, HAVE, OFFER, PAYLOADS,
                    PREFACE, SMALLEST, RawReceiver, accept, bye, delivered, digest, error, frame, have, need, progress,
                    refuse, smallest_of, welcome)

LARGE = noise(2 * SMALLEST + 1)  # a file of three blocks


class BadReceivers(Case):
    def setUp(self):
        super().setUp()
        self.small = self.write("small", b"small")
        self.large = self.write("large", LARGE)
        self.last_words = []  # the last frames of senders
        self.over = threading.Event()
        self.addCleanup(self.over.set)

    def receiver(self, talk):
        """A receiver that gives talk(RawReceiver) each connection; the port."""
        def serve(connection):
            with contextlib.suppress(AssertionError):  # the sender may leave at any time
                talk(RawReceiver(connection))

        return self.peer(serve)

    def acting(self, *steps, closes=False):
        """A receiver that after HELLO says what is bytes and waits for frames of types, then listens or closes."""
        def talk(sender):
            sender.greeted(b"")
            for step in steps:
                if isinstance(step, bytes):
                    sender.send(step)
                else:
                    sender.next_of(step)
            if not closes:
                self.last_words += sender.rest()[-1:]

        return self.receiver(talk)

    def saying(self, *frames, after=None, welcomed=True):
        """A receiver that says frames after WELCOME or, with `after`, after a frame of that type."""
        return self.acting(*[welcome()] * welcomed, *[after] * bool(after), b"".join(frames))

    def answering(self, *frames):
        """A receiver that says frames when something is offered, and ends in an orderly way."""
        return self.acting(welcome(), OFFER, b"".join(frames), BYE, bye())

    def repeating(self, *frames, after, every):
        """A receiver that says `after` once the file is offered, and one of the frames now and then."""
        def talk(sender):
            sender.greeted()
            sender.next_of(OFFER)
            sender.send(*after)
            for one in itertools.cycle(frames):
                if self.over.wait(every) or not sender.send(one):
                    return

        return self.receiver(talk)

    def start_patient(self, port, *arguments):
        """Starts sending to a receiver that is given one try and a second for everything."""
        return self.start_sending(port, "--retry-for", "0s", "--idle-timeout", "1s", *(arguments or [self.large]))

    def assertEnds(self, sender, code, *says):
        """tcpsend ends with this exit code and says one line, which is returned."""
        done = self.finish(sender)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertTrue(done.stderr.startswith("tcpsend: ") and done.stderr[:-1].isprintable(), done.stderr)
        for text in says:
            self.assertIn(text, done.stderr)
        return done.stderr

    def assertEndsWith(self, code, port, *arguments, says=""):
        return self.assertEnds(self.start_patient(port, *arguments), code, says)

    def assertViolation(self, port, *arguments):
        """tcpsend notices a violation, and tells both sides what it is."""
        self.last_words.clear()
        line = self.assertEndsWith(3, port, *arguments, says="the receiver broke the protocol: ")
        last = until(lambda: self.last_words)[0]
        self.assertEqual((last.type, last.code), (ERROR, native.VIOLATION))
        self.assertIn(last.text, line)


class Greetings(BadReceivers):
    def test_other_languages(self):
        for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"220 mail.example ESMTP\r\n",
                     bytes(8), PREFACE, b"\x1b[31mred\x07\n", b"\xff" * 1000):
            with self.subTest(said=said[:20]):
                port = self.saying(said, welcomed=False)
                self.assertViolation(port)
                self.assertViolation(port, self.small)
        for said in b"ok", b"\x15\x03\x03\x00\x02\x02\x28", b"":
            with self.subTest(said=said):
                self.assertEndsWith(3, self.acting(said, closes=True))

    def test_garbage(self):
        def talk(sender):
            sender.send(noise(100_000, next(seeds)))
            sender.socket.shutdown(socket.SHUT_WR)
            sender.rest()

        seeds = itertools.count()
        port = self.receiver(talk)
        for _ in range(30):
            self.assertEndsWith(3, port)

    def test_versions_that_were_not_offered(self):
        for version in 0, 2, 65_535:
            self.assertEndsWith(3, self.saying(welcome(version), welcomed=False), says="version")

    def test_no_version_in_common(self):
        port = self.saying(error(native.VERSION, "this receiver speaks version 7"), welcomed=False)
        self.assertEndsWith(3, port, says="this receiver speaks version 7")

    def test_an_extension_that_must_be_known(self):
        required = welcome(extensions=struct.pack(">HH", 0x8000, 0))
        self.assertEndsWith(3, self.saying(required, welcomed=False), says="extension")

    def test_a_welcome_that_cannot_be(self):
        for wrong in (welcome(window=0), welcome(window=65_537), welcome(open_files=0), welcome(open_files=1025),
                      welcome(extensions=b"\0"), welcome(extensions=b"\0\1\0\5four"), welcome() + welcome()):
            self.assertViolation(self.saying(wrong, welcomed=False))

    def test_extensions_and_frames_that_are_optional_are_skipped(self):
        extension = struct.pack(">HH5s", 0x7FFF, 5, b"later")
        port = self.acting(welcome(extensions=extension), frame(0x80, b"later") + frame(0xFF, flags=0xFF), OFFER,
                           frame(0xC0) + delivered(1), BYE, bye())
        done = self.send(port, "--quiet", self.small)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_any_other_frame_before_welcome(self):
        for kind in set(PAYLOADS) - {native.WELCOME, ERROR}:
            with self.subTest(type=kind):
                self.assertViolation(self.saying(smallest_of(kind), welcomed=False))
        self.assertViolation(self.saying(frame(0x80), welcomed=False))


class Frames(BadReceivers):
    def test_types_that_must_be_understood_and_are_not(self):
        for kind in 0x00, 0x08, 0x10, 0x20, 0x28, 0x7F:
            self.assertViolation(self.saying(frame(kind)))

    def test_types_that_only_a_sender_sends(self):
        for kind in FROM_SENDER - FROM_RECEIVER:
            with self.subTest(type=kind):
                self.assertViolation(self.saying(smallest_of(kind), after=OFFER))

    def test_lengths_that_the_type_does_not_have(self):
        for kind in FROM_RECEIVER:
            least, most = PAYLOADS[kind]
            for length in {0, least - 1, most + 1, 2**31, 2**32 - 1}:
                if 0 <= length < least or length > most:
                    with self.subTest(type=kind, length=length):
                        self.assertViolation(self.saying(frame(kind, length=length)))
        self.assertViolation(self.saying(frame(0x80, length=65_537)))

    def test_flags_and_bits_that_are_reserved(self):
        for kind in FROM_RECEIVER:
            right = smallest_of(kind)[8:]
            with self.subTest(type=kind):
                self.assertViolation(self.saying(frame(kind, right, flags=0x80)))
                self.assertViolation(self.saying(frame(kind, right, flags=0x02)))
                self.assertViolation(self.saying(frame(kind, right, reserved=1)))

    def test_texts_that_are_no_text(self):
        for wrong in error(1, b"\xff\xfe"), refuse(1, 3, b"\xff\xfe"), delivered(1, b"\xff\xfe"):
            self.assertViolation(self.saying(wrong, after=OFFER), self.small)


class Claims(BadReceivers):
    def test_entries_that_were_never_offered(self):
        for id in 0, 2, 2**32 - 1:
            for kind in ACCEPT, HAVE, native.NEED, DELIVERED, native.REFUSE, native.PROGRESS:
                with self.subTest(id=id, type=kind):
                    self.assertViolation(self.saying(smallest_of(kind, id), after=OFFER))

    def test_blocks_of_what_travelled_with_its_offer(self):
        for wrong in accept(1), have(1, 0, 1), need(1, 0):
            self.assertViolation(self.saying(wrong, after=OFFER), self.small)

    def test_blocks_that_the_file_does_not_have(self):
        right = [digest(LARGE[:SMALLEST])]
        wrong = {
            "more checked than there are": [accept(1, 4)],
            "2^64 - 1 checked": [accept(1, 2**64 - 1)],
            "accepted twice": [accept(1), accept(1)],
            "claims before ACCEPT": [have(1, 0, 1)],
            "claims that were not announced": [accept(1), have(1, 0, 1)],
            "more claims than announced": [accept(1, 2), have(1, 0, 3)],
            "claims with a gap": [accept(1, 3), have(1, 1, 1)],
            "claims that overlap": [accept(1, 3), have(1, 0, 2), have(1, 1, 1)],
            "claims beyond counting": [accept(1, 3), have(1, 2**64 - 1, 2)],
            "a claim of nothing": [accept(1, 3), have(1, 0, 0)],
            "more digests than claims": [accept(1, 3), have(1, 0, 1, right * 2)],
            "less digests than claims": [accept(1, 3), have(1, 0, 2, right)],
            "wanted before ACCEPT": [need(1, 0)],
            "wanted before it was sent": [accept(1), need(1, 2)],
            "wanted past the end": [accept(1), need(1, 3)],
            "more wanted than there are": [accept(1), need(1, 0, 4)],
            "nothing wanted": [accept(1), need(1, 0, 0)],
            "block 2^20 wanted": [accept(1), need(1, 1 << 20)],
            "2^64 - 1 wanted": [accept(1), need(1, 2**64 - 1, 2)],
            "all blocks of the world wanted": [accept(1), need(1, 1, 2**64 - 1)],
        }
        for what, frames in wrong.items():
            with self.subTest(what):
                self.assertViolation(self.saying(*frames, after=OFFER))

    def test_blocks_that_are_wanted_again_and_again(self):
        def talk(sender):
            sender.greeted()
            sender.next_of(OFFER)
            sender.send(accept(1))
            for got in iter(sender.next, None):
                if got.type == BLOCK:
                    sender.send(need(1, struct.unpack_from(">Q", got.payload, 4)[0]))
                self.last_words[:] = [got]

        self.assertEndsWith(3, self.receiver(talk), says="the receiver broke the protocol: ")
        until(lambda: self.last_words[0].type == ERROR)

    def test_files_that_are_claimed_to_be_delivered_before_they_were_sent(self):
        for frames in [delivered(1)], [accept(1), delivered(1)], [accept(1, 3), have(1, 0, 3), delivered(1)]:
            port = self.saying(*frames, after=OFFER)
            self.assertViolation(port)
            self.assertViolation(port, "--remove-source", self.large)
            self.assertEqual(self.large.read_bytes(), LARGE)

    def test_goodbye_before_everything_is_over(self):
        for arguments in [self.large], [self.small], ["--remove-source", self.small]:
            self.assertViolation(self.saying(bye(), after=OFFER), *arguments)
        self.assertTrue(self.small.exists())

    def test_a_connection_that_ends_before_the_goodbye_is_lost(self):
        def talk(sender):
            sender.greeted()
            sender.next_of(OFFER)
            sender.send(delivered(1))
            sender.next_of(BYE)

        done = self.send(self.receiver(talk), "--retry-for", "0s", "--quiet", self.small)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertOneLine(done.stderr)


class Texts(BadReceivers):
    def test_what_is_refused_is_named_with_the_reason_and_its_exit_code(self):
        codes = {native.REFUSED: 4, native.NAME: 4, native.CONFLICT: 4, native.TOO_LARGE: 4, native.NOT_VERIFIED: 5,
                 native.FULL: 6, native.READ_ONLY: 6, native.STORAGE: 6, 999: 4, 0: 4, 65_535: 4}
        for code, exit_code in codes.items():
            with self.subTest(code=code):
                port = self.answering(refuse(1, code, f"for reason {code}"))
                self.assertEnds(self.start_patient(port), exit_code, "large", f"for reason {code}")

    def test_a_connection_that_is_refused(self):
        codes = {native.VIOLATION: 3, native.VERSION: 3, native.REFUSED: 4, native.BUSY: 4, native.TIMED_OUT: 7,
                 native.SHUTTING_DOWN: 3, 999: 4, 0: 4}
        for code, exit_code in codes.items():
            for welcomed in True, False:
                with self.subTest(code=code, welcomed=welcomed):
                    port = self.saying(error(code, f"for reason {code}"), after=OFFER, welcomed=welcomed)
                    self.assertEndsWith(exit_code, port, says=f"for reason {code}")

    def test_escapes_are_made_visible(self):
        text = "\x1b]0;title\x07\x1b[31mred\r\nforged: line\x7f\u202e\u0085" + "\n" * 400
        shown = r"\x1B]0;title\x07\x1B[31mred\x0D\nforged: line\x7F\xE2\x80\xAE\xC2\x85\n\n"
        self.assertEndsWith(4, self.answering(refuse(1, 3, text)), says=shown)
        self.assertEndsWith(4, self.saying(error(3, text), after=OFFER), says=shown)

    def test_escapes_in_paths_are_made_visible(self):
        port = self.answering(delivered(1, "\x1b[31mred\n"))
        for option in "--verbose", "--json", "--progress=always":
            done = self.send(port, option, self.small)
            self.assertEqual(done.returncode, 0, done.stderr)
            for line in (done.stdout + done.stderr).replace("\r", "\n").split("\n"):
                self.assertNotIn("\x1b[31m", line)
            for line in done.stdout.splitlines():
                self.assertTrue(line.isprintable() and json.loads(line), line)

    def test_no_text_at_all(self):
        self.assertEndsWith(4, self.answering(refuse(1, 3, "")), says="large: ")
        self.assertEndsWith(4, self.saying(error(3, ""), after=OFFER))

    def test_json_lines_say_it_too(self):
        for frames, code, exit_code in (([frame(0x00)], "protocol_violation", 3), ([error(4, "full")], "busy", 4)):
            done = self.send(self.saying(*frames), "--json", "--retry-for", "0s", self.large)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual([line["error"]["code"] for line in lines if line["type"] == "error"], [code])
            self.assertEqual((lines[-1]["type"], lines[-1]["exit_code"]), ("summary", exit_code))
            self.assertEqual(done.returncode, exit_code)


class Waits(BadReceivers):
    def test_who_moves_nothing_is_given_up(self):
        def silence(sender):
            sender.read_away()

        def deafness(sender):
            sender.greeted()
            sender.next_of(OFFER)
            sender.send(accept(1))
            self.over.wait()

        def drops(sender):
            sender.greeted(b"")
            for byte in welcome():
                if self.over.wait(0.3) or not sender.send(bytes([byte])):
                    return

        other = self.write("other", LARGE)
        ended = [accept(1), refuse(1, 3, "no")]
        receivers = {
            "says nothing": (self.receiver(silence), self.large),
            "says WELCOME and nothing more": (self.saying(), self.large),
            "says WELCOME byte by byte": (self.receiver(drops), self.large),
            "says nothing about what it has": (self.saying(accept(1, 3), after=OFFER), self.large),
            "says nothing about what it was offered": (self.saying(after=OFFER), self.small),
            "says nothing after FINISH": (self.saying(accept(1), after=OFFER), self.large),
            "does not say goodbye": (self.saying(delivered(1), after=OFFER), self.small),
            "reads nothing": (self.receiver(deafness), self.write("vast", noise(24 << 20))),
            "works and does not get on": (self.repeating(progress(1, 7), after=[accept(1)], every=0.1), self.large),
            "says what may be skipped": (self.repeating(frame(0x80, b"x"), after=[accept(1)], every=0.1), self.large),
            "speaks of what is over": (self.repeating(delivered(1), refuse(1, 3, "no"), after=ended, every=0.1), other,
                                       self.large),
        }
        senders = {}
        for what, (port, *paths) in receivers.items():
            senders[what] = self.start_patient(port, "--quiet", "--deadline", "10s", *paths)
        for what, sender in senders.items():
            with self.subTest(what):
                done = self.finish(sender)
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertIn("the receiver moved nothing for 1", done.stderr.splitlines()[-1])
                self.assertEqual(done.stderr.count("\n"), 2 if what == "speaks of what is over" else 1, done.stderr)

    def test_who_says_without_end_what_may_be_skipped_is_given_up_and_takes_little_memory(self):
        def talk(sender):
            sender.greeted()
            while sender.send(frame(0x80, bytes(65_536))):
                pass

        sender = self.start_patient(self.receiver(talk))
        peaks = [0]

        def ended():
            with contextlib.suppress(IndexError):  # it has ended in this moment
                peaks.append(peak_memory(sender.pid) if sender.poll() is None else 0)
            return sender.poll() is not None

        until(ended)
        self.assertEnds(sender, 7)
        self.assertLess(max(peaks), (512 if sanitized() else 64) << 20)

    def test_who_closes_each_time_is_given_up(self):
        greeting = [welcome(), OFFER]
        receivers = {
            "at once": self.receiver(lambda sender: None),
            "after HELLO": self.acting(closes=True),
            "after WELCOME": self.acting(welcome(), closes=True),
            "after OFFER": self.acting(*greeting, closes=True),
            "within an answer": self.acting(*greeting, accept(1)[:-1], closes=True),
            "after ACCEPT": self.acting(*greeting, accept(1), closes=True),
            "after HAVE": self.acting(*greeting, accept(1, 3) + have(1, 0, 1), closes=True),
            "after a block": self.acting(*greeting, accept(1), BLOCK, closes=True),
            "after FINISH": self.acting(*greeting, accept(1), FINISH, closes=True),
            "after PROGRESS": self.acting(*greeting, accept(1), FINISH, progress(1, 5), closes=True),
        }
        senders = {}
        for what, port in receivers.items():
            senders[what] = self.start_sending(port, "--quiet", "--retry-for", "1s", "--deadline", "15s", self.large)
        for what, sender in senders.items():
            with self.subTest(what):
                self.assertEnds(sender, 3)

    def test_a_receiver_that_is_busy_for_ever_is_given_up(self):
        for port in self.saying(error(native.BUSY, "full")), self.answering(refuse(1, native.BUSY, "taken")):
            sender = self.start_sending(port, "--quiet", "--retry-for", "1s", "--deadline", "15s", self.large)
            self.assertEnds(sender, 4)


if __name__ == "__main__":
    main()
