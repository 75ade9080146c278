"""Chat servers and message brokers under the loads of chat_load: each with a fresh server."""

import base64
import dataclasses
import json
import os
import subprocess
from collections.abc import Callable

import case
import machine
from case import Figure, Goal
from processes import PATIENCE, Server, free_port

KEY = "key"  # the file in a server's folder, where it has one
BACKLOG = "16M"  # that a tcpchat server keeps for a reader


# How a server is started in a folder of its own, at a port, for at most so many sessions.


def tcpchat(folder, port, sessions):
    return [case.BUILD / "tcpchat", "serve", "--port", port, "--flood", "off", "--max-sessions", sessions,
            "--max-per-address", sessions, "--max-backlog", BACKLOG]  # fmt: skip


def tcpchat_tls(folder, port, sessions):
    key = folder / KEY
    key.touch(0o600)
    key.write_text(f"bench:{base64.b64encode(os.urandom(32)).decode()}\n")
    return [*tcpchat(folder, port, sessions), "--key", key]


def nats(folder, port, sessions):
    (folder / "nats.conf").write_text(
        f'host: "127.0.0.1"\nport: {port}\nmax_connections: {sessions}\nmax_pending: 256MB\nwrite_deadline: "60s"\n'
    )
    return ["nats-server", "--config", folder / "nats.conf"]


def redis(folder, port, sessions):
    # Redis takes 127.0.0.2, from where some of very many sessions come, for a foreign address.
    return ["redis-server", "--bind", "127.0.0.1", "--protected-mode", "no", "--port", port, "--dir", folder, "--save", "",
            "--maxclients", sessions, "--client-output-buffer-limit", "pubsub 0 0 0"]  # fmt: skip


def ncat(folder, port, sessions):
    return ["ncat", "--listen", "127.0.0.1", port, "--broker", "--max-conns", sessions]


def asio(folder, port, sessions):
    return [machine.build_asio_example(), port]


@dataclasses.dataclass(frozen=True)
class System:
    language: str  # as chat_load calls it
    serve: Callable
    packages: tuple = ()
    has_stalled: bool = True  # where a case has readers that never read


SYSTEMS = {
    "tcpchat": System("structured", tcpchat),
    "tcpchat-plain": System("plain", tcpchat),
    "tcpchat-tls": System("structured", tcpchat_tls),
    "tcpchat-none-stalled": System("structured", tcpchat, has_stalled=False),
    "nats": System("nats", nats, (("nats-server", "nats-server"),)),
    "redis": System("resp", redis, (("redis-server", "redis-server"),)),
    "ncat": System("lines", ncat, (("ncat", "ncat"),)),
    "asio": System("lines", asio, (("libasio-dev", "/usr/include/asio.hpp"),)),
}
# ncat's select() takes no more than about a thousand connections.
VERY_MANY = ("tcpchat", "tcpchat-plain", "nats", "redis", "asio")
MANY = (*VERY_MANY, "ncat")


class ChatCase(case.Case):
    def __init__(self, name, about, systems, load, figures, goals):
        self.name, self.about, self.names, self.load = name, about, systems, load
        self.figures, self.goals = figures, goals

    def systems(self):
        return list(self.names)

    def packages(self, system):
        return SYSTEMS[system].packages

    def targets(self, system):
        return ["chat_load"] + ["tcpchat"] * case.is_ours(system)

    def what(self, options):
        return " ".join(map(str, self.load(options)))

    def measure(self, name, options, _):
        system = SYSTEMS[name]
        load = self.load(options)
        if not system.has_stalled:
            load = load[: load.index("--stalled")]
        sessions = max(options.sessions, 2 * (options.receivers or 5000)) + 100
        port = free_port()
        with case.folder() as folder, Server(system.serve(folder, port, sessions), folder, port) as server:
            command = [case.TOOLS / "chat_load", "--speak", system.language, "--port", port, "--server-pid", server.pid, *load]
            if (folder / KEY).exists():
                command += ["--key", folder / KEY]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)


