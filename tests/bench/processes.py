"""Processes of what is measured: started, watched, waited for, ended."""

import contextlib
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import subprocess
import time

PATIENCE = 900  # seconds for one measurement
START = 10  # seconds for a server to listen, and for one to end


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def cpu_of_children():
    """Seconds, of those that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree(pid):
    """A process and all below it."""
    yield pid
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from tree(int(child))


class Process:
    """A command in a group of its own. What it says is in a log; look() keeps what its largest process has had resident."""

    def __init__(self, command, folder, stdin=subprocess.DEVNULL):
        self.command = list(map(str, command))
        self.log = folder / f"log-{time.monotonic_ns()}"
        self.peak = 0
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=stdin, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )
        self.pid = self.process.pid

    def look(self):
        for pid in tree(self.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
                peaks = [int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:")]
                self.peak = max(self.peak, *peaks, 0)

    def said(self):
        return self.log.read_text(errors="replace")

    def end(self):
        if self.process.poll() is not None:
            return
        self.look()
        # What its children have used counts once it has waited for them.
        end = time.monotonic() + START
        while len(list(tree(self.pid))) > 1 and time.monotonic() < end:
            time.sleep(0.005)
        for how in signal.SIGTERM, signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(START)
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Server(Process):
    """Has been seen to listen. Asks the system, since a connection might be taken for the one that counts; `prefix` is what
    a command begins with to run where the server does."""

    def __init__(self, command, folder, port, prefix=()):
        super().__init__([*prefix, *command], folder)
        try:
            self.wait_until_it_listens(port, prefix)
        except BaseException:
            self.end()
            raise

    def wait_until_it_listens(self, port, prefix):
        end = time.monotonic() + START
        while True:
            table = subprocess.run([*prefix, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
            sockets = [line.split() for line in table.splitlines()[1:]]
            if any(fields[1].endswith(f":{port:04X}") and fields[3] == "0A" for fields in sockets):
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.command[0]} does not listen:\n{self.said()[-2000:]}")
            time.sleep(0.01)


def wait_for_all(processes, watched=(), patience=PATIENCE):
    """When each has ended, by the monotonic clock. All must end well; `watched` are looked at meanwhile."""
    started = time.monotonic()
    waiting = {os.pidfd_open(process.pid): process for process in processes}
    ends = {}
    try:
        while waiting:
            for process in watched:
                process.look()
            for fd in select.select(list(waiting), [], [], 0.02)[0]:
                process = waiting.pop(fd)
                ends[process] = time.monotonic()
                os.close(fd)
                if process.process.wait() != 0:
                    raise RuntimeError(f"{process.command[0]} failed: {process.said()[-2000:].strip()}")
            if waiting and time.monotonic() > started + patience:
                raise RuntimeError(f"{next(iter(waiting.values())).command[0]} takes more than {patience} s")
    finally:
        for fd in waiting:
            os.close(fd)
    return [ends[process] for process in processes]
