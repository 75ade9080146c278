#!/usr/bin/env python3
"""Checks who may include what.

All packages of a distribution share one include folder and all floors one of their own, so neither compiler nor linker
tells when a floor reaches above itself. The tables below are the rules; they are checked first on a planted tree.
"""

import fnmatch
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A floor may include itself and these. Each program has a room in cli and a folder in apps, which count as floors.
BELOW = {
    "base": [],
    "net": ["base"],
    "transfer": ["base", "net"],
    "chat": ["base", "net"],
    "cli": ["base", "net"],
    "cli/tcpsend": ["base", "net", "transfer", "cli"],
    "cli/tcpchat": ["base", "net", "chat", "cli"],
    "apps/tcpsend": ["base", "net", "transfer", "cli", "cli/tcpsend"],
    "apps/tcpchat": ["base", "net", "chat", "cli", "cli/tcpchat"],
}

# Which floors may include a library, by the beginning of its headers' names.
LIBRARIES = {
    "asio": ["net", "transfer", "chat", "cli*"],
    "openssl/": ["net"],
    "xxhash": ["transfer"],
    "zstd": ["transfer"],
    "sqlite3": ["chat"],
    "nats/": ["chat"],
    "nlohmann/": ["chat", "cli*"],
    "CLI/": ["cli*", "apps/*"],
    "spdlog/": ["cli"],
    "fmt/": ["cli"],
    "histedit": ["cli/tcpchat"],
    "editline/": ["cli/tcpchat"],
}

# The rooms of a wing that are words or decisions, and the interfaces that decisions speak of, by the names of their files:
# no I/O, no clock, and nothing of their own floor that is not such a room.
QUIET_ROOMS = {
    "transfer": [
        "*protocol*", "*_machine*", "*_format*", "block_map", "byte_allowance", "compression_choice", "connection_plan", "digest", "entry", "glob",
        "jobs", "limits", "receive_file", "safe_path", "send_file", "session_rights", "source", "store", "zstd_block",
    ],
    "net": [
        "address", "cidr", "failure_throttle", "key", "key_ring", "key_text", "proxy_header", "secret_bytes", "tls_alert",
        "waiting_room",
    ],
    "chat": [
        "*protocol*", "*_machine*", "flood_control", "history_store", "limits", "line_log", "line_splitter", "member",
        "memory_use", "member_rights", "names", "outlet", "presence", "room", "room_log", "safe_text", "send_keys",
    ],
}
# An address is a value.
QUIET_HEADERS = ["asio/ip/address*"]
LOUD_HEADERS = [
    "asio*", "tcptools/net/*", "sys/*", "netinet/*", "arpa/*", "unistd.h", "fcntl.h", "poll.h", "dirent.h",
    "fstream", "iostream", "filesystem", "cstdio", "thread", "mutex", "condition_variable", "future",
]  # fmt: skip
CLOCKS = re.compile(r"\b(?:(?:steady|system|high_resolution|utc|file)_clock::now|clock_gettime|gettimeofday|std::time)\b")

INCLUDE = re.compile(r"""^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")""")
SOURCES = {".hpp", ".cpp"}


def floor_of(path: Path) -> str | None:
    """`path` relative to the root: in include/tcptools/FLOOR, src/FLOOR or apps/PROGRAM."""
    floor = re.sub(r"^(include/tcptools|src)/", "", path.parent.as_posix())
    return floor if floor in BELOW else None


def matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_quiet(floor: str, stem: str) -> bool:
    return matches(stem, QUIET_ROOMS.get(floor, []))


