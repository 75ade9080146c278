"""Every exit code, and what is said about it: one line, while everything else is still delivered."""

import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import Case, heeding_permissions, main, noise, on_small_disk, until

MIB = 1 << 20
NOBODY_LISTENS = 1  # a port


class Usage(Case):
    def assertUsage(self, *arguments):
        with self.subTest(arguments=arguments):
            done = self.run_tcpsend(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertOneLine(done.stderr)
            self.assertTrue(done.stderr.startswith("tcpsend"), done.stderr)

    def test_wrong_options_of_the_sender(self):
        self.write("file", b"x")
        for wrong in [["--bogus"], ["-x"], ["--port", "0"], ["--port", "65536"], ["--port", "x"], ["--port", ""],
                      ["--links", "no"], ["--links"], ["--progress", "yes"], ["--protocol", "http"],
                      ["--deadline", "0"], ["--deadline", "5 parsecs"], ["--deadline", "99999999d"],
                      ["--idle-timeout", "0"], ["--idle-timeout", "-1"], ["--connect-timeout", "0s"],
                      ["--connect-timeout", "soon"], ["--retry-for", "x"], ["--retry-for", "-5s"],
                      ["--limit-rate", "0"], ["--limit-rate", "fast"], ["--limit-rate", "99999999999999999999"],
                      ["--name"], ["--into"], ["--exclude"], ["--host", "again"]]:
            self.assertUsage("--host", "127.0.0.1", "file", *wrong)

    def test_what_is_missing_for_the_sender(self):
        for arguments in [], ["file"], ["--host", "h"], ["--host", ""], ["--host", "", "file"], ["--host"], \
                         ["--host", "h", ""]:
            self.assertUsage(*arguments)

    def test_wrong_options_of_the_receiver(self):
        for wrong in [["--bogus"], ["extra"], ["--port", "65536"], ["--port", "-1"], ["--port", "x"], ["--bind", "x"],
                      ["--bind", ""], ["--bind", "localhost:1"], ["--on-conflict", "x"], ["--max-file-size", "x"],
                      ["--max-file-size", "-1"], ["--min-free", "much"], ["--max-sessions", "0"],
                      ["--max-sessions", "x"], ["--max-per-address", "0"], ["--idle-timeout", "0"], ["--compat", "maybe"],
                      ["--log-level", "loud"], ["--log-format", "xml"], ["--exec"], ["--port-file"], ["--dir", "again"],
                      ["--in-place", "--on-conflict", "refuse"]]:
            self.assertUsage("serve", "--dir", self.into, *([] if "--port" in wrong else ["--port", "0"]), *wrong)

    def test_a_directory_that_cannot_be_received_into(self):
        self.write("a file")
        for directory in "missing", "a file", "missing/below", "":
            self.assertUsage("serve", "--port", "0", "--dir", directory)
        self.assertUsage("serve", "--port", "0")

    def test_a_directory_that_must_not_be_written(self):
        self.into.chmod(0o555)
        done = self.run_tcpsend("serve", "--port", "0", "--dir", self.into, prefix=heeding_permissions())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertIn("Permission denied", done.stderr)

    def test_help_and_version_are_no_errors(self):
        for arguments in ["--help"], ["-h"], ["serve", "--help"], ["--version"]:
            done = self.run_tcpsend(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout)
        for arguments in ["--help"], ["serve", "--help"]:
            self.assertIn("130, 143", self.run_tcpsend(*arguments).stdout)


class Sources(Case):
    """Sources that cannot be sent, and others that can."""

    def test_missing_files_are_named_and_the_others_arrive(self):
        self.write("a", b"a")
        self.write("z", noise(MIB))
        done = self.send(self.serve(), "--quiet", "a", "missing", "no/such/path", "z")
        self.assertEqual(done.returncode, 1)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 2)
        for name, line in zip(("missing", "no/such/path"), lines):
            self.assertIn(name, line)
            self.assertIn("No such file or directory", line)
        self.assertEqual(self.delivered(), {"a": b"a", "z": noise(MIB)})

    def test_only_missing_files(self):
        done = self.send(self.serve(), "missing")
        self.assertEqual(done.returncode, 1)
        self.assertOneLine(done.stderr)

    def test_what_must_not_be_read_is_named_and_the_others_arrive(self):
        self.write("tree/a", b"a")
        self.write("tree/closed", b"x", mode=0)
        self.write("tree/large and closed", noise(MIB), mode=0)
        self.write("tree/room/x", b"x")
        self.write("tree/z", b"z")
        (self.dir / "tree/room").chmod(0)
        done = self.send(self.serve(), "--quiet", "tree", prefix=heeding_permissions())
        (self.dir / "tree/room").chmod(0o755)
        self.assertEqual(done.returncode, 1)
        lines = sorted(done.stderr.splitlines())
        self.assertEqual(len(lines), 3)
        for name, line in zip(("tree/closed", "tree/large and closed", "tree/room"), lines):
            self.assertIn(name, line)
            self.assertIn("Permission denied", line)
        self.assertEqual(self.delivered(), {"tree": None, "tree/a": b"a", "tree/z": b"z"})

    def test_a_socket_is_no_file(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.dir / "socket"))
            done = self.send(self.serve(), "socket")
        self.assertEqual(done.returncode, 1)
        self.assertOneLine(done.stderr)

    def change_while_it_is_sent(self, change):
        """Sends a tree, changes tree/m while that file is on its way, and returns how it ended."""
        self.write("tree/a", b"a")
        source = self.write("tree/m", noise(3 * MIB))
        self.write("tree/z", noise(100_000))
        sender = self.start_sending(self.serve(), "--quiet", "--limit-rate", "3M", "tree")
        until(lambda: list(self.into.glob(".tcpsend/*.part")), what="the transfer's begin")
        change(source)
        return self.finish(sender)

    def assertOnlyItFailed(self, done, code):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertIn("tree/m", done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/a": b"a", "tree/z": noise(100_000)})

    def test_a_source_that_shrinks(self):
        self.assertOnlyItFailed(self.change_while_it_is_sent(lambda source: os.truncate(source, MIB)), 5)

    def test_a_source_that_is_emptied(self):
        self.assertOnlyItFailed(self.change_while_it_is_sent(lambda source: os.truncate(source, 0)), 5)

    def test_a_source_that_grows(self):
        def grow(source):
            with open(source, "ab") as file:
                file.write(b"more")

        self.assertOnlyItFailed(self.change_while_it_is_sent(grow), 5)

    def test_a_source_that_is_rewritten_in_place_even_with_its_old_time(self):
        def rewrite(source):
            before = source.stat()
            with open(source, "r+b") as file:
                file.seek(1000)
                file.write(b"changed")
            os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

        self.assertOnlyItFailed(self.change_while_it_is_sent(rewrite), 5)

    def assertWholeOrNothing(self, done):
        """Whether losing its name counts as a change of a file is left open."""
        self.assertIn(done.returncode, (0, 5), done.stderr)
        delivered = self.delivered()
        self.assertEqual(delivered.pop("tree/m", noise(3 * MIB)), noise(3 * MIB))
        self.assertEqual(delivered, {"tree": None, "tree/a": b"a", "tree/z": noise(100_000)})

    def test_a_source_that_is_replaced_while_it_is_open(self):
        another = self.write("new", b"another")
        self.assertWholeOrNothing(self.change_while_it_is_sent(another.rename))

    def test_a_source_that_is_removed_while_it_is_open(self):
        self.assertWholeOrNothing(self.change_while_it_is_sent(os.unlink))

    def test_a_source_removed_before_its_turn_is_named_and_the_others_arrive(self):
        for name in "a", "b", "c", "d", "e", "y", "z":
            self.write("tree/" + name, noise(300_000))
        sender = self.start_sending(self.serve(), "--quiet", "--limit-rate", "1M", "tree")
        until(lambda: list(self.into.glob(".tcpsend/*.part")), what="the transfer's begin")
        (self.dir / "tree/y").unlink()
        done = self.finish(sender)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertIn("tree/y", done.stderr)
        self.assertEqual(set(self.delivered()), {"tree", *("tree/" + name for name in "abcdez")})


class NoConnection(Case):
    def assertNoConnection(self, *arguments):
        done = self.run_tcpsend(*arguments, self.write("file", b"x"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertOneLine(done.stderr)
        return done.stderr

    def test_nobody_listens(self):
        said = self.assertNoConnection("--host", "127.0.0.1", "--port", NOBODY_LISTENS)
        self.assertIn("127.0.0.1 port 1: Connection refused", said)

    def test_every_address_of_a_name_is_tried_and_named(self):
        said = self.assertNoConnection("--host", "localhost", "--port", NOBODY_LISTENS)
        self.assertIn("localhost port 1", said)
        self.assertIn("Connection refused", said)

    def test_a_name_that_does_not_exist(self):
        said = self.assertNoConnection("--host", "does-not-exist.invalid")
        self.assertIn("does-not-exist.invalid", said)

    def test_in_the_compatibility_protocol(self):
        self.assertNoConnection("--protocol", "compat", "--host", "127.0.0.1", "--port", NOBODY_LISTENS)

    def test_a_connection_that_is_lost_beyond_retries(self):
        port = self.peer(lambda connection: connection.recv(8))
        self.assertNoConnection("--host", "127.0.0.1", "--port", port, "--retry-for", "0")

    def test_a_peer_that_speaks_something_else(self):
        port = self.peer(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n") or
                         connection.recv(100))
        self.assertNoConnection("--host", "127.0.0.1", "--port", port, "--retry-for", "20s")


class Refused(Case):
    def test_what_is_refused_for_one_reason_has_its_code(self):
        server = self.serve("--max-file-size", "3")
        done = self.send(server, "--quiet", self.write("a", b"1234"), self.write("b", b"1234"), self.write("c", b"1"))
        self.assertEqual(done.returncode, 4)
        self.assertEqual(len(done.stderr.splitlines()), 2)
        self.assertEqual(self.delivered(), {"c": b"1"})

    def test_different_reasons_are_some_failed(self):
        server = self.serve("--max-file-size", "3")
        done = self.send(server, "--quiet", self.write("a", b"1234"), "missing", self.write("c", b"1"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 2)
        self.assertEqual(self.delivered(), {"c": b"1"})

    def test_the_receivers_own_directory(self):
        self.write(".tcpsend/x", b"x")
        done = self.send(self.serve(), "--quiet", ".tcpsend", self.write("ok", b"x"))
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {"ok": b"x"})


class Verification(Case):
    def damage(self, server, at):
        """A way to the server on which one byte is changed; returns its port."""
        def talk(connection):
            with socket.create_connection(("127.0.0.1", server.port)) as onward:
                def answer():
                    try:
                        while data := onward.recv(65536):
                            connection.sendall(data)
                        connection.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass

                answers = threading.Thread(target=answer, daemon=True)
                answers.start()
                passed = 0
                while data := bytearray(connection.recv(65536)):
                    if passed <= at < passed + len(data):
                        data[at - passed] ^= 1
                    passed += len(data)
                    onward.sendall(data)
                onward.shutdown(socket.SHUT_WR)
                answers.join()

        return self.peer(talk)

    def test_standard_input_that_was_damaged_on_its_way(self):
        server = self.serve()
        done = self.send(self.damage(server, 5000), "--quiet", "--name", "x", "-", input=noise(60_000))
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertEqual((self.delivered(), self.leftovers()), ({}, []))

    def test_a_file_that_was_damaged_on_its_way_is_repaired(self):
        server = self.serve()
        source = self.write("file", noise(MIB))
        done = self.send(self.damage(server, 500_000), source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"file": source.read_bytes()})

    def test_a_small_file_that_was_damaged_on_its_way_is_never_delivered_so(self):
        server = self.serve()
        source = self.write("file", noise(10_000))
        done = self.send(self.damage(server, 5000), "--retry-for", "0", source)
        if done.returncode == 0:
            self.assertEqual(self.delivered(), {"file": source.read_bytes()})
        else:
            self.assertEqual((done.returncode, self.delivered()), (5, {}))
            self.assertOneLine(done.stderr)


class Storage(Case):
    def assertStorageFailed(self, done, *names):
        self.assertEqual(done.returncode, 6, done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), len(names), done.stderr)
        for name, line in zip(sorted(names), sorted(lines)):
            self.assertIn(name, line)

    def test_a_directory_over_there_that_cannot_be_written(self):
        (self.into / "closed").mkdir()
        (self.into / "closed/tree").mkdir()
        for path in self.into / "closed/tree", self.into / "closed":
            path.chmod(0o555)
        server = self.serve(prefix=heeding_permissions())
        small, large = self.write("small", b"x"), self.write("large", noise(MIB))
        self.assertStorageFailed(self.send(server, "--quiet", "--into", "closed", small, large), "small", "large")
        self.assertStorageFailed(self.send(server, "--into", "closed", "--name", "stream", "-", input=b"x"), "closed")
        self.assertEqual(self.send(server, small, large).returncode, 0)
        self.assertEqual(set(self.delivered()), {"closed", "closed/tree", "small", "large"})

    def test_a_destination_that_is_removed_while_it_is_served(self):
        server = self.serve()
        shutil.rmtree(self.into)
        done = self.send(server, "--quiet", self.write("small", b"x"), self.write("large", noise(MIB)))
        self.assertStorageFailed(done, "small", "large")
        self.assertIsNone(server.process.poll())
        self.into.mkdir()

    def serve_small_disk(self, *options):
        """A receiver on a disk of 4 MiB, and its directory as seen from here."""
        prefix = on_small_disk(self.into, "4m")
        if prefix is None:
            self.skipTest("a small disk cannot be mounted here")
        server = self.serve(*options, prefix=prefix)
        return server, pathlib.Path(f"/proc/{server.pid}/root{self.into}")

    def test_a_file_larger_than_the_disk(self):
        server, disk = self.serve_small_disk("--min-free", "0")
        small, large = self.write("a small", noise(100_000)), self.write("large", noise(6 * MIB))
        also = self.write("z small", b"z")
        self.assertStorageFailed(self.send(server, "--quiet", small, large, also), "large")
        self.assertEqual((disk / "a small").read_bytes(), small.read_bytes())
        self.assertEqual((disk / "z small").read_bytes(), b"z")
        self.assertFalse((disk / "large").exists())

    def test_a_disk_that_fills_up_while_a_file_arrives(self):
        server, disk = self.serve_small_disk("--min-free", "0")
        done = self.send(server, "--name", "stream", "-", input=noise(6 * MIB))
        self.assertStorageFailed(done, "-")
        self.assertIn("No space left", done.stderr)
        self.assertEqual([path.name for path in disk.iterdir()], [".tcpsend"])
        self.assertEqual(list((disk / ".tcpsend").iterdir()), [])
        self.assertEqual(self.send(server, "--name", "less", "-", input=noise(2 * MIB)).returncode, 0)
        self.assertEqual((disk / "less").read_bytes(), noise(2 * MIB))

    def test_a_disk_too_small_for_many_small_files(self):
        server, disk = self.serve_small_disk("--min-free", "0")
        for number in range(120):
            self.write(f"tree/{number:03}", noise(50_000, number))
        done = self.send(server, "--quiet", "tree")
        self.assertEqual(done.returncode, 6, done.stderr)
        arrived = sorted(path.name for path in (disk / "tree").iterdir())
        failed = [line for line in done.stderr.splitlines() if "tree/" in line]
        self.assertTrue(20 < len(arrived) < 100, len(arrived))
        self.assertEqual(len(arrived) + len(failed), 120)
        for name in arrived:
            self.assertEqual((disk / "tree" / name).read_bytes(), noise(50_000, int(name)))

    def test_the_space_that_is_to_stay_free_counts_as_full(self):
        server, disk = self.serve_small_disk()
        self.assertStorageFailed(self.send(server, self.write("file", b"x")), "file")
        self.assertEqual([path.name for path in disk.iterdir()], [".tcpsend"])

    def test_a_full_disk_is_not_tried_again(self):
        server, _ = self.serve_small_disk("--min-free", "0", "--json")
        done = self.send(server, "--retry-for", "50s", self.write("large", noise(6 * MIB)))
        self.assertStorageFailed(done, "large")
        self.assertEqual(server.stop(), 0)
        self.assertEqual([event["type"] for event in server.events()].count("session"), 1)

    def test_a_file_larger_than_the_receivers_own_limit(self):
        server = self.serve(prefix=["prlimit", f"--fsize={MIB}"])
        large, small = self.write("large", noise(3 * MIB)), self.write("small", b"x")
        done = self.send(server, "--quiet", "--retry-for", "1s", large, small)
        self.assertIsNone(server.process.poll(), "the receiver did not survive")
        self.assertStorageFailed(done, "large")
        self.assertEqual(self.delivered(), {"small": b"x"})

    def test_once_ends_with_it_too(self):
        server = self.serve("--once", "--min-free", "4096T")
        self.assertEqual(self.send(server, self.write("file", b"x")).returncode, 6)
        self.assertNotEqual(server.wait(), 0)


class Signals(Case):
    def interrupted(self, number, port, *arguments, ready, **rest):
        sender = self.start_sending(port, *arguments, **rest)
        until(lambda: ready(sender))
        began = time.monotonic()
        sender.send_signal(number)
        done = self.finish(sender)
        self.assertEqual(done.returncode, 128 + number, done.stderr)
        self.assertLess(time.monotonic() - began, 10)
        return done

    def test_while_it_sends(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(signal=number):
                server = self.serve()
                source = self.write(f"file {number}", noise(4 * MIB))
                done = self.interrupted(number, server, "--limit-rate", "1M", source, ready=lambda _: self.leftovers())
                self.assertOneLine(done.stderr)
                self.assertEqual(self.delivered(), {})
                self.assertEqual(self.send(server, source).returncode, 0)
                self.assertEqual(self.delivered(), {source.name: source.read_bytes()})
                (self.into / source.name).unlink()

    def test_while_it_waits_to_try_again(self):
        self.write("file", b"x")
        for protocol in "native", "compat":
            self.interrupted(signal.SIGTERM, NOBODY_LISTENS, "--retry-for", "50s", "--protocol", protocol, "file",
                             ready=lambda sender: sender.stderr.readline())

    def test_while_it_waits_for_an_answer(self):
        self.write("file", b"x")
        over = threading.Event()
        self.addCleanup(over.set)
        for protocol in "native", "compat":
            connected = threading.Event()
            port = self.peer(lambda connection: connected.set() or over.wait())
            done = self.interrupted(signal.SIGINT, port, "--protocol", protocol, "file",
                                    ready=lambda _: connected.is_set())
            self.assertOneLine(done.stderr)

    def test_while_it_waits_for_standard_input(self):
        server = self.serve("--json")
        done = self.interrupted(signal.SIGINT, server, "--name", "x", "-", stdin=subprocess.PIPE,
                                ready=lambda _: self.leftovers())
        self.assertOneLine(done.stderr)
        until(lambda: self.leftovers() == [])
        self.assertEqual(self.delivered(), {})

    def test_while_it_waits_for_a_connection(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            with socket.create_connection(listener.getsockname()) as _:  # its queue is full now
                port = listener.getsockname()[1]

                def connecting(sender):
                    sockets = pathlib.Path(f"/proc/{sender.pid}/net/tcp").read_text()
                    return f":{port:04X} 02" in sockets  # SYN_SENT

                done = self.interrupted(signal.SIGTERM, port, self.write("file"), ready=connecting)
                self.assertOneLine(done.stderr)

    def test_a_second_signal_ends_it_at_once(self):
        over = threading.Event()
        self.addCleanup(over.set)
        connected = threading.Event()
        port = self.peer(lambda connection: connected.set() or over.wait())
        sender = self.start_sending(port, self.write("file", noise(4 * MIB)))
        until(connected.is_set)
        sender.send_signal(signal.SIGINT)
        sender.send_signal(signal.SIGTERM)
        # A shell says 143 as well of a process that the second one finds at its end.
        self.assertIn(sender.wait(10), (130, 143, -signal.SIGTERM))


class Descriptors(Case):
    def test_a_sender_with_few_descriptors_still_delivers(self):
        for number in range(100):
            self.write(f"tree/{number}", noise(80_000, number))
        done = self.send(self.serve(), "tree", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.delivered()), 101)


if __name__ == "__main__":
    main()