def fanout(receivers, messages, size, rate=0, stalled=False):
    """What chat_load is asked for, unless options say otherwise; one in a hundred is stalled."""

    def load(options):
        many = options.receivers or receivers
        asked = ["fanout", "--receivers", many, "--messages", options.messages or messages, "--size", options.size or size]
        asked += ["--rate", options.rate or rate] if rate else []
        return asked + (["--stalled", max(1, many // 100)] if stalled else [])

    return load


def idle(seconds):
    return lambda options: ["idle", "--sessions", options.sessions, "--hold", f"{options.hold or seconds}s"]


def latency(which):
    return Figure(f"latency {which}", "us", False, lambda r: r["latency_us"][which])


RATE = Figure("deliveries", "/s", True, lambda r: r["deliveries_per_second"])
EFFICIENCY = Figure("deliveries by CPU second of the server", "", True,
                    lambda r: r["deliveries"] / max(r["server"]["cpu_seconds"], 0.01))  # fmt: skip
PEAK = Figure("peak memory of the server", "MiB", False, lambda r: r["server"]["most_resident"] / 2**20)
CPU = Figure("CPU time of the server", "s", False, lambda r: r["server"]["cpu_seconds"])
MEMORY = Figure("memory a session", "bytes", False, lambda r: r["server"]["resident_per_session"])
CONNECTIONS = Figure("connections", "/s", True, lambda r: r["connections_per_second"])
IDLE = Figure("CPU while nothing happens", "%", False, lambda r: 100 * r["server"]["held_cpu_seconds"] / r["held_seconds"])
SATURATED = (RATE, EFFICIENCY, PEAK)
LATE = (latency("p50"), latency("p99"), latency("p99.9"), CPU)
# For each stalled receiver more than the system's buffers and tcpchat's bound for a backlog hold, and no line over the 1,024
# bytes that Asio's example takes.
STALLED = {"messages": 25_000, "size": 1000, "stalled": True}

CASES = (
    ChatCase("chat-fanout", "one sender, many receivers, as fast as it goes", MANY, fanout(100, 40_000, 64), SATURATED,
             (Goal(RATE.name, "tcpchat", 1.5, "nats"),)),
    ChatCase("chat-fanout-5000", "the same with very many receivers", VERY_MANY, fanout(5000, 1000, 64), SATURATED,
             (Goal(RATE.name, "tcpchat", 1.5, "nats"),)),
    ChatCase("chat-fanout-tls", "the same over TLS with a key, beside the same in the clear", ("tcpchat", "tcpchat-tls"),
             fanout(100, 40_000, 64), SATURATED, ()),
    ChatCase("chat-latency", "the same at a fixed rate: how late messages are, counted from when they were due", MANY,
             fanout(100, 3000, 128, rate=1000), LATE,
             (Goal("latency p99", "tcpchat", 1.0, "nats"), Goal("latency p99", "tcpchat", 1000))),
    ChatCase("chat-stalled", "as fast as it goes while some receivers never read",
             ("tcpchat", "tcpchat-none-stalled", "tcpchat-plain", "nats", "redis", "asio"), fanout(100, **STALLED), SATURATED,
             (Goal(RATE.name, "tcpchat", 0.97, "tcpchat-none-stalled"),)),
    ChatCase("chat-stalled-latency", "at a fixed rate while some receivers never read", ("tcpchat", "tcpchat-none-stalled"),
             fanout(100, 5000, 1000, rate=1000, stalled=True), LATE,
             (Goal("latency p99", "tcpchat", 1.1, "tcpchat-none-stalled"),)),
    ChatCase("chat-idle", "many sessions that say nothing: memory for each, connections a second",
             ("tcpchat", "tcpchat-plain", "tcpchat-tls", "nats", "redis", "asio"), idle(5), (MEMORY, CONNECTIONS),
             (Goal(MEMORY.name, "tcpchat", 4096), Goal(CONNECTIONS.name, "tcpchat", 10_000))),
    ChatCase("chat-idle-long", "the same for so long that all are pinged: CPU time while nothing else happens",
             ("tcpchat", "nats", "redis"), idle(75), (IDLE,), (Goal(IDLE.name, "tcpchat", 1),)),
)  # fmt: skip
