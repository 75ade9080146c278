"""Ways to copy a file or a tree from one folder into another.

What counts is the time until the last byte is where it belongs, as far as the system tells: until its client is done, and its
server where only that knows.
"""

import dataclasses
import getpass
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import time

import case
from processes import Process, Server, free_port, program, wait_for_all


@dataclasses.dataclass(frozen=True)
class Place:
    """Where both ends run: the server's address, and what a command begins with to run on either side."""

    host: str = "127.0.0.1"
    near: tuple = ()
    far: tuple = ()


class Copier:
    """A way to copy: with its server, if there is one, running for as long as a with statement lasts."""

    packages = ()  # pairs of a package and a program in it
    targets = ()
    ends_by_itself = False  # its server does, when it has everything
    copies = True

    def __init__(self, folder, into, place=Place()):
        self.folder, self.into, self.place = folder, into, place
        self.server = None
        self.port = free_port()

    def serve(self):
        """The command of the server; None: there is none."""
        return None

    def command(self, source):
        """That copies `source` to its name in the folder `into`."""
        raise NotImplementedError

    def copy(self, source):
        """Gives what it took: seconds, and bytes of memory on either side."""
        started = time.monotonic()
        servers = [self.server] if self.server else []
        with Process([*self.place.near, *self.command(source)], self.folder) as client:
            ended = wait_for_all([client], [client, *servers])[0]
            if self.ends_by_itself:
                ended = wait_for_all(servers, servers)[0]
            for server in servers:
                server.look()
            return {"seconds": self.own_seconds(client) or ended - started,
                    "client_peak": client.peak, "server_peak": max((server.peak for server in servers), default=0)}  # fmt: skip

    def own_seconds(self, client):
        """Where the system itself measures better."""
        return None

    def __enter__(self):
        command = self.serve()
        if command:
            self.server = Server(command, self.folder, self.port, self.place.far)
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.end()


class Tcpsend(Copier):
    """Leaves it to the system when what it wrote becomes durable, as the others do."""

    targets = ("tcpsend",)
    durability = ("--no-fsync",)
    options = ()  # of the sender
    key = ()

    def serve(self):
        return [case.BUILD / "tcpsend", "serve", "--dir", self.into, "--port", self.port, "--bind", self.place.host,
                "--max-per-address", 256, *self.durability, *(self.key or ["--insecure"])]  # fmt: skip

    def command(self, source):
        return [case.BUILD / "tcpsend", "--host", self.place.host, "--port", self.port, "--quiet", *self.options, *self.key,
                source]  # fmt: skip


class TcpsendDurable(Tcpsend):
    durability = ()


class TcpsendInPlace(Tcpsend):
    durability = ("--no-fsync", "--in-place")


class TcpsendQuick(Tcpsend):
    """Compares sizes and times, as rsync does."""

    options = ("--quick",)


class TcpsendKey(Tcpsend):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        key = self.folder / "key"
        key.touch(mode=0o600)
        line = subprocess.run([case.BUILD / "tcpsend", "keygen", "--name", "bench"], check=True, capture_output=True).stdout
        key.write_bytes(line)
        self.key = ("--key", key)


class Socat(Copier):
    packages = (("socat", "socat"),)
    ends_by_itself = True

    def serve(self):
        return ["socat", "-u", "-b", 1 << 20, f"TCP-LISTEN:{self.port},bind={self.place.host},reuseaddr",
                f"OPEN:{self.into / 'file.bin'},creat,trunc"]  # fmt: skip

    def command(self, source):
        return ["socat", "-u", "-b", 1 << 20, f"OPEN:{source},rdonly", f"TCP:{self.place.host}:{self.port}"]


class Nc(Copier):
    packages = (("netcat-openbsd", "nc"),)
    ends_by_itself = True

    def serve(self):
        into = shlex.quote(str(self.into / "file.bin"))
        return ["sh", "-c", f"exec nc -l {self.place.host} {self.port} >{into}"]

    def command(self, source):
        return ["sh", "-c", f"exec nc -N {self.place.host} {self.port} <{shlex.quote(str(source))}"]


class TarNc(Nc):
    packages = (("tar", "tar"), *Nc.packages)

    def serve(self):
        return ["sh", "-c", f"nc -l {self.place.host} {self.port} | tar x -C {shlex.quote(str(self.into))}"]

    def command(self, source):
        folder, name = map(shlex.quote, (str(source.parent), source.name))
        return ["sh", "-c", f"tar c -C {folder} {name} | nc -N {self.place.host} {self.port}"]


class Rsync(Copier):
    packages = (("rsync", "rsync"),)
    flags = ("--whole-file",)

    def serve(self):
        config = self.folder / "rsyncd.conf"
        config.write_text(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
                          f"[into]\npath = {self.into}\nread only = no\n")  # fmt: skip
        return ["rsync", "--daemon", "--no-detach", "--config", config, "--address", self.place.host, "--port", self.port]

    def command(self, source):
        return ["rsync", *self.flags, source, f"rsync://{self.place.host}:{self.port}/into/"]


class RsyncTree(Rsync):
    flags = ("--archive", "--whole-file")


class RsyncDelta(Rsync):
    flags = ("--inplace", "--no-whole-file")


class Scp(Copier):
    packages = (("openssh-server", "sshd"),)
    flags = ()
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
        return ["scp", "-q", *self.flags, "-F", "none", "-c", self.cipher, "-P", self.port, "-i", self.folder / "client",
                "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.folder / 'known'}", source,
                f"{getpass.getuser()}@127.0.0.1:{self.into}/"]  # fmt: skip


class ScpTree(Scp):
    flags = ("-r",)


class Cp(Copier):
    packages = (("coreutils", "cp"),)
    flags = ()

    def command(self, source):
        return ["cp", *self.flags, source, f"{self.into}/"]


class CpTree(Cp):
    flags = ("-a",)


class Iperf3(Copier):
    """So many bytes from memory to memory."""

    packages = (("iperf3", "iperf3"),)
    copies = False
    streams = 1

    def serve(self):
        return ["iperf3", "--server", "--bind", self.place.host, "--port", self.port]

    def command(self, source):
        return ["iperf3", "--client", self.place.host, "--port", self.port, "--parallel", self.streams, "--bytes",
                source.stat().st_size, "--json"]  # fmt: skip

    def own_seconds(self, client):
        """As long as one file of this size takes at the rate at which all streams together arrived."""
        said = json.loads(client.said())
        size = said["start"]["test_start"]["bytes"]
        return size * 8 / said["end"]["sum_received"]["bits_per_second"]


class Iperf3Parallel(Iperf3):
    streams = 8
