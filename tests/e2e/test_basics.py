# ctest: asan
# ctest: tsan
"""Files, trees and standard input, delivered."""

import os
import random
import subprocess

from harness import TCPSEND, Case, main, noise, summary

OLD = 1_600_000_000_123_456_789  # a time, in nanoseconds
BLOCK = 65_536


class Files(Case):
    def test_a_file(self):
        server = self.serve()
        source = self.write("a file", noise(3_000_000), mode=0o640)
        os.utime(source, ns=(OLD, OLD))
        done = self.send(server, source)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertOneLine(done.stderr)
        there = self.into / "a file"
        self.assertEqual(there.read_bytes(), source.read_bytes())
        self.assertEqual(there.stat().st_mode & 0o7777, 0o640)
        self.assertEqual(there.stat().st_mtime_ns, OLD)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(server.stop(), 0)

    def test_sizes_around_every_boundary(self):
        sizes = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK - 1, 5 * BLOCK, 1 << 20, (1 << 20) + 1]
        sources = [self.write(f"of {size}", noise(size, seed=size)) for size in sizes]
        self.assertEqual(self.send(self.serve(), *sources).returncode, 0)
        self.assertEqual(self.delivered(), {source.name: source.read_bytes() for source in sources})

    def test_times_before_1970_and_after_2038(self):
        server = self.serve()
        for seconds in -1, -500_000_000, 2**31 + 5:
            with self.subTest(seconds=seconds):
                source = self.write(f"from {seconds}", b"x")
                os.utime(source, ns=(0, seconds * 1_000_000_000 + 7))
                self.assertEqual(self.send(server, source).returncode, 0)
                self.assertEqual((self.into / source.name).stat().st_mtime_ns, source.stat().st_mtime_ns)

    def test_setuid_setgid_and_sticky_bits_stay_behind(self):
        server = self.serve()
        source = self.write("tree/tool", b"x", mode=0o6755)
        small, large = source, self.write("tree/large", noise(200_000), mode=0o7710)
        (self.dir / "tree").chmod(0o3751)
        self.assertEqual(self.send(server, self.dir / "tree").returncode, 0)
        self.assertEqual(small.stat().st_mode & 0o7777, 0o6755)
        self.assertEqual(large.stat().st_mode & 0o7777, 0o7710)
        modes = [(self.into / name).stat().st_mode & 0o7777 for name in ("tree", "tree/tool", "tree/large")]
        self.assertEqual(modes, [0o751, 0o755, 0o710])

    def test_a_mode_without_write_or_read_permission_is_kept(self):
        server = self.serve()
        for mode in 0o444, 0o400, 0o555:
            source = self.write(f"mode {mode:o}", noise(100_000), mode=mode)
            for _ in range(2):
                self.assertEqual(self.send(server, source).returncode, 0)
                self.assertEqual((self.into / source.name).stat().st_mode & 0o7777, mode)

    def test_an_identical_file_costs_its_digests(self):
        server = self.serve()
        large, small = self.write("large", noise(3_000_000)), self.write("small", noise(60_000))
        self.assertEqual(self.send(server, large, small).returncode, 0)
        again = summary(self.send(server, "--json", large, small))
        self.assertLess(again["bytes_sent"], 60_000 + 10_000)
        self.assertEqual((again["files"], again["unchanged"]), (2, 2))

    def test_an_identical_file_gets_the_new_mode_and_time(self):
        server = self.serve()
        for size in 5, 300_000:
            source = self.write(f"of {size}", noise(size))
            self.assertEqual(self.send(server, source).returncode, 0)
            source.chmod(0o600)
            os.utime(source, ns=(OLD, OLD))
            self.assertEqual(summary(self.send(server, "--json", source))["unchanged"], 1)
            there = (self.into / source.name).stat()
            self.assertEqual((there.st_mode & 0o7777, there.st_mtime_ns), (0o600, OLD))

    def test_a_file_changed_in_place_costs_the_blocks_that_changed(self):
        server = self.serve()
        content = bytearray(noise(3_000_000))
        source = self.write("file", content)
        self.assertEqual(self.send(server, source).returncode, 0)
        for at in 10, 1_500_000, 2_999_999:
            content[at] ^= 1
        source.write_bytes(content)
        self.assertLess(summary(self.send(server, "--json", source))["bytes_sent"], 3 * BLOCK + 10_000)
        self.assertEqual(self.delivered(), {"file": bytes(content)})

    def test_a_file_that_became_longer_shorter_or_empty(self):
        server = self.serve()
        content = noise(1_000_000)
        source = self.write("file")
        for size in 400_000, 1_000_000, 300_000, 10, 0, 70_000:
            source.write_bytes(content[:size])
            self.assertEqual(self.send(server, source).returncode, 0)
            self.assertEqual(self.delivered(), {"file": content[:size]})

    def test_a_name_as_long_as_names_can_be_and_a_deep_path(self):
        server = self.serve()
        long_name = self.write("n" * 255, b"long")
        deep = self.write("/".join(["deep"] * 60) + "/file", b"deep")
        self.assertEqual(self.send(server, long_name, self.dir / "deep").returncode, 0)
        self.assertEqual((self.into / long_name.name).read_bytes(), b"long")
        self.assertEqual((self.into / deep.relative_to(self.dir)).read_bytes(), b"deep")

    def test_a_name_that_begins_with_a_dash_follows_two_dashes(self):
        self.write("-rf", b"x")
        self.write("--help", b"y")
        done = self.send(self.serve(), "--", "-rf", "--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"-rf": b"x", "--help": b"y"})

    def test_every_address_family_and_a_name(self):
        server = self.serve()
        for host in "127.0.0.1", "::1", "localhost":
            source = self.write(f"by {host.replace(':', '')}", b"x")
            done = self.run_tcpsend("--host", host, "--port", server.port, source)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.delivered()), 3)

    def test_the_default_port_is_1122_on_both_sides(self):
        # An address of the loopback network that nobody else will have.
        address = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
        port_file = self.dir / "port"
        server = self.serve("--bind", address, "--port", "1122")
        self.assertEqual(server.port, 1122)
        server.stop()
        by_default = subprocess.Popen([TCPSEND, "serve", "--bind", address, "--dir", self.into, "--port-file",
                                       port_file, "--log-level", "error"])
        self.addCleanup(by_default.wait)
        self.addCleanup(by_default.kill)
        source = self.write("file", b"x")
        done = self.run_tcpsend("--host", address, "--retry-for", "30s", source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {"file": b"x"})


