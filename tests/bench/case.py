"""What a case of script/bench is: who takes part, how one of them is measured once, what is compared and what is aimed at."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
TOOLS = BUILD / "tests" / "bench"


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    more_is_better: bool
    of: Callable[[dict], float]  # a report


@dataclasses.dataclass(frozen=True)
class Goal:
    """What one of ours should have: `bound` times what `peer` has, or `bound` of the figure's unit where there is no peer.
    At least that where more is better, otherwise at most."""

    figure: str
    ours: str
    bound: float
    peer: str = ""


class Case:
    name = ""
    about = ""  # one line
    figures: tuple[Figure, ...] = ()
    goals: tuple[Goal, ...] = ()
    limits: tuple[str, ...] = ()  # systems that show what is possible, and are nobody's peers
    notes = ""  # what a reader of the results should know
    plotted = True

    def systems(self):
        """Names, ours first."""
        raise NotImplementedError

    def packages(self, system):
        """What it needs of the distribution: pairs of a package and a program, or a file, in it."""
        return []

    def targets(self, system):
        """What it needs of this project."""
        return []

    def what(self, options):
        """How much of what is measured."""
        raise NotImplementedError

    @contextlib.contextmanager
    def prepared(self, options):
        """What all measurements share, for as long as they last."""
        yield None

    def measure(self, system, options, shared):
        """One run of one system: a report. RuntimeError: it failed."""
        raise NotImplementedError


    def is_comparison(self, systems):
        """Whether others are among them that ours can be compared with."""
        return any(not is_ours(name) and name not in self.limits for name in systems)


@contextlib.contextmanager
def folder(parent=None):
    """A new one, where temporary files are if not below `parent`; gone afterwards with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent, ignore_cleanup_errors=True) as made:
        yield pathlib.Path(made).resolve()


@contextlib.contextmanager
def lasting_folder(parent):
    """A new one, gone when its parent is."""
    yield pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=parent)).resolve()


def is_ours(system):
    return system.startswith(("tcpsend", "tcpchat"))


def size_text(size):
    for shift, unit in (30, "GiB"), (20, "MiB"), (10, "KiB"):
        if size >= 1 << shift and size % (1 << (shift - 3)) == 0:
            return f"{size / (1 << shift):g} {unit}"
    return f"{size:,} bytes"
