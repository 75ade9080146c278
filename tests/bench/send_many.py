"""Many senders at once to one server, beside one sender that has as much to send."""

import contextlib
import os
import time

import case
import copiers
import copying
import send_file
from case import Figure, Goal
from processes import Process, cpu_of_children, wait_for_all

# The one sender's way is the same as everybody's.
WAYS = {"tcpsend-many": copiers.Tcpsend, "tcpsend-one": copiers.Tcpsend, "rsync-many": copiers.Rsync,
        "rsync-one": copiers.RsyncTree}  # fmt: skip


def wait_for_go(command):
    """As long as what it reads from has not ended."""
    return ["sh", "-c", 'read -r go; exec "$@" </dev/null', "sh", *command]


class SendMany(copying.CopyingCase):
    name = "send-many"
    about = "many senders at once, beside one with as much to send"
    ways = WAYS
    notes = "Times begin when all senders may start, so what it takes to start a program is part of them."
    figures = (
        copying.THROUGHPUT,
        Figure("slowest sender by the fastest", "", False, lambda r: r["slowest"] / r["fastest"]),
        Figure("peak memory of the server", "MiB", False, lambda r: r["server_peak"] / 2**20),
        copying.CPU,
    )
    goals = (
        Goal("throughput", "tcpsend-many", 0.9, "tcpsend-one"),
        Goal("slowest sender by the fastest", "tcpsend-many", 2),
        Goal("peak memory of the server", "tcpsend-many", 256),
    )

    def what(self, options):
        return f"{options.senders} senders with {case.size_text(options.each)} each"

    @contextlib.contextmanager
    def prepared(self, options):
        with case.folder(options.dir) as folder:
            tree = folder / "tree"
            tree.mkdir()
            for number in range(options.senders):
                send_file.fill(tree / f"file-{number:04}", options.each)
            yield tree

    def measure(self, system, options, tree):
        total = {"bytes": options.senders * options.each}
        if system.endswith("-one"):
            report = copying.measure(self.ways[system], tree)
            return {**total, "slowest": report["seconds"], "fastest": report["seconds"], **report}
        return {**total, **self.send_all(self.ways[system], tree)}

    def send_all(self, way, tree):
        with case.folder(tree.parent) as folder, contextlib.ExitStack() as stack:
            into = folder / "into"
            into.mkdir()
            os.sync()
            system = stack.enter_context(way(folder, into))
            before = cpu_of_children()
            waited_for, go = os.pipe()
            stack.callback(os.close, waited_for)
            try:
                senders = [
                    stack.enter_context(Process(wait_for_go(system.command(file)), folder, stdin=waited_for))
                    for file in sorted(tree.iterdir())
                ]
            finally:
                started = time.monotonic()
                os.close(go)
            times = [end - started for end in wait_for_all(senders, [system.server])]
            system.server.look()
            peak = system.server.peak
            system.server.end()
            if not all(copying.is_same(file, into / file.name) for file in tree.iterdir()):
                raise RuntimeError("what arrived is not what was sent")
            return {"seconds": max(times), "slowest": max(times), "fastest": min(times), "server_peak": peak,
                    "cpu_seconds": cpu_of_children() - before}  # fmt: skip


CASES = (SendMany(),)
