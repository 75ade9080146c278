# ctest: tsan
"""The options of the receiver, one by one, and how it ends."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import time
import unittest

from harness import Case, main, noise, on_small_disk, summary, until
from native import RawSender

MIB = 1 << 20


class Listening(Case):
    def refuses(self, address, port):
        try:
            socket.create_connection((address, port), timeout=10).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_loopback_by_default(self):
        server = self.serve("--json")
        (event,) = until(server.events)
        self.assertEqual(event["type"], "listening")
        self.assertEqual(event["addresses"], f"127.0.0.1:{server.port}, [::1]:{server.port}")
        self.assertTrue(self.refuses("127.0.0.2", server.port))

    def test_one_address(self):
        server = self.serve("--bind", "127.0.0.2")
        self.assertTrue(self.refuses("127.0.0.1", server.port))
        self.assertTrue(self.refuses("::1", server.port))
        self.assertFalse(self.refuses("127.0.0.2", server.port))

    def test_several_addresses_with_one_port(self):
        server = self.serve("--bind", "127.0.0.2", "--bind", "::1", "--bind", "127.0.0.3", "--bind", "127.0.0.3")
        answers = [self.refuses(address, server.port) for address in ("127.0.0.2", "::1", "127.0.0.3", "127.0.0.1")]
        self.assertEqual(answers, [False, False, False, True])

    def test_brackets_are_allowed(self):
        self.assertFalse(self.refuses("::1", self.serve("--bind", "[::1]").port))

    def test_all_addresses(self):
        server = self.serve("--bind", "*", "--insecure")
        self.assertEqual([self.refuses(address, server.port) for address in ("127.0.0.1", "::1", "127.9.9.9")],
                         [False, False, False])

    def test_what_cannot_be_listened_on_is_one_line(self):
        taken = self.serve()
        for options in ["--bind", "nonsense"], ["--bind", "192.0.2.1"], ["--port", str(taken.port)]:
            with self.subTest(options=options):
                port = [] if "--port" in options else ["--port", "0"]
                done = self.run_tcpsend("serve", "--dir", self.into, *port, *options)
                self.assertNotEqual(done.returncode, 0)
                self.assertOneLine(done.stderr)
                self.assertIn(options[1], done.stderr)

    def test_the_port_file_is_there_only_while_connections_are_accepted(self):
        port_file = self.dir / "told"
        process = self.start("serve", "--dir", self.into, "--port", "0", "--port-file", port_file)
        until(port_file.exists)
        text = port_file.read_text()
        self.assertRegex(text, r"^\d+\n$")
        self.assertFalse(self.refuses("127.0.0.1", int(text)))
        self.assertEqual([path.name for path in self.dir.iterdir() if path.name.startswith("told")], ["told"])
        process.terminate()
        self.assertEqual(process.wait(60), 0)
        self.assertFalse(port_file.exists())


class Conflicts(Case):
    """An older file and a different one of the same name, small and large, and as standard input."""

    def deliver(self, server, content, name="file"):
        done = self.send(server, "--json", self.write(name, content))
        self.assertOneLine(done.stderr)
        return done

    def paths(self, done):
        return [event["path"] for event in map(json.loads, done.stdout.splitlines()) if event["type"] == "file"]

    def test_replace(self):
        for options in [], ["--on-conflict", "replace"]:
            server = self.serve(*options)
            for content in b"one", noise(MIB), noise(MIB, 2), b"two":
                self.assertEqual(self.deliver(server, content).returncode, 0)
                self.assertEqual(self.delivered(), {"file": content})
            done = self.send(server, "--name", "file", "-", input=b"three")
            self.assertEqual((done.returncode, self.delivered()), (0, {"file": b"three"}))

    def test_keep_both(self):
        server = self.serve("--on-conflict", "keep-both")
        contents = [b"one", noise(MIB), b"three", noise(MIB, 4)]
        for number, content in enumerate(contents):
            done = self.deliver(server, content)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(self.paths(done), ["file" if number == 0 else f"file.{number}"])
        versions = {"file" + (f".{i}" if i else ""): content for i, content in enumerate(contents)}
        self.assertEqual(self.delivered(), versions)
        again = self.deliver(server, contents[-1])
        self.assertEqual((summary(again)["unchanged"], self.paths(again)), (1, ["file.3"]))
        self.assertEqual(self.send(server, "--name", "file", "-", input=b"five").returncode, 0)
        self.assertEqual(self.delivered(), {**versions, "file.4": b"five"})

    def test_keep_both_of_links_and_in_directories(self):
        server = self.serve("--on-conflict", "keep-both")
        self.write("tree/file", b"one")
        os.symlink("one", self.dir / "tree/link")
        self.assertEqual(self.send(server, "--links", "keep", "tree").returncode, 0)
        self.write("tree/file", b"two")
        (self.dir / "tree/link").unlink()
        os.symlink("two", self.dir / "tree/link")
        self.assertEqual(self.send(server, "--links", "keep", "tree").returncode, 0)
        self.assertEqual([(self.into / "tree" / name).read_bytes() for name in ("file", "file.1")], [b"one", b"two"])
        self.assertEqual([os.readlink(self.into / "tree" / name) for name in ("link", "link.1")], ["one", "two"])

    def test_refuse(self):
        server = self.serve("--on-conflict", "refuse")
        for name, content in ("small", b"one"), ("large", noise(MIB)):
            self.assertEqual(self.deliver(server, content, name).returncode, 0)
            self.assertEqual(self.deliver(server, content, name).returncode, 0)
            for other in b"two", noise(MIB, 2), noise(len(content), 3):
                done = self.deliver(server, other, name)
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn(name, done.stderr)
            self.assertEqual((self.into / name).read_bytes(), content)
        done = self.send(server, "--name", "small", "-", input=b"three")
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {"small": b"one", "large": noise(MIB)})
        self.assertEqual(self.leftovers(), [])

    def test_refuse_refuses_only_what_conflicts(self):
        server = self.serve("--on-conflict", "refuse")
        for name in "tree/same", "tree/different":
            self.write(name, b"x")
        self.assertEqual(self.send(server, "tree").returncode, 0)
        self.write("tree/different", b"yy")
        self.write("tree/new", b"x")
        done = self.send(server, "tree")
        self.assertEqual(done.returncode, 4)
        self.assertIn("tree/different", done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/same": b"x", "tree/different": b"x", "tree/new": b"x"})

    def test_a_directory_is_never_replaced_by_a_file_nor_a_file_by_a_directory(self):
        self.write("x", b"file")
        self.write("large", noise(MIB))
        self.write("tree/y/z", b"z")
        for policy in "replace", "keep-both", "refuse":
            with self.subTest(policy=policy):
                into = self.dir / f"for {policy}"
                (into / "x").mkdir(parents=True)
                (into / "large").mkdir()
                (into / "tree").mkdir()
                (into / "tree/y").write_bytes(b"a file")
                server = self.serve("--on-conflict", policy, directory=into)
                done = self.send(server, "--quiet", "x", "large", "tree")
                self.assertEqual(done.returncode, 4, done.stderr)
                for name in "x", "large", "tree/y":
                    self.assertIn(name, done.stderr)
                self.assertTrue((into / "x").is_dir() and (into / "large").is_dir())
                self.assertEqual((into / "tree/y").read_bytes(), b"a file")

    def test_in_place(self):
        first = noise(4 * MIB)
        little = first[:MIB] + b"changed" + first[MIB + 7 :]
        much = noise(3 * MIB, 2) + little[3 * MIB :]
        for options, is_same_file in (["--in-place"], True), ([], False):
            with self.subTest(options=options):
                into = self.dir / f"into{len(options)}"
                into.mkdir()
                server = self.serve(*options, directory=into)
                self.assertEqual(self.deliver(server, first).returncode, 0)
                there = into / "file"
                for content, is_kept in (little, is_same_file), (little + b"longer", is_same_file), (much, is_same_file):
                    before = there.stat().st_ino
                    done = self.deliver(server, content)
                    self.assertEqual((done.returncode, there.read_bytes()), (0, content), done.stderr)
                    self.assertEqual(there.stat().st_ino == before, is_kept)
                self.assertEqual(list((into / ".tcpsend").iterdir()), [])

    def test_in_place_without_room_for_what_a_file_grows_by(self):
        prefix = on_small_disk(self.into, "14m")
        if not prefix:
            raise unittest.SkipTest("no disk of its own can be mounted here")
        server = self.serve("--in-place", "--min-free", "0", prefix=prefix)
        there = pathlib.Path(f"/proc/{server.pid}/root{self.into}/file")
        first = noise(8 * MIB)
        second = b"changed" + first[7:] + noise(2 * MIB, 2)
        for content in first, second:
            self.assertEqual(self.deliver(server, content).returncode, 0)
        before = there.stat()
        # For a moment it is there twice: where it came, and where it is to be.
        done = self.deliver(server, second + noise(2 * MIB + MIB // 4, 3))
        self.assertEqual(done.returncode, 6, done.stderr)
        after = there.stat()
        self.assertEqual((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns))
        self.assertTrue(there.read_bytes() == second)
        # It all came, and is kept for the next time.
        self.assertEqual([path.suffix for path in sorted((there.parent / ".tcpsend").iterdir())], [".journal", ".part"])


class Limits(Case):
    def test_larger_files_are_refused_and_others_arrive(self):
        server = self.serve("--max-file-size", "100K")
        self.write("at the limit", noise(102_400))
        self.write("over", noise(102_401))
        self.write("small", b"x")
        done = self.send(server, "--quiet", "at the limit", "over", "small")
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertIn("over", done.stderr)
        self.assertEqual(set(self.delivered()), {"at the limit", "small"})

    def test_files_that_travel_with_their_offer_are_refused_too(self):
        server = self.serve("--max-file-size", "10")
        self.write("ten", b"1234567890")
        self.write("eleven", b"12345678901")
        done = self.send(server, "--quiet", "ten", "eleven")
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertEqual(set(self.delivered()), {"ten"})

    def test_standard_input_is_refused_when_it_turns_out_larger(self):
        server = self.serve("--max-file-size", "100K")
        self.assertEqual(self.send(server, "--name", "fits", "-", input=noise(102_400)).returncode, 0)
        done = self.send(server, "--name", "over", "-", input=noise(3 * MIB))
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertEqual((set(self.delivered()), self.leftovers()), ({"fits"}, []))

    def test_a_compat_sender_of_too_much_is_turned_away(self):
        server = self.serve("--max-file-size", "10")
        done = self.send(server, "--protocol", "compat", self.write("over", b"12345678901"))
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})

    def test_so_much_of_the_disk_stays_free(self):
        server = self.serve("--min-free", "4096T")
        for source in self.write("small", b"x"), self.write("large", noise(MIB)):
            done = self.send(server, source)
            self.assertEqual(done.returncode, 6)
            self.assertOneLine(done.stderr)
            self.assertIn("free", done.stderr)
        self.assertEqual(self.send(server, "--name", "x", "-", input=b"x").returncode, 6)
        self.assertEqual((self.delivered(), self.leftovers()), ({}, []))

    def test_more_sessions_are_turned_away_as_busy(self):
        source = self.write("file", b"x")
        for bound in "--max-sessions", "--max-per-address":
            with self.subTest(bound=bound):
                server = self.serve(bound, "2")
                with contextlib.closing(RawSender(server.port)) as first, contextlib.closing(RawSender(server.port)) as second:
                    first.greet(session=b"1" * 16)
                    second.greet(session=b"2" * 16)
                    done = self.send(server, "--retry-for", "0", source)
                    self.assertEqual(done.returncode, 4, done.stderr)
                    self.assertOneLine(done.stderr)
                    self.assertIn("too many sessions", done.stderr)
                self.assertEqual(self.send(server, source).returncode, 0)

    def test_sessions_that_move_nothing_are_ended(self):
        server = self.serve("--idle-timeout", "500ms")
        hello = b"\x89TSND\r\n\x1a" + bytes([1, 0, 0, 0, 0, 0, 0, 20, 0, 1, 0, 1]) + bytes(16)
        for first in hello, b"file&1000":
            with self.subTest(first=first), socket.create_connection(("127.0.0.1", server.port), timeout=30) as silent:
                silent.sendall(first)
                with contextlib.suppress(ConnectionResetError):  # how a compat sender learns that it failed
                    while silent.recv(4096):
                        pass
        until(lambda: server.log().count("timed_out") >= 2)
        self.assertEqual((self.delivered(), self.leftovers()), ({}, []))

    def test_without_fsync_files_arrive_as_well(self):
        server = self.serve("--no-fsync")
        self.write("tree/small", b"x")
        self.write("tree/large", noise(MIB))
        self.assertEqual(self.send(server, "tree").returncode, 0)
        self.assertEqual(self.delivered(), {"tree": None, "tree/small": b"x", "tree/large": noise(MIB)})

    def test_compat_senders_are_turned_away_where_they_are_not_wanted(self):
        server = self.serve("--compat", "off")
        source = self.write("file", b"x")
        done = self.send(server, "--protocol", "compat", source)
        self.assertIn(done.returncode, (3, 4))
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})
        until(lambda: "compatibility protocol is off" in server.log())
        self.assertEqual(self.send(server, source).returncode, 0)


class Once(Case):
    def test_a_session_that_succeeds(self):
        server = self.serve("--once")
        self.assertEqual(self.send(server, self.write("a", b"x"), self.write("b", noise(MIB))).returncode, 0)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(set(self.delivered()), {"a", "b"})

    def test_a_session_of_a_compat_sender(self):
        server = self.serve("--once")
        self.assertEqual(self.send(server, "--protocol", "compat", self.write("a", b"x")).returncode, 0)
        self.assertEqual(server.wait(), 0)

    def test_a_session_with_something_refused(self):
        server = self.serve("--once", "--max-file-size", "1")
        self.assertEqual(self.send(server, self.write("a", b"x"), self.write("b", b"xx")).returncode, 4)
        self.assertEqual(server.wait(), 4)

    def test_a_sender_that_dies_and_does_not_return(self):
        server = self.serve("--once", "--idle-timeout", "700ms")
        sender = self.start_sending(server, "--limit-rate", "500K", self.write("file", noise(4 * MIB)))
        until(lambda: self.leftovers())
        sender.kill()
        self.assertEqual(server.wait(), 3)

    def test_a_sender_that_dies_and_returns(self):
        server = self.serve("--once")
        source = self.write("file", noise(4 * MIB))
        sender = self.start_sending(server, "--limit-rate", "1M", source)
        until(lambda: self.leftovers())
        sender.kill()
        until(lambda: "session ended" in server.log())
        self.assertEqual(self.send(server, source).returncode, 0)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_whoever_connects_and_leaves_is_no_session(self):
        server = self.serve("--once")
        socket.create_connection(("127.0.0.1", server.port)).close()
        self.assertEqual(self.send(server, self.write("a", b"x")).returncode, 0)
        self.assertEqual(server.wait(), 0)

    def test_a_signal_before_there_is_a_session(self):
        for number in signal.SIGINT, signal.SIGTERM:
            server = self.serve("--once")
            server.signal(number)
            self.assertEqual(server.wait(), 128 + number)


class Exec(Case):
    def setUp(self):
        super().setUp()
        self.told = self.dir / "told"
        self.program = self.write("a program", b"""#!/bin/sh
