"""What script/bench needs of this machine, and what it says about it."""

import contextlib
import os
import pathlib
import platform
import subprocess
import sys

import case
from processes import program

PEERS = case.ROOT / "build" / "peers"
EXAMPLES = "usr/share/doc/libasio-dev/examples"
# The same program; it moved between versions.
CHAT_EXAMPLES = ["cpp20/coroutines/chat_server.cpp", "cpp17/coroutines_ts/chat_server.cpp"]


def say(text):
    print(f"script/bench: {text}", file=sys.stderr, flush=True)


def install(packages):
    """Pairs of a package and a program or file in it; those that are there already are left as they are."""
    missing = [package for package, has in packages if not program(has) and not os.path.exists(has)]
    if missing:
        say(f"installing {' '.join(missing)}")
        apt = [*(["sudo"] if os.geteuid() else []), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]
        subprocess.run([*apt, "update"], check=True, stdout=sys.stderr)
        subprocess.run([*apt, "install", "--yes", "--no-install-recommends", *missing], check=True, stdout=sys.stderr)


def build(targets):
    subprocess.run(["cmake", "--preset", "release", "-DTCPTOOLS_BENCH=ON"], cwd=case.ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["cmake", "--build", "--preset", "release", "--target", *targets], cwd=case.ROOT, check=True, stdout=sys.stderr
    )


def build_asio_example():
    """From Asio's documentation, which need not be installed, and often is not although the package is: the program."""
    made = PEERS / "chat_server"
    if made.exists():
        return made
    PEERS.mkdir(parents=True, exist_ok=True)
    sources = [folder / EXAMPLES / name for folder in (pathlib.Path("/"), PEERS / "doc") for name in CHAT_EXAMPLES]
    if not any(source.exists() for source in sources):
        say("fetching libasio-doc")
        subprocess.run(["apt-get", "download", "libasio-doc"], cwd=PEERS, check=True, stdout=sys.stderr)
        subprocess.run(["dpkg-deb", "--extract", *PEERS.glob("libasio-doc*.deb"), PEERS / "doc"], check=True)
    source = [source for source in sources if source.exists()]
    flags = ["-std=c++20", "-O2", "-DNDEBUG", "-DASIO_STANDALONE", "-pthread"]
    subprocess.run(["c++", *flags, *source[:1], "-o", made], check=True)
    return made


def output(*command):
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        done = subprocess.run(command, cwd=case.ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip()
    return ""


def versions(packages):
    """Of what is measured: of this project, and of the packages that the others are in."""
    found = {"tcptools": output("git", "describe", "--always", "--dirty") or "not known"}
    for package, _ in packages:
        found[package] = output("dpkg-query", "--show", "--showformat=${Version}", package) or "not from a package"
    return found


def describe(folder):
    """The machine, and the file system of `folder`."""
    cpu = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    files = output("stat", "--file-system", "--format=%T", str(folder)) or "unknown"
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return (f"{cpu[0] if cpu else platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB of memory, {system}, "
            f"Linux {platform.release()}; congestion control {congestion}; files on {files}")  # fmt: skip
