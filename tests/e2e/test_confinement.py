"""What a server that confines itself can still do, and what not even its own code can."""

import os
import pathlib
import socket
import subprocess
import sys
import unittest

from chat import StructuredPeer
from harness import BIN_DIR, PATIENCE, TCPCHAT, TCPSEND, Case, main, until

DRIVER = str(BIN_DIR / "confinement_driver")


def landlock_version():
    """What this kernel has; 0: nothing."""
    ask = ("import ctypes;"
           "print(max(0, ctypes.CDLL(None, use_errno=True).syscall(444, None, ctypes.c_size_t(0), 1)))")
    return int(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=PATIENCE).stdout)


VERSION = landlock_version()


def as_nobody():
    """A prefix for commands that are run as somebody without privileges; None where that is not possible."""
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if os.geteuid() != 0:
        return None
    # The programs may be where nobody else can read.
    tried = subprocess.run([*prefix, TCPSEND, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return prefix if tried.returncode == 0 else None


NOBODY = as_nobody()


class Confined:
    """A process that has confined itself and does what it is told."""

    def __init__(self, case, *options, prefix=()):
        self.process = subprocess.Popen([*prefix, DRIVER, *map(str, options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=case.dir)
        case.addCleanup(self.end)

    def attempt(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


@unittest.skipIf(VERSION < 2, "this kernel has no Landlock that is of use")
class WhatIsLeft(Case):
    def setUp(self):
        super().setUp()
        self.outside = self.dir / "outside"
        (self.outside / "empty").mkdir(parents=True)
        (self.into / "below").mkdir()
        (self.into / "empty").mkdir()
        self.write("outside/file", b"theirs")
        self.write("into/file", b"ours")
        self.write("into/below/file", b"ours")
        self.keys = self.write("keys/key", b"secret")
        self.history = self.write("history/file", b"history")

    def confined(self, *options, **rest):
        return Confined(self, "--tree", self.into, "--readable", self.keys.parent, "--file", self.history,
                        "--tidied", self.history.parent, *options, **rest)

    def assert_all(self, process, answer, attempts):
        for attempt in attempts:
            with self.subTest(attempt=attempt):
                self.assertEqual(process.attempt(*attempt), answer)

    def inside(self):
        i = self.into
        return [
            ("read", i / "file"), ("list", i), ("write", i / "file"), ("create", i / "new"), ("cut", i / "new"),
            ("empty", i / "new"), ("mkdir", i / "made"), ("rmdir", i / "made"), ("symlink", "/etc/passwd", i / "link"),
            ("remove", i / "link"), ("link", i / "file", i / "second"), ("link", i / "file", i / "below/second"),
            ("rename", i / "new", i / "below/new"), ("rename", i / "below/new", i / "new"), ("put", i, i / "put"),
            ("put", i, i / "below/put"), ("remove", i / "new"), ("rmdir", i / "empty"),
        ]  # fmt: skip

    def elsewhere(self):
        i, o = self.into, self.outside
        denied = [
            ("read", o / "file"), ("list", o), ("read", "/etc/passwd"), ("write", o / "file"), ("empty", o / "file"),
            ("create", o / "new"), ("mkdir", o / "made"), ("rmdir", o / "empty"), ("remove", o / "file"),
            ("symlink", "/etc/passwd", o / "link"), ("fifo", i / "pipe"), ("run", "/bin/true"), ("run", i / "file"),
            ("write", self.keys), ("create", self.keys.parent / "new"), ("remove", self.keys),
            ("create", self.history.parent / "new"), ("rename", o / "file", o / "renamed"), ("put", "/tmp", o / "put"),
        ]  # fmt: skip
        if VERSION >= 3:
            denied.append(("cut", o / "file"))
        return denied

    def moves_across(self):
        i, o = self.into, self.outside
        return [("rename", i / "file", o / "new"), ("rename", o / "file", i / "new"), ("link", o / "file", i / "new")]

    def test_everything_ordinary_beneath_the_directory(self):
        self.assert_all(self.confined(), "ok", self.inside())

    def test_nothing_elsewhere(self):
        before = {path: path.read_bytes() for path in self.outside.rglob("*") if path.is_file()}
        process = self.confined()
        self.assert_all(process, "EACCES", self.elsewhere())
        for attempt in self.moves_across():
            with self.subTest(attempt=attempt):
                self.assertIn(process.attempt(*attempt), ("EACCES", "EXDEV"))
        self.assertEqual({path: path.read_bytes() for path in self.outside.rglob("*") if path.is_file()}, before)
        self.assertEqual((self.into / "file").read_bytes(), b"ours")

    def test_a_link_in_the_directory_leads_nowhere_else(self):
        (self.into / "file-link").symlink_to(self.outside / "file")
        (self.into / "link").symlink_to(self.outside)
        self.assert_all(self.confined(), "EACCES", [
            ("read", self.into / "file-link"), ("write", self.into / "file-link"), ("create", self.into / "link/new"),
            ("mkdir", self.into / "link/made"), ("list", self.into / "link"),
        ])  # fmt: skip

    def test_a_file_that_takes_the_place_of_a_readable_one_is_readable(self):
        process = self.confined()
        self.assertEqual(process.attempt("read", self.keys), "ok")
        self.write("keys/new", b"another").rename(self.keys)
        self.assertEqual(process.attempt("read", self.keys), "ok")

    def test_a_file_that_was_named_can_be_written_and_removed(self):
        self.assert_all(self.confined(), "ok", [
            ("read", self.history), ("write", self.history), ("empty", self.history), ("remove", self.history),
        ])  # fmt: skip

    def test_what_is_not_there_is_no_failure(self):
        process = Confined(self, "--tree", self.into, "--file", self.dir / "none", "--readable", self.dir / "no/ne")
        self.assertEqual(process.attempt("create", self.into / "new"), "ok")

    def test_on_every_kernel_that_has_it(self):
        for version in range(2, VERSION + 1):
            process = self.confined("--version", version)
            self.assertEqual(process.attempt("rename", self.into / "file", self.into / "below/moved"), "ok")
            self.assertEqual(process.attempt("rename", self.into / "below/moved", self.into / "file"), "ok")
            for attempt in ("read", self.outside / "file"), ("create", self.outside / "new"), ("run", "/bin/true"):
                with self.subTest(version=version, attempt=attempt):
                    self.assertEqual(process.attempt(*attempt), "EACCES")

    def test_a_kernel_that_has_too_little_is_told(self):
        for version in 0, 1:
            done = subprocess.run([DRIVER, "--tree", self.into, "--version", str(version)], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 2)
            self.assertOneLine(done.stderr)
            self.assertIn("Landlock", done.stderr)
        process = Confined(self, "--version", 1, "--file", self.history)
        self.assertEqual(process.attempt("write", self.history), "ok")
        self.assertEqual(process.attempt("read", self.keys), "EACCES")

    def test_workers_are_confined_as_well(self):
        process = self.confined("--thread")
        self.assertEqual(process.attempt("read", self.into / "file"), "ok")
        self.assert_all(process, "EACCES", self.elsewhere())

    @unittest.skipIf(VERSION < 4, "this kernel confines files only")
    def test_no_connections_of_its_own(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.assertEqual(self.confined().attempt("connect", listener.getsockname()[1]), "EACCES")
        self.assertEqual(self.confined().attempt("bind", 0), "EACCES")

    @unittest.skipIf(VERSION < 6, "this kernel does not confine signals")
    def test_nobody_else_is_signalled_or_called(self):
        process = self.confined()
        self.assertEqual(process.attempt("signal", os.getpid()), "EPERM")
        self.assertEqual(process.attempt("signal", process.process.pid), "ok")
        name = f"tcptools-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("\0" + name)
            listener.listen()
            self.assertEqual(process.attempt("abstract", name), "EPERM")

    @unittest.skipUnless(NOBODY, "nobody else can run the programs, or only root could become somebody else")
    def test_without_any_privilege(self):
        for folder, _, files in os.walk(self.dir):
            for path in [folder, *(os.path.join(folder, one) for one in files)]:
                os.chmod(path, 0o777 if os.path.isdir(path) else 0o666)
        process = self.confined(prefix=NOBODY)
        self.assertEqual(process.attempt("create", self.into / "new"), "ok")
        self.assertEqual(process.attempt("create", self.outside / "new"), "EACCES")


def tasks(pid):
    return list(pathlib.Path(f"/proc/{pid}/task").iterdir())


def has_no_new_privileges(task):
    return "NoNewPrivs:\t1" in (task / "status").read_text()


class Servers(Case):
    def assert_confined(self, server):
        self.assertIn("confined=yes", until(server.log))
        self.assertTrue(all(has_no_new_privileges(task) for task in tasks(server.pid)))

    @unittest.skipIf(VERSION < 2, "this kernel has no Landlock that is of use")
    def test_a_receiver_confines_itself_and_all_its_threads(self):
        server = self.serve()
        self.assertEqual(self.send(server, self.write("file", b"content")).returncode, 0)
        self.assertGreater(len(tasks(server.pid)), 2)
        self.assert_confined(server)
        self.assertEqual(server.stop(), 0)
        self.assertFalse((server.files / "port").exists())

    @unittest.skipIf(VERSION < 2, "this kernel has no Landlock that is of use")
    def test_a_receiver_writes_nowhere_else(self):
        # It holds .tcpsend open. Where that is taken away, it would write where it now is.
        for options, arrives in (["--confine", "on"], False), (["--confine", "off"], True):
            with self.subTest(options=options):
                server = self.serve(*options)
                taken = self.dir / f"taken-{options[1]}"
                (self.into / ".tcpsend").rename(taken)
                done = self.send(server, "--retry-for", "0s", self.write("file", b"content"))
                self.assertEqual(done.returncode == 0, arrives, done.stderr)
                self.assertEqual((self.into / "file").exists(), arrives)
                self.assertEqual(list(taken.iterdir()), [])
                self.assertEqual(server.stop(), 0)

    @unittest.skipIf(VERSION < 2, "this kernel has no Landlock that is of use")
    def test_a_chat_server_confines_itself_and_keeps_its_history(self):
        history = self.dir / "chat.db"
        for count in 1, 2:
            server = self.serve_chat("--history", history)
            with StructuredPeer.greeted(server, "alice") as peer:
                peer.send("hello")
            self.assert_confined(server)
            self.assertEqual(server.stop(), 0)
            self.assertEqual([path.name for path in self.dir.glob("chat.db*")], ["chat.db"])
            done = self.run_tcpchat_history(history)
            self.assertEqual(done.count("hello"), count)

    def run_tcpchat_history(self, history):
        server = self.serve_chat("--history", history)
        done = self.run_tcpchat("history", "--host", "127.0.0.1", "--port", server.port)
        self.assertEqual(server.stop(), 0)
        return done.stdout

    @unittest.skipIf(VERSION < 1, "this kernel has no Landlock")
    def test_a_chat_server_without_history_needs_nothing(self):
        server = self.serve_chat("--confine", "on")
        with StructuredPeer.greeted(server, "alice") as peer:
            self.assertEqual(peer.ask("ping")["type"], "pong")
        self.assert_confined(server)

    def test_it_can_be_turned_off(self):
        for server in self.serve("--confine", "off"), self.serve_chat("--confine", "off"):
            self.assertIn("confined=no", until(server.log))
            self.assertFalse(has_no_new_privileges(tasks(server.pid)[0]))

    def test_not_with_programs_of_the_users(self):
        server = self.serve("--exec", "true", "--log-level", "debug")
        self.assertIn("confined=no", until(lambda: "listening" in server.log() and server.log()))
        self.assertIn('not confined why="--exec runs programs"', server.log())
        done = self.run_tcpsend("serve", "--dir", self.into, "--port", "0", "--confine", "on", "--exec", "true")
        self.assertEqual(done.returncode, 2)
        self.assertOneLine(done.stderr)
        self.assertIn("--exec", done.stderr)

    @unittest.skipUnless(NOBODY, "nobody else can run the programs, or only root could become somebody else")
    def test_without_any_privilege(self):
        os.chmod(self.dir, 0o755)
        for path in self.into, self.dir / "history":
            path.mkdir(exist_ok=True)
            os.chown(path, 65534, 65534)
        files = self.dir / "files"
        files.mkdir()
        os.chown(files, 65534, 65534)
        for program, options in (TCPSEND, ["--dir", self.into]), (TCPCHAT, ["--history", self.dir / "history/chat.db"]):
            with self.subTest(program=program):
                port = files / "port"
                server = self.start("serve", "--port", "0", "--port-file", port, "--confine", "on", *options,
                                    program=program, prefix=NOBODY)
                until(lambda: port.exists() or server.poll() is not None)
                self.assertTrue(port.exists(), server.stderr.read() if server.poll() is not None else "")
                number = int(port.read_text())
                if program == TCPSEND:
                    self.assertEqual(self.send(number, self.write("file", b"content")).returncode, 0)
                    self.assertEqual((self.into / "file").read_bytes(), b"content")
                else:
                    done = self.run_tcpchat("send", "--host", "127.0.0.1", "--port", number, "hello")
                    self.assertEqual(done.returncode, 0, done.stderr)
                server.terminate()
                self.assertEqual(server.wait(PATIENCE), 0)
                self.assertFalse(port.exists())


if __name__ == "__main__":
    main()
