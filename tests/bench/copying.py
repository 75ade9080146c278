"""How one copy is measured, and what cases about copying have in common."""

import os
import subprocess

import case
import copiers
from processes import cpu_of_children

HERE = copiers.Place()


def is_same(source, copy):
    compare = ["diff", "--recursive", "--brief"] if source.is_dir() else ["cmp", "--silent"]
    return subprocess.run([*compare, source, copy], stdout=subprocess.DEVNULL).returncode == 0


def size_of(source):
    return sum(path.lstat().st_size for path in (source.rglob("*") if source.is_dir() else [source]))


def warm_memory(folder, size):
    """A virtual machine may have given back memory that was free for a while, and gets it again slowly: whoever is measured
    first after a pause would pay for that."""
    piece = bytes(1 << 20)
    scratch = folder / "scratch"
    with open(scratch, "wb") as file:
        for _ in range(-(-size // len(piece))):
            file.write(piece)
    scratch.unlink()


def measure(copier, source, place=HERE, prepare=None, folder_of=case.folder):
    """One copy with a fresh server into an empty folder, or one that prepare(into) has filled; nobody waits for what others
    left to be written. What arrived is compared, which does not count."""
    with folder_of(source.parent) as folder:
        into = folder / "into"
        into.mkdir()
        if prepare:
            prepare(into)
        warm_memory(folder, size_of(source))
        os.sync()
        with copier(folder, into, place) as system:
            before = cpu_of_children()
            report = system.copy(source)
        report["cpu_seconds"] = cpu_of_children() - before
        if system.copies and not is_same(source, into / source.name):
            raise RuntimeError("what arrived is not what was sent")
        return report


class CopyingCase(case.Case):
    """A case whose systems are copiers."""

    ways: dict[str, type[copiers.Copier]] = {}

    def systems(self):
        return list(self.ways)

    def packages(self, system):
        return self.ways[system].packages

    def targets(self, system):
        return self.ways[system].targets


def seconds_per_gib(report):
    return report["cpu_seconds"] / (report["bytes"] / 2**30)


THROUGHPUT = case.Figure("throughput", "MiB/s", True, lambda r: r["bytes"] / r["seconds"] / 2**20)
SECONDS = case.Figure("time", "s", False, lambda r: r["seconds"])
CPU = case.Figure("CPU time of both sides", "s/GiB", False, seconds_per_gib)
CPU_SECONDS = case.Figure("CPU time of both sides", "s", False, lambda r: r["cpu_seconds"])
PEAK = case.Figure("peak memory of either side", "MiB", False, lambda r: max(r["client_peak"], r["server_peak"]) / 2**20)
