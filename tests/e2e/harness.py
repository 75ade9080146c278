"""Runs the programs as a shell user does: in a directory of their own, with a deadline for everything."""

import contextlib
import json
import mmap
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BIN_DIR = pathlib.Path(os.environ.get("TCPTOOLS_BIN_DIR", "build/dev")).resolve()
TCPSEND = str(BIN_DIR / "tcpsend")
TCPCHAT = str(BIN_DIR / "tcpchat")
PATIENCE = 60  # seconds, for what takes a moment unless something is wrong


def until(condition, patience=PATIENCE, what="what was waited for"):
    """Waits for condition() to become true, and returns its value."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {patience} s")
        time.sleep(0.005)


def noise(size, seed=1):
    """`size` bytes that do not repeat, the same for the same seed."""
    import random

    return random.Random(seed).randbytes(size)


def summary(done):
    """The last line of what a finished `tcpsend --json` printed."""
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory(pid):
    """The most bytes of memory that a process has had resident so far."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def sanitized(program=TCPSEND):
    """Whether a program is slower and larger than it is: built with a sanitizer."""
    with open(program, "rb") as program, mmap.mmap(program.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"__asan_init") >= 0 or content.find(b"__tsan_init") >= 0


def heeding_permissions():
    """A prefix for commands that must not get around modes of files as root does."""
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def on_small_disk(directory, size):
    """A prefix for commands that see `directory` as a disk of its own, of `size` (for mount: 4m), or None."""
    prefix = mounting(directory, f"-t tmpfs -o mode=755,size={size} tmpfs")
    return prefix if runs(prefix) else None


def on_disk_image(directory, image):
    """A prefix for commands that see what is in a disk image in `directory`. Not where that cannot be mounted; and not twice
    with one image, which may be let go of late."""
    return mounting(directory, f"-o loop {shlex.quote(str(image))}")


def mounting(directory, what):
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    return [*unshare, "sh", "-c", f'mount {what} "$0" && exec "$@"', str(directory)]


def runs(prefix):
    return subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE).returncode == 0


class ServerProcess:
    """A program that listens on a free port. Standard error is in .log(), standard output in .output()."""

    def __init__(self, case, program, *options, environment=None, wait=True, prefix=(), stdin=subprocess.DEVNULL):
        self.files = pathlib.Path(tempfile.mkdtemp(dir=case.dir, prefix="server-"))
        port_file = self.files / "port"
        command = [*prefix, program, "serve", "--port-file", str(port_file)]
        if "--port" not in options:
            command += ["--port", "0"]
        with open(self.files / "log", "wb") as log, open(self.files / "output", "wb") as output:
            self.process = subprocess.Popen(
                [*command, *map(str, options)], stdin=stdin, stdout=output, stderr=log, cwd=case.dir,
                env={**os.environ, **(environment or {})})
        self.port = None
        case.addCleanup(self.kill)
        if wait:
            until(lambda: port_file.exists() or self.process.poll() is not None, what="listening")
            if not port_file.exists():
                raise AssertionError(f"serve ended with {self.process.returncode}: {self.log()}")
            self.port = int(port_file.read_text())

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return (self.files / "log").read_text(errors="surrogateescape")

    def output(self):
        return (self.files / "output").read_text()

    def events(self):
        return [json.loads(line) for line in self.output().splitlines()]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        return self.process.wait(patience)

    def stop(self):
        """Ends it the way an administrator does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


class Server(ServerProcess):
    """A `tcpsend serve`."""

    def __init__(self, case, directory, *options, **rest):
        self.directory = pathlib.Path(directory)
        super().__init__(case, TCPSEND, "--dir", directory, *options, **rest)


class ChatServer(ServerProcess):
    """A `tcpchat serve`. With console=True its operator types with .type(), and .output() is what is shown."""

    def __init__(self, case, *options, console=False, **rest):
        if console:
            options, rest["stdin"] = ("--console", *options), subprocess.PIPE
        super().__init__(case, TCPCHAT, *options, **rest)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def logged(self):
        """What is in the log, with --log-format json."""
        return [json.loads(line) for line in self.log().splitlines()]


class Case(unittest.TestCase):
    """A test in a temporary directory, self.dir; what it started is gone at its end."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tcpsend-e2e-"))
        self.addCleanup(self._remove)
        self.into = self.dir / "into"
        self.into.mkdir()

    def _remove(self):
        for folder, _, _ in os.walk(self.dir):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        shutil.rmtree(self.dir)

    def serve(self, *options, directory=None, **rest):
        return Server(self, directory or self.into, *options, **rest)

    def serve_chat(self, *options, **rest):
        return ChatServer(self, *options, **rest)

    def start(self, *arguments, program=TCPSEND, **rest):
        """Starts tcpsend with arguments, or prefix + tcpsend, e.g. start(..., prefix=["strace"]); a Popen."""
        prefix = rest.pop("prefix", [])
        rest.setdefault("stdin", subprocess.DEVNULL)
        rest.setdefault("stdout", subprocess.PIPE)
        rest.setdefault("stderr", subprocess.PIPE)
        rest.setdefault("cwd", self.dir)
        process = subprocess.Popen([*prefix, program, *map(str, arguments)], **rest)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def run_tcpsend(self, *arguments, input=None, patience=PATIENCE, **rest):
        """Runs tcpsend to its end: .returncode, .stdout, .stderr (text)."""
        process = self.start(*arguments, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL, **rest)
        return self.finish(process, input, patience)

    def run_tcpchat(self, *arguments, **rest):
        """The same for tcpchat."""
        return self.run_tcpsend(*arguments, program=TCPCHAT, **rest)

    def finish(self, process, input=None, patience=PATIENCE):
        """Waits for the end of a tcpsend that was started: .returncode, .stdout, .stderr (text)."""
        out, err = process.communicate(input, timeout=patience)
        return subprocess.CompletedProcess(process.args, process.returncode, (out or b"").decode(errors="replace"),
                                           (err or b"").decode(errors="replace"))

    def send(self, server, *arguments, **rest):
        """Sends to a server (or a port) on this machine."""
        port = server.port if isinstance(server, Server) else server
        return self.run_tcpsend("--host", "127.0.0.1", "--port", str(port), *arguments, **rest)

    def start_sending(self, server, *arguments, **rest):
        """Starts sending to a server (or a port) on this machine; a Popen."""
        port = server.port if isinstance(server, Server) else server
        return self.start("--host", "127.0.0.1", "--port", port, *arguments, **rest)

    def peer(self, talk):
        """Listens on this machine and gives each connection to talk(socket), in a thread; returns the port."""
        listener = socket.create_server(("127.0.0.1", 0))

        def serve(connection):
            with connection, contextlib.suppress(OSError):
                connection.settimeout(PATIENCE)
                talk(connection)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(listener.close)
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)  # wakes accept()
        return listener.getsockname()[1]

    def write(self, name, content=b"", mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def delivered(self):
        """What is visible in the destination: relative path to content (None for directories)."""
        found = {}
        for path in sorted(self.into.rglob("*")):
            name = path.relative_to(self.into).as_posix()
            if name.split("/")[0] == ".tcpsend":
                continue
            found[name] = None if path.is_dir() and not path.is_symlink() else path.read_bytes()
        return found

    def leftovers(self):
        """The names of part files, journals and temporary files that the receiver keeps."""
        kept = self.into / ".tcpsend"
        return sorted(path.name for path in kept.rglob("*")) if kept.exists() else []

    def assertOneLine(self, text):
        self.assertEqual(text.count("\n"), 1, text)


main = unittest.main