for one in "$#" "$1" "$TCPSEND_PATH" "$TCPSEND_NAME" "$TCPSEND_SIZE" "$TCPSEND_DIGEST" "$TCPSEND_PEER"; do
  printf '%s\\0' "$one"
done > "$TOLD.new"
cat "$TOLD.new" >> "$TOLD"
echo to standard output
""", mode=0o755)

    def serve_with(self, program, *options):
        return self.serve("--exec", str(program), *options, environment={"TOLD": str(self.told)})

    def calls(self, count):
        """What the program was told so far, once it was called `count` times."""
        def all_there():
            words = os.fsdecode(self.told.read_bytes()).split("\0")[:-1] if self.told.exists() else []
            return len(words) == 7 * count and words

        words = until(all_there, what=f"{count} calls")
        return [words[at:at + 7] for at in range(0, len(words), 7)]

    def test_it_is_told_path_name_size_digest_and_peer(self):
        server = self.serve_with(self.program, "--json")
        self.write("tree/small", b"12345")
        self.write("tree/large", noise(MIB))
        self.assertEqual(self.send(server, "tree").returncode, 0)
        calls = {call[3]: call for call in self.calls(2)}
        digests = {event["path"]: event["digest"] for event in server.events() if "digest" in event}
        for name, size in ("tree/small", 5), ("tree/large", MIB):
            arguments, path, same_path, _, told_size, digest, peer = calls[name]
            self.assertEqual((arguments, path, same_path), ("1", str(self.into / name), str(self.into / name)))
            self.assertEqual((int(told_size), digest), (size, digests[name]))
            self.assertRegex(digest, "^[0-9a-f]{32}$")
            self.assertRegex(peer, r"^127\.0\.0\.1:\d+$")

    def test_standard_input_and_compat_senders_too(self):
        server = self.serve_with(self.program)
        self.assertEqual(self.send(server, "--name", "stream", "-", input=b"123").returncode, 0)
        self.calls(1)
        self.assertEqual(self.send(server, "--protocol", "compat", self.write("compat", b"1234")).returncode, 0)
        self.assertEqual([(call[3], call[4]) for call in self.calls(2)], [("stream", "3"), ("compat", "4")])

    def test_no_shell_ever_sees_a_name(self):
        server = self.serve_with(self.program)
        names = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "a b", "'\"", "new\nline", "*", "-rf", "%s", "照片",
                 "\x1b[31m", "back\\slash", "$HOME", "| touch pwned", "&& touch pwned", " lead"]
        for name in names:
            self.write("odd/" + name, name.encode())
        self.assertEqual(self.send(server, "--into", "there", "--name", "x", "odd").returncode, 0)
        calls = self.calls(len(names))
        self.assertEqual({call[1] for call in calls}, {str(self.into / "there/x" / name) for name in names})
        self.assertEqual({call[3] for call in calls}, {"there/x/" + name for name in names})
        self.assertEqual([path for path in self.dir.rglob("pwned")], [])

    def test_what_it_prints_goes_to_standard_error(self):
        server = self.serve_with(self.program, "--json")
        self.assertEqual(self.send(server, self.write("file", b"x")).returncode, 0)
        self.calls(1)
        self.assertEqual(server.stop(), 0)
        self.assertIn("to standard output", server.log())
        self.assertNotIn("to standard output", server.output())
        server.events()

    def test_it_runs_one_at_a_time_in_the_order_of_delivery(self):
        program = self.write("slow", b"""#!/bin/sh
