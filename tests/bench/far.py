"""A file over an emulated link of 1 Gbit/s and 100 ms (far_link): without losses and with some. Needs root."""

import contextlib
import os
import pathlib
import subprocess

import case
import copiers
import copying
import send_file
from case import Goal

NEAR_ADDRESS, FAR_ADDRESS = "10.99.0.1", "10.99.0.2"
MTU = 1500


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


def within(namespace):
    """What a command begins with to run there."""
    return ("ip", "netns", "exec", namespace)


@contextlib.contextmanager
def emulator(near, far, options, loss):
    """Of the link between these two devices."""
    command = [case.TOOLS / "far_link", "--rtt", options.rtt, "--rate", options.rate_mbit, "--loss", loss, near, far]
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if not process.stdout.readline():
            raise RuntimeError("there is no emulated link")
        yield
    finally:
        process.communicate()


@contextlib.contextmanager
def end_of_link(name, own, other):
    """A network namespace of the device's name, with the device in it."""
    ip("netns", "add", name)
    try:
        ip("link", "set", name, "netns", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "address", "add", own, "peer", other, "dev", name)
        ip("-n", name, "link", "set", name, "mtu", MTU, "txqueuelen", 10_000, "up")
        yield
    finally:
        ip("netns", "delete", name)


@contextlib.contextmanager
def link(options, loss):
    """A link of its own for as long as it lasts, so that the system remembers nothing of the one before."""
    if os.geteuid() != 0 or not pathlib.Path("/dev/net/tun").exists():
        raise RuntimeError("an emulated link needs root and /dev/net/tun")
    near, far = f"near-{os.getpid()}", f"far-{os.getpid()}"
    with emulator(near, far, options, loss), end_of_link(near, NEAR_ADDRESS, FAR_ADDRESS), \
            end_of_link(far, FAR_ADDRESS, NEAR_ADDRESS):  # fmt: skip
        yield copiers.Place(FAR_ADDRESS, within(near), within(far))


class SendFar(copying.CopyingCase):
    ways = {"tcpsend": copiers.Tcpsend, "tcpsend-key": copiers.TcpsendKey, "rsync": copiers.Rsync,
            "iperf3-8": copiers.Iperf3Parallel}  # fmt: skip
    limits = ("iperf3-8",)
    figures = (copying.THROUGHPUT, copying.CPU, copying.PEAK)
    goals = (Goal("throughput", "tcpsend", 0.9, "iperf3-8"), Goal("throughput", "tcpsend", 4.0, "rsync"))
    notes = (
        "iperf3-8 are eight streams from memory to memory, each copy has a link of its own, and each packet is lost with "
        "the same probability."
    )

    def __init__(self, loss):
        self.loss = loss
        self.name = f"send-far-{loss:g}" if loss else "send-far"
        self.about = "a file over an emulated link to far away" + (f" that loses {loss:g} %" if loss else "") + "; needs root"

    def packages(self, system):
        return [*super().packages(system), ("iproute2", "ip")]

    def targets(self, system):
        return ["far_link", *super().targets(system)]

    def what(self, options):
        return (f"a file of {case.size_text(options.far_size)}, {options.rate_mbit:g} Mbit/s, "
                f"{options.rtt:g} ms there and back, {self.loss:g} % lost")  # fmt: skip

    @contextlib.contextmanager
    def prepared(self, options):
        with case.folder(options.dir) as folder:
            source = folder / "file.bin"
            send_file.fill(source, options.far_size)
            yield source

    def measure(self, system, options, source):
        with link(options, self.loss) as place:
            return {"bytes": source.stat().st_size, **copying.measure(self.ways[system], source, place)}


CASES = tuple(SendFar(loss) for loss in (0, 0.1, 1))