def forbidden(path: Path, floor: str, header: str, quoted: bool) -> str | None:
    """Why `path` may not include `header`, or None."""
    quiet = is_quiet(floor, path.stem)
    own = header.startswith(f"tcptools/{floor}/")
    elsewhere = Path(header).parts
    quiet_there = len(elsewhere) == 3 and elsewhere[0] == "tcptools" and is_quiet(elsewhere[1], Path(header).stem)
    if quiet and not own and not quiet_there and matches(header, LOUD_HEADERS) and not matches(header, QUIET_HEADERS):
        return f"the room {path.stem} may not: no I/O there"

    if header.startswith("tcptools/") or (quoted and "/" in header):
        if elsewhere[0] not in ("tcptools", "cli"):
            return "only cli's headers are named in this way"
        target = "/".join(elsewhere[:-1]).removeprefix("tcptools/")
        if target not in BELOW:
            return f"there is no floor {target}"
    elif quoted:
        target = floor
    else:
        for prefix, floors in LIBRARIES.items():
            if header.startswith(prefix) and not matches(floor, floors):
                return f"floor {floor} may not"
        return None

    if target != floor and target not in BELOW[floor]:
        return f"floor {floor} may not"
    if quiet and target == floor and not is_quiet(floor, Path(header).stem):
        return f"the room {path.stem} may not: {Path(header).stem} is not a quiet room"
    return None


