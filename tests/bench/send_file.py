"""One big file from this machine to itself: how long tcpsend and others take, and how much of the processors.

Each system gets a folder for its files, starts what it needs of a server, and copies the file. What counts is the time until
the last byte is where it belongs, as far as the system tells: until its client is done, and its server where only that knows.
"""

import contextlib
import getpass
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import time

PATIENCE = 600  # seconds for one copy
PIECE = 16 << 20

# What a system needs of Debian: package and program.
PACKAGES = {"socat": ("socat", "socat"), "rsync": ("rsync", "rsync"), "scp": ("openssh-server", "sshd")}
NAME = "file.bin"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def make_source(folder, size):
    """A file without any two blocks alike, read once so that it is in memory as far as it fits."""
    source = pathlib.Path(folder) / "source.bin"
    with open(source, "wb") as file:
        while size > 0:
            size -= file.write(os.urandom(min(size, PIECE)))
    return source


def is_listening(port):
    """Asks the system, since a connection might be taken for the one that counts."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as table:
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in list(table)[1:])


class System:
    """A way to copy: start() a server, if there is one, copy() once, end()."""

    def __init__(self, build, folder, options):
        self.build, self.folder, self.options = build, folder, options
        self.into = folder / "into"
        self.into.mkdir()
        self.server = None
        self.port = free_port()

    def serve(self):
        """The command of the server; None: there is none."""
        return None

    def command(self, source):
        raise NotImplementedError

    def is_up(self):
        return is_listening(self.port)

    def start(self):
        command = self.serve()
        if not command:
            return
        with open(self.folder / "server.log", "wb") as log:
            self.server = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        end = time.monotonic() + 10
        while not self.is_up():
            if self.server.poll() is not None or time.monotonic() > end:
                said = (self.folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"{command[0]} does not listen:\n{said[-2000:]}")
            time.sleep(0.01)

    def copy(self, source):
        command = list(map(str, self.command(source)))
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError(f"{type(self).__name__}: {done.stderr.strip()}")

    def end(self):
        if self.server is None:
            return
        self.server.terminate()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()


class Tcpsend(System):
    security = ()

    def prepare(self):
        pass

    def serve(self):
        self.prepare()
        more = ["--no-fsync"] if self.options.no_fsync else []
        return [self.build / "tcpsend", "serve", "--dir", self.into, "--port", self.port, "--bind", "127.0.0.1",
                *more, *self.security]  # fmt: skip

    def command(self, source):
        return [self.build / "tcpsend", "--host", "127.0.0.1", "--port", self.port, "--quiet", "--name", NAME,
                *self.security, source]  # fmt: skip


class TcpsendWithKey(Tcpsend):
    def prepare(self):
        key = self.folder / "key"
        line = subprocess.run([self.build / "tcpsend", "keygen", "--name", "bench"], check=True, capture_output=True).stdout
        key.touch(mode=0o600)
        key.write_bytes(line)
        self.security = ("--key", key)


class Socat(System):
    def serve(self):
        return ["socat", "-u", "-b", 1 << 20, f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr",
                f"OPEN:{self.into / NAME},creat,trunc"]  # fmt: skip

    def command(self, source):
        return ["socat", "-u", "-b", 1 << 20, f"OPEN:{source},rdonly", f"TCP:127.0.0.1:{self.port}"]

    def copy(self, source):
        super().copy(source)
        if self.server.wait(PATIENCE) != 0:
            raise RuntimeError("socat did not end well")


class Rsync(System):
    def serve(self):
        config = self.folder / "rsyncd.conf"
        config.write_text(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
                          f"[into]\npath = {self.into}\nread only = no\n")  # fmt: skip
        return ["rsync", "--daemon", "--no-detach", "--config", config, "--address", "127.0.0.1", "--port", self.port]

    def command(self, source):
        return ["rsync", "--whole-file", source, f"rsync://127.0.0.1:{self.port}/into/{NAME}"]


class Scp(System):
    cipher = "aes128-gcm@openssh.com"

    def serve(self):
        for key in "host", "client":
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        shutil.copy(self.folder / "client.pub", self.folder / "authorized")
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder / 'authorized'}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        return [program("sshd"), "-D", "-e", "-f", self.folder / "sshd_config"]

    def command(self, source):
        return ["scp", "-q", "-F", "none", "-c", self.cipher, "-P", self.port, "-i", self.folder / "client",
                "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.folder / 'known'}", source,
                f"{getpass.getuser()}@127.0.0.1:{self.into / NAME}"]  # fmt: skip


class Cp(System):
    def command(self, source):
        return ["cp", source, self.into / NAME]


SYSTEMS = {"tcpsend": Tcpsend, "tcpsend-key": TcpsendWithKey, "socat": Socat, "rsync": Rsync, "scp": Scp, "cp": Cp}


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name, build, source, options):
    """One copy with a fresh server into an empty folder; what arrived is compared, which does not count."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=source.parent))
    try:
        system = SYSTEMS[name](build, folder, options)
        before = cpu_of_children()
        try:
            system.start()
            start = time.monotonic()
            system.copy(source)
            seconds = time.monotonic() - start
        finally:
            system.end()
        cpu = cpu_of_children() - before
        if subprocess.run(["cmp", "--silent", source, system.into / NAME]).returncode != 0:
            raise RuntimeError(f"{name}: what arrived is not what was sent")
        size = source.stat().st_size
        return {"bytes": size, "seconds": seconds, "cpu_seconds": cpu, "bytes_per_second": size / seconds}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def source_file(options):
    """The file that all copy, and room for one copy of it beside it."""
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.dir)
    try:
        yield make_source(folder, options.file_size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