class Trees(Case):
    def make_tree(self):
        for seed, name in enumerate(["tree/a", "tree/inner/b", "tree/inner/most/c"]):
            self.write(name, noise(1000, seed))
        self.write("tree/large", noise(500_000))
        self.write("tree/empty file")
        (self.dir / "tree/empty/also empty").mkdir(parents=True)
        return self.dir / "tree"

    def expected(self, tree, below=""):
        found = {below.rstrip("/"): None} if below else {}
        for path in tree.rglob("*"):
            found[below + path.relative_to(tree).as_posix()] = None if path.is_dir() else path.read_bytes()
        return found

    def assertSameMetadata(self, tree, there):
        for path in [tree, *tree.rglob("*")]:
            copy = there / path.relative_to(tree)
            here, over_there = path.stat(), copy.stat()
            self.assertEqual((over_there.st_mode, over_there.st_mtime_ns), (here.st_mode, here.st_mtime_ns), path)

    def test_a_tree_with_empty_directories_modes_and_times(self):
        tree = self.make_tree()
        (tree / "inner").chmod(0o750)
        (tree / "empty/also empty").chmod(0o500)
        (tree / "a").chmod(0o400)
        for number, path in enumerate(sorted([tree, *tree.rglob("*")], reverse=True)):
            os.utime(path, ns=(OLD, OLD + number * 1_000_000_001))
        server = self.serve()
        for _ in range(2):
            self.assertEqual(self.send(server, tree).returncode, 0)
            self.assertEqual(self.delivered(), self.expected(tree, "tree/"))
            self.assertSameMetadata(tree, self.into / "tree")

    def test_an_empty_directory(self):
        (self.dir / "void").mkdir()
        self.assertEqual(self.send(self.serve(), "void").returncode, 0)
        self.assertEqual(self.delivered(), {"void": None})

    def test_a_directory_that_cannot_be_written_is_filled_first(self):
        tree = self.make_tree()
        (tree / "inner").chmod(0o555)
        tree.chmod(0o555)
        self.assertEqual(self.send(self.serve(), tree).returncode, 0)
        self.assertEqual(self.delivered(), self.expected(tree, "tree/"))
        self.assertSameMetadata(tree, self.into / "tree")

    def test_a_slash_at_the_end_changes_nothing(self):
        tree = self.make_tree()
        self.assertEqual(self.send(self.serve(), "tree/").returncode, 0)
        self.assertEqual(self.delivered(), self.expected(tree, "tree/"))

    def test_a_dot_stands_for_what_is_in_the_directory(self):
        tree = self.make_tree()
        self.into.chmod(0o751)
        self.assertEqual(self.send(self.serve(), ".", cwd=tree).returncode, 0)
        self.assertEqual(self.delivered(), self.expected(tree))
        self.assertEqual(self.into.stat().st_mode & 0o7777, 0o751)

    def test_several_directories_and_files_in_one_run(self):
        tree = self.make_tree()
        self.write("other/x", b"x")
        self.write("file", b"f")
        self.assertEqual(self.send(self.serve(), "file", "tree", "other").returncode, 0)
        self.assertEqual(self.delivered(),
                         {**self.expected(tree, "tree/"), "other": None, "other/x": b"x", "file": b"f"})

    def test_two_paths_of_the_same_name_are_a_usage_error(self):
        self.write("one/same", b"1")
        self.write("two/same", b"2")
        done = self.send(self.serve(), "one/same", "two/same")
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})

    def test_a_path_named_twice_is_sent_once(self):
        self.write("file", b"x")
        self.assertEqual(summary(self.send(self.serve(), "--json", "file", "file"))["files"], 1)

    def test_names_of_every_kind(self):
        names = ["with space", "new\nline", "tab\t", "quote'\"", "照片", "🎉", "e\u0301", "\u00e9", "back\\slash", "*?[x]",
                 "$(touch x)", "; rm", "\x1b[31m", "\x7f", "\x01", " ", "...", ".hidden", "&amp", "a" * 200]
        for name in names:
            self.write("tree/" + name, name.encode())
            self.write(f"tree/in {name}/file", b"x")
        self.assertEqual(self.send(self.serve(), "tree").returncode, 0)
        self.assertEqual(self.delivered(), self.expected(self.dir / "tree", "tree/"))

    def test_a_name_that_is_not_utf_8_is_named_and_the_others_arrive(self):
        self.write("tree/good", b"x")
        with open(os.fsencode(self.dir) + b"/tree/bad\xff", "wb"):
            pass
        done = self.send(self.serve(), "tree")
        self.assertEqual(done.returncode, 4)
        self.assertIn("bad\\xFF", done.stderr)
        self.assertIn("UTF-8", done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/good": b"x"})

    def test_what_is_no_file_is_left_out_with_a_warning(self):
        self.write("tree/file", b"x")
        os.mkfifo(self.dir / "tree/fifo")
        done = self.send(self.serve(), "tree")
        self.assertEqual(done.returncode, 0)
        self.assertIn("'tree/fifo' is a special file and was skipped", done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/file": b"x"})


class StandardInput(Case):
    def test_content_of_any_length(self):
        server = self.serve()
        for size in 0, 1, BLOCK, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9_000_000:
            with self.subTest(size=size):
                content = noise(size, seed=size)
                done = self.send(server, "--name", f"of {size}", "-", input=content)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual((self.into / f"of {size}").read_bytes(), content)
        self.assertEqual(self.leftovers(), [])

    def test_a_closed_standard_input_is_a_clear_error(self):
        done = self.send(self.serve(), "--name", "x", "-", prefix=["sh", "-c", 'exec "$0" "$@" <&-'])
        self.assertNotEqual(done.returncode, 0)
        self.assertOneLine(done.stderr)
        self.assertIn("standard input", done.stderr)
        self.assertEqual(self.delivered(), {})

    def test_a_source_that_writes_now_and_then(self):
        server = self.serve("--idle-timeout", "2s")
        sender = self.start_sending(server, "--idle-timeout", "2s", "--name", "slow", "-", stdin=subprocess.PIPE)
        sent = b""
        for seed in range(8):
            piece = noise(1000, seed)
            sender.stdin.write(piece)
            sender.stdin.flush()
            sent += piece
            self.assertRaises(subprocess.TimeoutExpired, sender.wait, 0.4)
        _, err = sender.communicate(timeout=60)
        self.assertEqual(sender.returncode, 0, err)
        self.assertEqual(self.delivered(), {"slow": sent})

    def test_a_file_as_standard_input(self):
        source = self.write("file", noise(700_000))
        with open(source, "rb") as stdin:
            sender = self.start_sending(self.serve(), "--name", "copy", "-", stdin=stdin)
            sender.communicate(timeout=60)
        self.assertEqual(sender.returncode, 0)
        self.assertEqual(self.delivered(), {"copy": source.read_bytes()})

    def test_standard_input_beside_files_needs_a_name(self):
        self.write("file", b"x")
        for arguments in ["-"], ["file", "-"], ["--name", "x", "file", "-"]:
            done = self.send(self.serve(), *arguments, input=b"content")
            self.assertEqual(done.returncode, 2)
            self.assertOneLine(done.stderr)
        self.assertEqual(self.delivered(), {})

    def test_a_named_pipe_is_read_to_its_end(self):
        server = self.serve()
        os.mkfifo(self.dir / "fifo")
        sender = self.start_sending(server, "fifo")
        content = noise(300_000)
        with open(self.dir / "fifo", "wb") as fifo:
            fifo.write(content)
        sender.communicate(timeout=60)
        self.assertEqual(sender.returncode, 0)
        self.assertEqual(self.delivered(), {"fifo": content})


if __name__ == "__main__":
    main()
