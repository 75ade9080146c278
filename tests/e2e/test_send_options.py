"""The options of the sender, one by one."""

import contextlib
import json
import os
import shutil
import socket
import threading
import time

from harness import Case, main, noise, summary, until
from native import RawSender

MIB = 1 << 20


class Names(Case):
    def test_a_file_gets_another_name(self):
        self.write("file", b"x")
        self.assertEqual(self.send(self.serve(), "--name", "other", "file").returncode, 0)
        self.assertEqual(self.delivered(), {"other": b"x"})

    def test_a_name_with_directories_makes_them(self):
        self.write("file", b"x")
        self.assertEqual(self.send(self.serve(), "--name", "a/b/c", "file").returncode, 0)
        self.assertEqual(self.delivered(), {"a": None, "a/b": None, "a/b/c": b"x"})

    def test_standard_input_into_directories(self):
        done = self.send(self.serve(), "--name", "dumps/shop.sql", "-", input=b"content")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"dumps": None, "dumps/shop.sql": b"content"})

    def test_a_directory_gets_another_name(self):
        self.write("tree/in/file", b"x")
        self.assertEqual(self.send(self.serve(), "--name", "new/name", "tree").returncode, 0)
        self.assertEqual(self.delivered(),
                         {"new": None, "new/name": None, "new/name/in": None, "new/name/in/file": b"x"})

    def test_names_that_cannot_be_are_usage_errors(self):
        server = self.serve()
        self.write("file", b"x")
        wrong = ["../x", "/x", "a/../../x", "a//b", ".", "", "a/./b", "n" * 256, "/".join(["d" * 200] * 21), ".tcpsend",
                 ".tcpsend/x", "a/"]
        for name in wrong:
            with self.subTest(name=name[:20]):
                done = self.send(server, "--name", name, "file")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})
        self.assertFalse((self.dir / "x").exists())

    def test_one_name_is_not_for_two_paths(self):
        done = self.send(self.serve(), "--name", "x", self.write("a"), self.write("b"))
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)


class Into(Case):
    def test_everything_goes_into_a_directory_over_there(self):
        self.write("file", b"f")
        self.write("tree/x", b"x")
        server = self.serve()
        self.assertEqual(self.send(server, "--into", "sub/dir", "file", "tree").returncode, 0)
        there = {"sub": None, "sub/dir": None, "sub/dir/file": b"f", "sub/dir/tree": None, "sub/dir/tree/x": b"x"}
        self.assertEqual(self.delivered(), there)
        self.assertEqual(self.send(server, "--into", "sub/dir/", "--name", "in/other", "file").returncode, 0)
        self.assertEqual(self.delivered(), {**there, "sub/dir/in": None, "sub/dir/in/other": b"f"})

    def test_standard_input_goes_into_it_as_well(self):
        self.assertEqual(self.send(self.serve(), "--into", "today", "--name", "x", "-", input=b"i").returncode, 0)
        self.assertEqual(self.delivered(), {"today": None, "today/x": b"i"})

    def test_the_content_of_a_directory_goes_into_it(self):
        self.write("tree/x", b"x")
        self.assertEqual(self.send(self.serve(), "--into", "today", ".", cwd=self.dir / "tree").returncode, 0)
        self.assertEqual(self.delivered(), {"today": None, "today/x": b"x"})

    def test_directories_that_cannot_be_are_usage_errors(self):
        server = self.serve()
        self.write("file", b"x")
        for into in "..", "../x", "/", "/tmp", "a/../..", "a//b", ".tcpsend", ".tcpsend/x":
            with self.subTest(into=into):
                done = self.send(server, "--into", into, "file")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})