def check(root: Path) -> list[str]:
    found = []
    for folder in ("include", "src", "apps"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SOURCES:
                continue
            path = file.relative_to(root)
            floor = floor_of(path)
            if floor is None:
                found.append(f"{path}: belongs to no floor")
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                include = INCLUDE.match(line)
                if include:
                    header = include[1] or include[2]
                    why = forbidden(path, floor, header, quoted=include[2] is not None)
                    if why:
                        found.append(f"{path}:{number} includes {header}, but {why}")
                elif is_quiet(floor, path.stem) and CLOCKS.search(line):
                    found.append(f"{path}:{number} asks a clock, but the room {path.stem} may not")
    return found


# What a planted file says, and what must be found in it.
PLANTED = [
    ("include/tcptools/base/a.hpp", "#include <string>\n", None),
    ("include/tcptools/base/b.hpp", "\n#include <asio/io_context.hpp>\n", ":2 includes asio/io_context.hpp, but floor base may not"),
    ("include/tcptools/oops.hpp", "", ": belongs to no floor"),
    ("src/attic/a.cpp", "", ": belongs to no floor"),
    ("src/base/up.cpp", '#include "tcptools/net/a.hpp"\n', ":1 includes tcptools/net/a.hpp, but floor base may not"),
    ("src/net/a.cpp", '#include <asio.hpp>\n#include <openssl/ssl.h>\n#include "b.hpp"\n', None),
    ("src/net/b.cpp", "#  include <spdlog/spdlog.h>\n", ":1 includes spdlog/spdlog.h, but floor net may not"),
    ("src/net/c.cpp", '#include "cli/options.hpp"\n', ":1 includes cli/options.hpp, but floor net may not"),
    ("src/net/d.cpp", '#include "tcptools/attic/a.hpp"\n', ":1 includes tcptools/attic/a.hpp, but there is no floor attic"),
    ("src/transfer/sender.cpp", "#include <asio/write.hpp>\nauto t = std::chrono::steady_clock::now();\n", None),
    ("src/transfer/a.cpp", '#include "tcptools/chat/a.hpp"\n', ":1 includes tcptools/chat/a.hpp, but floor transfer may not"),
    ("src/chat/a.cpp", '#include "tcptools/transfer/a.hpp"\n', ":1 includes tcptools/transfer/a.hpp, but floor chat may not"),
    ("src/chat/b.cpp", "#include <nlohmann/json.hpp>\n#include <sqlite3.h>\n", None),
    ("src/transfer/b.cpp", "#include <nlohmann/json.hpp>\n", ":1 includes nlohmann/json.hpp, but floor transfer may not"),
    ("src/transfer/protocol.cpp", '#include "tcptools/transfer/digest.hpp"\n', None),
    ("src/transfer/send_machine.cpp", "#include <asio/buffer.hpp>\n",
     ":1 includes asio/buffer.hpp, but the room send_machine may not: no I/O there"),
    ("include/tcptools/transfer/send_machine.hpp", '#include "tcptools/transfer/sender.hpp"\n',
     ":1 includes tcptools/transfer/sender.hpp, but the room send_machine may not: sender is not a quiet room"),
    ("src/net/cidr.cpp", '#include <asio/ip/address_v6.hpp>\n#include "tcptools/net/key.hpp"\n', None),
    ("src/net/key.cpp", '#include "tcptools/net/stream.hpp"\n',
     ":1 includes tcptools/net/stream.hpp, but the room key may not: stream is not a quiet room"),
    ("src/net/key_ring.cpp", "#include <asio/ip/tcp.hpp>\n", ":1 includes asio/ip/tcp.hpp, but the room key_ring may not: no I/O there"),
    ("src/transfer/glob.cpp", '#include "tcptools/net/key.hpp"\n#include "tcptools/net/stream.hpp"\n',
     ":2 includes tcptools/net/stream.hpp, but the room glob may not: no I/O there"),
    ("src/transfer/block_map.cpp", "auto now = std::chrono::steady_clock::now();\n", ":1 asks a clock, but the room block_map may not"),
    ("src/cli/a.cpp", '#include <CLI/CLI.hpp>\n#include "cli/b.hpp"\n#include "b.hpp"\n', None),
    ("src/cli/b.cpp", '#include "net/private.hpp"\n', ":1 includes net/private.hpp, but only cli's headers are named in this way"),
    ("src/cli/c.cpp", '#include "cli/tcpsend/a.hpp"\n', ":1 includes cli/tcpsend/a.hpp, but floor cli may not"),
    ("src/cli/d.cpp", '#include "tcptools/chat/a.hpp"\n', ":1 includes tcptools/chat/a.hpp, but floor cli may not"),
    ("src/cli/e.cpp", '#include "cli/attic/a.hpp"\n', ":1 includes cli/attic/a.hpp, but there is no floor cli/attic"),
    ("src/cli/attic/a.cpp", "", ": belongs to no floor"),
    ("src/cli/tcpsend/a.cpp", '#include "cli/tcpsend/a.hpp"\n#include "cli/b.hpp"\n#include "tcptools/transfer/a.hpp"\n', None),
    ("src/cli/tcpsend/b.cpp", '#include "cli/tcpchat/a.hpp"\n',
     ":1 includes cli/tcpchat/a.hpp, but floor cli/tcpsend may not"),
    ("src/cli/tcpsend/c.cpp", "#include <CLI/CLI.hpp>\n#include <histedit.h>\n",
     ":2 includes histedit.h, but floor cli/tcpsend may not"),
    ("src/cli/tcpchat/a.cpp", '#include <histedit.h>\n#include "tcptools/chat/a.hpp"\n', None),
    ("src/cli/tcpchat/b.cpp", '#include "tcptools/transfer/a.hpp"\n',
     ":1 includes tcptools/transfer/a.hpp, but floor cli/tcpchat may not"),
    ("apps/main.cpp", "", ": belongs to no floor"),
    ("apps/tcpsend/main.cpp", '#include "cli/usage.hpp"\n#include "cli/tcpsend/a.hpp"\n#include "tcptools/transfer/a.hpp"\n', None),
    ("apps/tcpchat/main.cpp", '#include "cli/tcpsend/a.hpp"\n',
     ":1 includes cli/tcpsend/a.hpp, but floor apps/tcpchat may not"),
]  # fmt: skip


def self_test() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text, _ in PLANTED:
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        found = set(check(Path(folder)))
    expected = {name + what for name, _, what in PLANTED if what}
    return [f"self-test: not found: {line}" for line in sorted(expected - found)] + [
        f"self-test: not planted: {line}" for line in sorted(found - expected)
    ]


def main() -> int:
    problems = self_test() or check(ROOT)
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