echo "begin $TCPSEND_NAME" >> "$TOLD"
sleep 0.02
echo "end $TCPSEND_NAME" >> "$TOLD"
""", mode=0o755)
        server = self.serve_with(program, "--json")
        for number in range(8):
            self.write(f"tree/{number}", b"x")
        self.assertEqual(self.send(server, "tree").returncode, 0)
        self.assertEqual(server.stop(), 0)
        order = [event["path"] for event in server.events() if event["type"] == "file" and "digest" in event]
        self.assertEqual(self.told.read_text().splitlines(),
                         [word + name for name in order for word in ("begin ", "end ")])

    def test_it_gets_no_descriptors_of_ours(self):
        program = self.write("lister", b'#!/bin/sh\nls /proc/self/fd | wc -w >> "$TOLD"\n', mode=0o755)
        server = self.serve_with(program)
        self.assertEqual(self.send(server, self.write("file", b"x")).returncode, 0)
        until(lambda: self.told.exists() and self.told.read_text().endswith("\n"))
        self.assertEqual(int(self.told.read_text()), 4)  # 0, 1, 2 and the directory that ls reads

    def test_its_failure_is_logged_and_the_file_stays_delivered(self):
        killed = self.write("killed", b"#!/bin/sh\nkill -9 $$\n", mode=0o755)
        failing = self.write("failing", b"#!/bin/sh\nexit 3\n", mode=0o755)
        for program, how in (failing, "exited with 3"), (killed, "was killed by signal 9"), \
                            (self.dir / "missing", "could not be started"), ("true; touch pwned", "could not be"):
            with self.subTest(program=program):
                server = self.serve_with(program)
                self.assertEqual(self.send(server, self.write("file", str(program).encode())).returncode, 0)
                until(lambda: "exec failed" in server.log() and how in server.log())
                self.assertEqual(server.stop(), 0)
                self.assertEqual(self.delivered(), {"file": str(program).encode()})
        self.assertFalse((self.dir / "pwned").exists())

    def test_what_failed_is_not_told(self):
        server = self.serve("--exec", str(self.program), "--max-file-size", "3", environment={"TOLD": str(self.told)})
        self.assertEqual(self.send(server, self.write("a", b"1234"), self.write("b", b"123")).returncode, 4)
        self.assertEqual(server.stop(), 0)
        self.assertEqual([call[3] for call in self.calls(1)], ["b"])

    def serve_with_one_that_hangs(self):
        program = self.write("hanging", b'#!/bin/sh\necho running > "$0.told"\nwhile [ -e "$0" ]; do sleep 0.1; done\n',
                             mode=0o755)
        self.addCleanup(program.unlink)  # which lets it go
        return self.serve("--exec", str(program))

    def test_a_program_that_hangs_does_not_hold_up_transfers(self):
        server = self.serve_with_one_that_hangs()
        for number in range(3):
            self.assertEqual(self.send(server, self.write(f"file {number}", noise(100_000))).returncode, 0)
        self.assertEqual(len(self.delivered()), 3)

    def test_a_second_signal_ends_the_receiver_even_while_a_program_hangs(self):
        server = self.serve_with_one_that_hangs()
        self.assertEqual(self.send(server, self.write("file", b"x")).returncode, 0)
        until((self.dir / "hanging.told").exists)
        server.signal(signal.SIGTERM)
        until(lambda: "stopping" in server.log())
        server.signal(signal.SIGTERM)
        try:
            server.wait(patience=5)
        except subprocess.TimeoutExpired:
            self.fail("it was still running five seconds after the second signal")


class Log(Case):
    def exchange(self, *options):
        """Delivers a file, has another refused, and returns the log lines."""
        server = self.serve("--max-file-size", "10", *options)
        self.send(server, self.write("good", b"x"), self.write("too large", noise(100)))
        self.assertEqual(server.stop(), 0)
        return server.log().splitlines()

    def test_info_by_default(self):
        lines = self.exchange()
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) ")
        words = [line.split(" ", 1)[1] for line in lines]
        self.assertTrue(words[0].startswith("info listening on="), words)
        self.assertTrue(any(one.startswith("info delivered ") and " path=good size=1 digest=" in one for one in words))
        self.assertTrue(any(one.startswith("warning failed ") and ' path="too large" code=too_large' in one
                            for one in words))
        self.assertTrue(any(one.startswith("info session done ") for one in words))
        # The session may end after its sender does, and that after the signal.
        self.assertIn("info stopping signal=15", words[-2:])

    def test_each_level_says_less_than_the_one_before(self):
        said = {level: self.exchange("--log-level", level) for level in ("debug", "info", "warning", "error", "off")}
        self.assertIn(" debug session ", "\n".join(said["debug"]))
        self.assertEqual([len(said["debug"]) > len(said["info"]), len(said["warning"]), said["error"], said["off"]],
                         [True, 1, [], []])

    def test_json(self):
        events = [json.loads(line) for line in self.exchange("--log-format", "json", "--log-level", "debug")]
        for event in events:
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(event["level"], ("debug", "info", "warning", "error"))
        by_name = {event["event"]: event for event in events}
        self.assertEqual(by_name["delivered"]["path"], "good")
        self.assertEqual((by_name["failed"]["path"], by_name["failed"]["code"]), ("too large", "too_large"))
        self.assertEqual(by_name["session done"]["delivered"], 1)
        self.assertEqual(by_name["stopping"]["signal"], 15)


class Shutdown(Case):
    def transfer(self, server, *options):
        """Begins one that takes its time."""
        source = self.write("file", noise(2 * MIB))
        sender = self.start_sending(server, "--limit-rate", "2M", *options, source)
        until(lambda: self.leftovers(), what="the transfer's begin")
        return source, sender

    def test_an_idle_receiver_ends_at_once(self):
        for number in signal.SIGTERM, signal.SIGINT:
            server = self.serve()
            began = time.monotonic()
            server.signal(number)
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - began, 5)

    def test_the_first_signal_lets_sessions_finish_and_nobody_else_in(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(signal=number):
                server = self.serve()
                source, sender = self.transfer(server)
                server.signal(number)
                until(lambda: "stopping" in server.log())
                self.assertRaises(OSError, socket.create_connection, ("127.0.0.1", server.port), 10)
                self.assertEqual(self.finish(sender).returncode, 0)
                self.assertEqual(server.wait(), 0)
                self.assertEqual(self.delivered(), {"file": source.read_bytes()})
                (self.into / "file").unlink()

    def test_the_second_signal_ends_it_at_once(self):
        server = self.serve()
        source, sender = self.transfer(server, "--retry-for", "0")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        until(lambda: "stopping" in server.log())
        server.signal(signal.SIGTERM)
        server.wait()
        self.assertLess(time.monotonic() - began, 5)
        done = self.finish(sender)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})
        self.assertEqual(self.send(self.serve(), source).returncode, 0)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_silent_connections_do_not_keep_it(self):
        server = self.serve()
        with socket.create_connection(("127.0.0.1", server.port)) as silent, \
                socket.create_connection(("127.0.0.1", server.port)) as compat:
            compat.sendall(b"file&100")
            self.assertEqual(compat.recv(2), b"ok")
            silent.sendall(b"\x89")
            server.signal(signal.SIGTERM)
            until(lambda: "stopping" in server.log())
            server.signal(signal.SIGTERM)
            self.assertIsNotNone(server.wait(patience=10))
        self.assertEqual(self.delivered(), {})

    def test_unfinished_transfers_are_private(self):
        self.serve()
        self.assertEqual(stat.S_IMODE((self.into / ".tcpsend").stat().st_mode), 0o700)


if __name__ == "__main__":
    main()