class Excludes(Case):
    def sent(self, *patterns):
        options = [word for pattern in patterns for word in ("--exclude", pattern)]
        done = self.run_tcpsend("--host", "nowhere.invalid", "--dry-run", *options, "tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        return {line.removeprefix("tree/") for line in done.stdout.splitlines()} - {"tree"}

    def setUp(self):
        super().setUp()
        for name in "a.c", "a.o", "b1.o", "sub/a.o", "sub/b.c", "build/x", "sub/build/y", "sub/deep/build":
            self.write("tree/" + name)
        self.all = self.sent()

    def test_nothing_is_left_out_without_patterns(self):
        self.assertEqual(self.all, {"a.c", "a.o", "b1.o", "sub/a.o", "sub/b.c", "build/x", "sub/build/y",
                                    "sub/deep/build", "sub", "build", "sub/build", "sub/deep"})

    def test_a_pattern_without_a_slash_is_for_names_at_any_depth(self):
        self.assertEqual(self.sent("*.o"), self.all - {"a.o", "b1.o", "sub/a.o"})
        self.assertEqual(self.sent("?.o"), self.all - {"a.o", "sub/a.o"})
        self.assertEqual(self.sent("[b-z]?.o"), self.all - {"b1.o"})

    def test_what_is_in_an_excluded_directory_is_left_out(self):
        self.assertEqual(self.sent("sub"), {"a.c", "a.o", "b1.o", "build", "build/x"})

    def test_a_slash_at_the_end_is_for_directories(self):
        self.assertEqual(self.sent("build/"), self.all - {"build", "build/x", "sub/build", "sub/build/y"})

    def test_two_stars_are_for_any_number_of_directories(self):
        self.assertEqual(self.sent("**/build/y"), self.all - {"sub/build/y"})
        self.assertEqual(self.sent("sub/**"), {"a.c", "a.o", "b1.o", "build", "build/x", "sub"})

    def test_a_pattern_with_a_slash_begins_at_the_named_directory(self):
        self.assertEqual(self.sent("/a.o"), self.all - {"a.o"})
        self.assertEqual(self.sent("sub/build"), self.all - {"sub/build", "sub/build/y"})
        self.assertEqual(self.sent("sub/*.o"), self.all - {"sub/a.o"})

    def test_several_patterns_add_up(self):
        self.assertEqual(self.sent("*.o", "build", "deep"), {"a.c", "sub", "sub/b.c"})

    def test_a_named_path_is_sent_whatever_the_patterns(self):
        self.write("x.o")
        done = self.run_tcpsend("--host", "nowhere.invalid", "--dry-run", "--exclude", "*.o", "x.o", "tree")
        self.assertEqual((done.returncode, done.stdout.splitlines()[0]), (0, "x.o"))

    def test_what_is_left_out_is_not_delivered(self):
        done = self.send(self.serve(), "--exclude", "*.o", "--exclude", "sub", "tree")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(set(self.delivered()), {"tree", "tree/a.c", "tree/build", "tree/build/x"})

    def test_an_empty_pattern_is_a_usage_error(self):
        for pattern in "", "/":
            done = self.run_tcpsend("--host", "nowhere.invalid", "--exclude", pattern, "tree")
            self.assertEqual(done.returncode, 2)
            self.assertOneLine(done.stderr)


class Links(Case):
    def setUp(self):
        super().setUp()
        self.write("outside", b"out")
        self.write("tree/file", b"in")
        self.write("other/inside", b"other")
        for link, target in [("tree/to file", "file"), ("tree/up", "../outside"), ("tree/dir", "../other"),
                             ("named", "outside"), ("named dir", "other")]:
            os.symlink(target, self.dir / link)

    def links(self):
        """Delivered links and what they say."""
        return {path.relative_to(self.into).as_posix(): os.readlink(path)
                for path in self.into.rglob("*") if path.is_symlink()}

    def test_by_default_named_links_are_followed_and_others_skipped_with_a_warning(self):
        done = self.send(self.serve(), "tree", "named", "named dir")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.links(), {})
        self.assertEqual(self.delivered(), {"tree": None, "tree/file": b"in", "named": b"out", "named dir": None,
                                            "named dir/inside": b"other"})
        for name in "tree/to file", "tree/up", "tree/dir":
            self.assertIn(f"'{name}' is a symbolic link and was skipped", done.stderr)

    def test_follow_sends_what_they_lead_to(self):
        self.assertEqual(self.send(self.serve(), "--links", "follow", "tree").returncode, 0)
        self.assertEqual(self.links(), {})
        self.assertEqual(self.delivered(), {"tree": None, "tree/file": b"in", "tree/to file": b"in", "tree/up": b"out",
                                            "tree/dir": None, "tree/dir/inside": b"other"})

    def test_keep_makes_links_over_there(self):
        server = self.serve()
        os.utime(self.dir / "tree/up", ns=(5, 1_234_567_890_000_000_001), follow_symlinks=False)
        for unchanged in 0, 5:
            done = self.send(server, "--links", "keep", "--json", "tree", "named")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.links(), {"tree/to file": "file", "tree/up": "../outside", "tree/dir": "../other",
                                            "named": "outside"})
            self.assertEqual(summary(done)["unchanged"], unchanged)
        self.assertEqual(os.lstat(self.into / "tree/up").st_mtime_ns, 1_234_567_890_000_000_001)
        self.assertEqual((self.into / "tree/file").read_bytes(), b"in")

    def test_skip_skips_named_ones_as_well(self):
        done = self.send(self.serve(), "--links", "skip", "tree", "named", "named dir")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.delivered(), {"tree": None, "tree/file": b"in"})
        self.assertIn("'named' is a symbolic link and was skipped", done.stderr)

    def test_a_changed_link_is_replaced(self):
        server = self.serve()
        self.assertEqual(self.send(server, "--links", "keep", "named").returncode, 0)
        (self.dir / "named").unlink()
        os.symlink("elsewhere", self.dir / "named")
        self.assertEqual(self.send(server, "--links", "keep", "named").returncode, 0)
        self.assertEqual(self.links(), {"named": "elsewhere"})

    def test_a_file_replaces_a_link_and_never_writes_through_it(self):
        server = self.serve()
        victim = self.write("victim", b"precious")
        os.symlink(victim, self.into / "outside")
        self.assertEqual(self.send(server, "outside").returncode, 0)
        self.assertEqual((victim.read_bytes(), self.links()), (b"precious", {}))
        self.assertEqual((self.into / "outside").read_bytes(), b"out")

    def test_a_link_that_leads_nowhere_fails_where_it_is_followed(self):
        os.symlink("nowhere", self.dir / "tree/dangling")
        for arguments in ["--links", "follow", "tree"], ["tree/dangling", "tree/file"]:
            with self.subTest(arguments=arguments):
                server = self.serve()
                done = self.send(server, "--quiet", *arguments)
                self.assertEqual(done.returncode, 1)
                self.assertOneLine(done.stderr)
                self.assertIn("tree/dangling", done.stderr)
                self.assertIn(b"in", self.delivered().values())

    def test_a_link_that_leads_nowhere_can_be_kept(self):
        os.symlink("nowhere", self.dir / "dangling")
        self.assertEqual(self.send(self.serve(), "--links", "keep", "dangling").returncode, 0)
        self.assertEqual(self.links(), {"dangling": "nowhere"})

    def test_loops_end(self):
        server = self.serve()
        shutil.rmtree(self.dir / "other")
        os.symlink(".", self.dir / "tree/self")
        os.symlink("../tree", self.dir / "tree/around")
        os.symlink("loop", self.dir / "tree/loop")
        (self.dir / "tree/dir").unlink()
        done = self.send(server, "--links", "follow", "tree")
        self.assertEqual(done.returncode, 1)
        for name in "self", "around":
            self.assertIn(f"'tree/{name}' leads back into a directory around it and was skipped", done.stderr)
        self.assertIn("tree/loop: cannot find 'tree/loop': Too many levels of symbolic links", done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/file": b"in", "tree/to file": b"in", "tree/up": b"out"})


class Holes(Case):
    def make(self, name, size, *pieces):
        """A file of holes but for 64 KiB at each of the pieces."""
        path = self.dir / name
        with open(path, "wb") as file:
            file.truncate(size)
            for at in pieces:
                file.seek(at)
                file.write(noise(min(65536, size - at), seed=at))
        if path.stat().st_blocks * 512 >= size // 2:
            self.skipTest("this file system has no holes")
        return path

    def test_holes_stay_holes(self):
        server = self.serve()
        size = 64 * MIB
        for name, pieces in [("all hole", []), ("front", [0]), ("middle", [20 * MIB + 4096, 40 * MIB]),
                             ("end", [size - 65536])]:
            with self.subTest(name=name):
                source = self.make(name, size, *pieces)
                done = self.send(server, "--json", source)
                self.assertEqual(done.returncode, 0, done.stderr)
                there = self.into / name
                self.assertEqual(there.stat().st_size, size)
                self.assertEqual(there.read_bytes(), source.read_bytes())
                self.assertLessEqual(there.stat().st_blocks * 512, source.stat().st_blocks * 512 + 512 * 1024)
                self.assertLess(summary(done)["bytes_sent"], len(pieces) * 4 * 65536 + 20_000)

    def test_a_file_of_a_terabyte_that_is_all_hole(self):
        source = self.make("vast", 1 << 36, 1 << 35)
        done = self.send(self.serve(), "--json", source, patience=50)
        self.assertEqual(done.returncode, 0, done.stderr)
        there = (self.into / "vast").stat()
        self.assertEqual(there.st_size, 1 << 36)
        self.assertLess(there.st_blocks * 512, 16 * MIB)

    def test_content_written_into_a_hole_arrives_and_the_rest_stays_hole(self):
        server = self.serve()
        source = self.make("file", 16 * MIB, 0)
        self.assertEqual(self.send(server, source).returncode, 0)
        with open(source, "r+b") as file:
            file.seek(9 * MIB)
            file.write(b"new")
        self.assertEqual(self.send(server, source).returncode, 0)
        self.assertEqual((self.into / "file").read_bytes(), source.read_bytes())
        self.assertLess((self.into / "file").stat().st_blocks * 512, 2 * MIB)


class DryRun(Case):
    def setUp(self):
        super().setUp()
        self.write("tree/file", b"x")
        self.write("tree/empty/.keep", b"")
        self.write("tree/skip.o", b"x")

    def test_it_lists_on_standard_output_and_connects_to_nobody(self):
        connections = []
        port = self.peer(connections.append)
        done = self.send(port, "--dry-run", "--into", "there", "--exclude", "*.o", "tree")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["there/tree", "there/tree/empty", "there/tree/empty/.keep", "there/tree/file"])
        self.assertEqual(connections, [])

    def test_it_names_what_is_missing(self):
        done = self.send(1, "--dry-run", "tree/file", "missing")
        self.assertEqual((done.returncode, done.stdout), (1, "file\n"))
        self.assertOneLine(done.stderr)
        self.assertIn("missing", done.stderr)

    def test_it_removes_nothing(self):
        self.assertEqual(self.send(1, "--dry-run", "--remove-source", "tree").returncode, 0)
        self.assertTrue((self.dir / "tree/file").exists())

    def test_it_reads_nothing_from_standard_input(self):
        done = self.send(1, "--dry-run", "--name", "x", "-", input=b"content")
        self.assertEqual((done.returncode, done.stdout), (0, "x\n"))


