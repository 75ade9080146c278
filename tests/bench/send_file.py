"""One big file from this machine to itself: a new one, and one that is there already but for a little."""

import contextlib
import os
import shutil

import case
import copiers
import copying
from case import Goal

PIECE = 1 << 20


def fill(path, size):
    """A file without any two blocks alike; in memory afterwards, as far as it fits."""
    with open(path, "wb") as file:
        while size > 0:
            size -= file.write(os.urandom(min(size, PIECE)))


def change(path, share):
    """This share of its pieces, spread evenly and at least one of them, is something else afterwards."""
    pieces = max(1, path.stat().st_size // PIECE)
    step = pieces // max(1, int(pieces * share))
    with open(path, "r+b") as file:
        for piece in range(step // 2, pieces, step):
            file.seek(piece * PIECE)
            file.write(os.urandom(min(PIECE, path.stat().st_size - piece * PIECE)))


class SendFile(copying.CopyingCase):
    name = "send-file"
    about = "one big file to this machine itself"
    ways = {"tcpsend": copiers.Tcpsend, "tcpsend-key": copiers.TcpsendKey, "tcpsend-durable": copiers.TcpsendDurable,
               "socat": copiers.Socat, "rsync": copiers.Rsync, "nc": copiers.Nc, "cp": copiers.Cp, "scp": copiers.Scp,
               "iperf3": copiers.Iperf3}  # fmt: skip
    limits = ("iperf3",)
    figures = (copying.THROUGHPUT, copying.CPU, copying.PEAK)
    goals = (
        Goal("throughput", "tcpsend", 1.0, "socat"),
        Goal("throughput", "tcpsend", 2.5, "rsync"),
        Goal("throughput", "tcpsend", 1.0, "cp"),
        Goal("throughput", "tcpsend-key", 3.0, "scp"),
        Goal("throughput", "tcpsend-key", 0.6, "socat"),
        Goal("CPU time of both sides", "tcpsend", 1.25, "socat"),
        Goal("peak memory of either side", "tcpsend", 64),
        Goal("peak memory of either side", "tcpsend-key", 64),
    )

    def what(self, options):
        return f"a file of {case.size_text(options.file_size)}"

    @contextlib.contextmanager
    def prepared(self, options):
        with case.folder(options.dir) as folder:
            source = folder / "file.bin"
            fill(source, options.file_size)
            yield source

    def measure(self, system, options, source):
        return {"bytes": source.stat().st_size, **copying.measure(self.ways[system], source)}


class SendChanged(copying.CopyingCase):
    name = "send-changed"
    about = "a big file again, after 1 % of it has changed in place"
    notes = ("What changed are whole MiB, spread evenly. tcpsend-in-place and rsync-delta write them into the older version, the "
             "others make a new file.")  # fmt: skip
    ways = {"tcpsend": copiers.Tcpsend, "tcpsend-in-place": copiers.TcpsendInPlace,
               "tcpsend-durable": copiers.TcpsendDurable, "rsync-whole": copiers.Rsync, "rsync-delta": copiers.RsyncDelta}  # fmt: skip
    figures = (copying.SECONDS, copying.CPU_SECONDS, copying.PEAK)
    goals = (
        Goal("time", "tcpsend", 1 / 10, "rsync-whole"),
        Goal("time", "tcpsend", 1 / 2, "rsync-delta"),
        Goal("time", "tcpsend-in-place", 1 / 10, "rsync-whole"),
        Goal("time", "tcpsend-in-place", 1 / 2, "rsync-delta"),
    )

    def what(self, options):
        return f"a file of {case.size_text(options.file_size)}"

    @contextlib.contextmanager
    def prepared(self, options):
        with case.folder(options.dir) as folder:
            old, source = folder / "old.bin", folder / "file.bin"
            fill(old, options.file_size)
            shutil.copy(old, source)
            change(source, 0.01)
            # Ages apart, so that nobody takes one for the other by its time.
            os.utime(old, (1e9, 1e9))
            yield old, source

    def measure(self, system, options, shared):
        old, source = shared
        return copying.measure(self.ways[system], source, prepare=lambda into: shutil.copy2(old, into / source.name))


CASES = (SendFile(), SendChanged())