class RemoveSource(Case):
    def test_files_are_removed_once_delivered_and_directories_stay(self):
        self.write("tree/small", b"x")
        self.write("tree/large", noise(MIB))
        self.write("tree/empty")
        self.write("file", b"f")
        done = self.send(self.serve(), "--remove-source", "tree", "file")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.delivered()["tree/large"], noise(MIB))
        self.assertEqual([path.name for path in (self.dir / "tree").iterdir()], [])
        self.assertFalse((self.dir / "file").exists())

    def test_an_unchanged_file_is_delivered_and_removed_too(self):
        server = self.serve()
        self.write("file", b"f")
        self.assertEqual(self.send(server, "file").returncode, 0)
        self.assertEqual(self.send(server, "--remove-source", "file").returncode, 0)
        self.assertFalse((self.dir / "file").exists())
        self.assertEqual(self.delivered(), {"file": b"f"})

    def test_nothing_refused_is_removed(self):
        server = self.serve("--max-file-size", "100K", "--on-conflict", "refuse")
        large, ok, taken = self.write("large", noise(200_000)), self.write("ok", b"x"), self.write("taken", b"mine")
        (self.into / "taken").write_bytes(b"another's")
        done = self.send(server, "--remove-source", large, ok, taken)
        self.assertEqual(done.returncode, 4)
        self.assertEqual((large.exists(), ok.exists(), taken.exists()), (True, False, True))
        self.assertEqual(self.delivered(), {"ok": b"x", "taken": b"another's"})

    def test_nothing_is_removed_when_there_is_nobody(self):
        source = self.write("file", b"x")
        self.assertEqual(self.send(1, "--remove-source", source).returncode, 3)
        self.assertTrue(source.exists())

    def test_nothing_is_removed_before_it_is_delivered(self):
        server = self.serve()
        source = self.write("file", noise(2 * MIB))
        sender = self.start_sending(server, "--remove-source", "--limit-rate", "1M", source)
        until(lambda: self.leftovers())
        self.assertTrue(source.exists())
        sender.kill()
        sender.wait()
        self.assertTrue(source.exists())

    def test_a_kept_link_is_removed_and_a_followed_one_is_not(self):
        target = self.write("target", b"x")
        os.symlink("target", self.dir / "link")
        done = self.send(self.serve(), "--remove-source", "link")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.path.lexists(self.dir / "link") and target.exists())
        self.assertIn("link", done.stderr)
        self.assertEqual(self.send(self.serve(), "--remove-source", "--links", "keep", "link").returncode, 0)
        self.assertFalse(os.path.lexists(self.dir / "link"))
        self.assertTrue(target.exists())


class Retries(Case):
    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            return probe.getsockname()[1]

    def test_a_server_that_starts_later_is_waited_for(self):
        port = self.free_port()
        self.write("file", b"x")
        sender = self.start_sending(port, "--retry-for", "50s", "--verbose", "file")
        self.assertIn(b"trying again in", sender.stderr.readline())
        self.serve("--port", str(port))
        sender.communicate(timeout=60)
        self.assertEqual(sender.returncode, 0)
        self.assertEqual(self.delivered(), {"file": b"x"})

    def test_without_it_a_first_connection_fails_fast(self):
        began = time.monotonic()
        done = self.send(self.free_port(), self.write("file"))
        self.assertEqual(done.returncode, 3)
        self.assertOneLine(done.stderr)
        self.assertLess(time.monotonic() - began, 10)

    def test_it_ends(self):
        began = time.monotonic()
        done = self.send(self.free_port(), "--retry-for", "1s", self.write("file"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("trying again", done.stderr)
        self.assertTrue(0.9 < time.monotonic() - began < 15, time.monotonic() - began)

    def test_what_was_refused_is_never_tried_again(self):
        server = self.serve("--max-file-size", "10", "--json")
        done = self.send(server, "--retry-for", "50s", self.write("file", noise(100_000)), self.write("ok", b"x"))
        self.assertEqual(done.returncode, 4)
        self.assertNotIn("trying again", done.stderr)
        self.assertEqual(server.stop(), 0)
        self.assertEqual([event["type"] for event in server.events()].count("session"), 1)

    def test_a_receiver_that_will_not_speak_is_not_tried_again(self):
        connections = []

        def refuse(connection):
            connections.append(1)
            connection.recv(8)
            connection.sendall(bytes([0x0F, 0, 0, 0, 0, 0, 0, 6]) + (3).to_bytes(2, "big") + b"nope")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

        done = self.send(self.peer(refuse), "--retry-for", "50s", self.write("file", b"x"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertOneLine(done.stderr)
        self.assertIn("nope", done.stderr)
        self.assertEqual(len(connections), 1)

    def test_a_busy_receiver_is_tried_again(self):
        server = self.serve("--max-sessions", "1")
        with contextlib.closing(RawSender(server.port)) as taken:
            taken.greet()
            sender = self.start_sending(server, self.write("file", b"x"))
            self.assertIn(b"trying again in", sender.stderr.readline())
        sender.communicate(timeout=60)
        self.assertEqual(sender.returncode, 0)
        self.assertEqual(self.delivered(), {"file": b"x"})


class Waits(Case):
    def test_a_connection_that_is_not_answered_ends_at_the_connect_timeout(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            with socket.create_connection(listener.getsockname()):  # its queue is full now
                began = time.monotonic()
                done = self.send(listener.getsockname()[1], "--connect-timeout", "500ms", self.write("file"))
        self.assertIn(done.returncode, (3, 7))
        self.assertOneLine(done.stderr)
        self.assertTrue(0.4 < time.monotonic() - began < 10, time.monotonic() - began)

    def test_a_peer_that_never_answers_ends_at_the_idle_timeout(self):
        over = threading.Event()
        self.addCleanup(over.set)
        for protocol in "native", "compat":
            with self.subTest(protocol=protocol):
                began = time.monotonic()
                done = self.send(self.peer(lambda connection: over.wait()), "--idle-timeout", "700ms", "--protocol",
                                 protocol, self.write("file", noise(MIB)))
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertOneLine(done.stderr)
                self.assertTrue(0.6 < time.monotonic() - began < 15, time.monotonic() - began)

    def test_a_receiver_that_welcomes_and_falls_silent_ends_at_the_idle_timeout(self):
        welcome = bytes([0x21, 0, 0, 0, 0, 0, 0, 18]) + bytes([0, 1]) + bytes([0, 0, 0, 64]) + bytes([0, 0, 0, 4])
        over = threading.Event()
        self.addCleanup(over.set)

        def silent(connection):
            connection.sendall(welcome + (1 << 40).to_bytes(8, "big"))
            over.wait()

        done = self.send(self.peer(silent), "--idle-timeout", "500ms", "--retry-for", "0", self.write("file", b"x"))
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertOneLine(done.stderr)

    def test_the_deadline_ends_a_transfer(self):
        server = self.serve()
        source = self.write("file", noise(4 * MIB))
        began = time.monotonic()
        done = self.send(server, "--deadline", "1s", "--limit-rate", "200K", source)
        self.assertEqual(done.returncode, 7)
        self.assertOneLine(done.stderr)
        self.assertIn("deadline", done.stderr)
        self.assertTrue(0.9 < time.monotonic() - began < 15, time.monotonic() - began)
        self.assertEqual(self.delivered(), {})
        self.assertEqual(self.send(server, source).returncode, 0)

    def test_the_deadline_ends_everything_else_too(self):
        over = threading.Event()
        self.addCleanup(over.set)
        silent = self.peer(lambda connection: over.wait())
        self.write("file", b"x")
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, write_end)
        for what, port, arguments, rest in [
            ("retries", 1, ["--retry-for", "50s", "file"], {}),
            ("waiting for an answer", silent, ["file"], {}),
            ("waiting for an answer", silent, ["--protocol", "compat", "file"], {}),
            ("standard input", self.serve().port, ["--name", "x", "-"], {"stdin": read_end}),
        ]:
            with self.subTest(what=what, arguments=arguments):
                began = time.monotonic()
                sender = self.start_sending(port, "--quiet", "--deadline", "600ms", *arguments, **rest)
                _, err = sender.communicate(timeout=50)
                self.assertEqual(sender.returncode, 7, err)
                self.assertOneLine(err.decode())
                self.assertTrue(0.5 < time.monotonic() - began < 15, time.monotonic() - began)
        os.close(read_end)

    def test_a_run_within_its_deadline_is_not_disturbed(self):
        self.assertEqual(self.send(self.serve(), "--deadline", "50s", self.write("file", b"x")).returncode, 0)


class Rate(Case):
    def test_no_more_than_so_much_a_second(self):
        server = self.serve()
        for protocol in "native", "compat":
            with self.subTest(protocol=protocol):
                source = self.write(protocol, noise(MIB))
                began = time.monotonic()
                done = self.send(server, "--protocol", protocol, "--limit-rate", "1M", source)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(0.7 < time.monotonic() - began < 15, time.monotonic() - began)

    def test_a_slow_rate_is_not_taken_for_a_dead_peer(self):
        server = self.serve("--idle-timeout", "2s")
        done = self.send(server, "--idle-timeout", "2s", "--limit-rate", "16K", self.write("file", noise(60_000)))
        self.assertEqual(done.returncode, 0, done.stderr)


class Protocol(Case):
    def test_compat_delivers_files_one_by_one(self):
        server = self.serve("--json")
        self.write("tree/inner/a name", noise(70_000))
        self.write("tree/照片", b"5byte")
        done = self.send(server, "--protocol", "compat", "tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"a name": noise(70_000), "照片": b"5byte"})
        until(lambda: len([event for event in server.events() if event["type"] == "summary"]) == 2)
        self.assertEqual({event["protocol"] for event in server.events() if event["type"] == "session"}, {"compat"})

    def test_compat_refuses_what_its_receivers_cannot_take_and_sends_the_rest(self):
        server = self.serve()
        self.write("empty")
        self.write("a&b", b"x")
        self.write("good", b"x")
        done = self.send(server, "--quiet", "--protocol", "compat", "empty", "a&b", "good")
        self.assertEqual(done.returncode, 4)
        self.assertEqual(len(done.stderr.splitlines()), 2)
        self.assertEqual(self.delivered(), {"good": b"x"})

    def test_compat_of_standard_input_is_refused_clearly(self):
        done = self.send(self.serve(), "--protocol", "compat", "--name", "x", "-", input=b"content")
        self.assertEqual(done.returncode, 4)
        self.assertOneLine(done.stderr)

    def test_compat_removes_nothing_since_nothing_is_acknowledged(self):
        source = self.write("source", b"x")
        done = self.send(self.serve(), "--protocol", "compat", "--remove-source", source)
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)
        self.assertTrue(source.exists())

    def test_native_is_what_is_spoken_otherwise(self):
        server = self.serve("--compat", "off", "--json")
        self.assertEqual(self.send(server, self.write("a", b"x")).returncode, 0)
        self.assertEqual(self.send(server, "--protocol", "native", self.write("b", b"x")).returncode, 0)
        events = self.send(server, "--json", "--protocol", "native", "b").stdout.splitlines()
        self.assertEqual(json.loads(events[0])["protocol"], "native")


if __name__ == "__main__":
    main()
