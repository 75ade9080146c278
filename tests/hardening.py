#!/usr/bin/env python3
"""Reads programs and checks that they are built as docs/security.md says: tests/hardening.py PROGRAM...

What each check would say of a program that is not is tried first, on a copy that is spoilt in memory.
"""

import struct
import sys
from pathlib import Path

# elf(5), and the processors' supplements to it.
ET_EXEC, ET_DYN = 2, 3
EM_X86_64, EM_AARCH64 = 62, 183
PT_LOAD, PT_DYNAMIC = 1, 2
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS = 0, 1, 5, 6, 15, 22, 24, 29, 30
DT_FLAGS_1 = 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
SHT_SYMTAB, SHT_DYNAMIC, SHT_DYNSYM = 2, 6, 11
# What a function begins with that may be called indirectly: ENDBR64; PACIASP or BTI C. That the system demands it takes a note
# in every part of a program, and the C library's own parts have it in few distributions; ours have the instruction.
LANDING_PADS = {
    EM_X86_64: {b"\xf3\x0f\x1e\xfa"},
    EM_AARCH64: {b"\x3f\x23\x03\xd5", b"\x5f\x24\x03\xd5"},
}
# What only the other program needs, and this one is not to load.
FOREIGN = {"tcpsend": {"libsqlite3", "libedit"}, "tcpchat": {"libxxhash", "libzstd"}}


class Program:
    """A 64-bit little-endian program, as its headers tell."""

    def __init__(self, content: bytes):
        self.content = content
        if content[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no 64-bit little-endian ELF program")
        self.type, self.machine = struct.unpack_from("<HH", content, 16)
        self.segments_at, self.sections_at = struct.unpack_from("<QQ", content, 32)
        self.segment_size, segments, self.section_size, sections = struct.unpack_from("<HHHH", content, 54)
        # type, flags, offset, address, physical address, size in the file
        self.segments = [
            struct.unpack_from("<IIQQQQ", content, self.segments_at + i * self.segment_size) for i in range(segments)
        ]
        # name, type, flags, address, offset, size, link
        self.sections = [
            struct.unpack_from("<IIQQQQI", content, self.sections_at + i * self.section_size) for i in range(sections)
        ]

    def flags_of(self, kind: int) -> list[int]:
        return [segment[1] for segment in self.segments if segment[0] == kind]

    def dynamic(self) -> dict[int, int]:
        found = {}
        for kind, _, offset, _, _, size in self.segments:
            if kind == PT_DYNAMIC:
                for tag, value in struct.iter_unpack("<QQ", self.content[offset : offset + size]):
                    if tag == DT_NULL:
                        break
                    found[tag] = value
        return found

    def libraries(self) -> set[str]:
        """Those that are loaded with it, without their versions."""
        found = set()
        for _, kind, _, _, offset, size, link in self.sections:
            if kind == SHT_DYNAMIC:
                for tag, value in struct.iter_unpack("<QQ", self.content[offset : offset + size]):
                    if tag == DT_NEEDED:
                        found.add(self.text(self.sections[link][4] + value).partition(".so")[0])
        return found

    def text(self, at: int) -> str:
        return self.content[at : self.content.index(b"\0", at)].decode()

    def symbols(self, table: int):
        """Names, their sections (0: another library has to define it) and addresses."""
        for _, kind, _, _, offset, size, link in self.sections:
            if kind != table:
                continue
            texts = self.sections[link][4]
            for name, _, _, section, address, _ in struct.iter_unpack("<IBBHQQ", self.content[offset : offset + size]):
                yield self.text(texts + name), section, address

    def begins_with(self, function: str) -> bytes:
        for name, section, address in self.symbols(SHT_SYMTAB):
            if name == function and section:
                at = address - self.sections[section][3] + self.sections[section][4]
                return self.content[at : at + 4]
        return b""


def problems_of(program: Program, name: str = "") -> list[str]:
    found = []

    def demand(holds, otherwise):
        if not holds:
            found.append(otherwise)

    dynamic = program.dynamic()
    flags, more_flags = dynamic.get(DT_FLAGS, 0), dynamic.get(DT_FLAGS_1, 0)
    demand(program.type == ET_DYN and more_flags & DF_1_PIE, "is no position independent executable")
    demand(program.flags_of(PT_GNU_RELRO), "has no part that is read-only after relocation")
    demand(DT_BIND_NOW in dynamic or flags & DF_BIND_NOW or more_flags & DF_1_NOW, "is not bound when it starts")
    stack = program.flags_of(PT_GNU_STACK)
    demand(stack and not stack[0] & PF_X, "has an executable stack")
    demand(not any(one & PF_W and one & PF_X for one in program.flags_of(PT_LOAD)), "can write to what it executes")
    demand(DT_TEXTREL not in dynamic, "relocates its code")
    demand(DT_RPATH not in dynamic and DT_RUNPATH not in dynamic, "says itself where its libraries are")

    imports = {name for name, section, _ in program.symbols(SHT_DYNSYM) if not section}
    demand("__stack_chk_fail" in imports, "does not guard its stack")
    demand(any(name.startswith("__") and name.endswith("_chk") for name in imports), "does not check sizes")
    if program.machine in LANDING_PADS:
        demand(program.begins_with("main") in LANDING_PADS[program.machine], "does not protect indirect calls")
    demand(not program.libraries() & FOREIGN.get(name, set()), "loads what only the other program needs")
    return found


def spoil(program: Program, change) -> list[str]:
    content = bytearray(program.content)
    change(content)
    return problems_of(Program(bytes(content)))


def self_test(good: Program, name: str) -> list[str]:
    def segment(kind, number, value):
        def change(content):
            for i, one in enumerate(good.segments):
                if one[0] == kind:
                    struct.pack_into("<I", content, good.segments_at + i * good.segment_size + 4 * number, value)

        return change

    def entry(tag, becomes, value):
        def change(content):
            for kind, _, offset, _, _, size in good.segments:
                for at in range(offset, offset + size, 16) if kind == PT_DYNAMIC else ():
                    if struct.unpack_from("<Q", content, at)[0] in tag:
                        struct.pack_into("<QQ", content, at, becomes, value)

        return change

    def rename(old, new):
        def change(content):
            content[:] = content.replace(old, new)

        return change

    harmless = 0x6FFFFEF5  # DT_GNU_HASH, which is not looked at
    spoilt = [
        (lambda content: struct.pack_into("<H", content, 16, ET_EXEC), "is no position independent executable"),
        (segment(PT_GNU_RELRO, 0, 0), "has no part that is read-only after relocation"),
        (entry({DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1}, harmless, 0), "is not bound when it starts"),
        (segment(PT_GNU_STACK, 1, 7), "has an executable stack"),
        (segment(PT_GNU_STACK, 0, 0), "has an executable stack"),
        (segment(PT_LOAD, 1, 7), "can write to what it executes"),
        (entry({DT_STRTAB}, DT_TEXTREL, 0), "relocates its code"),
        (entry({DT_STRTAB}, DT_RPATH, 0), "says itself where its libraries are"),
        (entry({DT_STRTAB}, DT_RUNPATH, 0), "says itself where its libraries are"),
        (rename(b"__stack_chk_fail\0", b"__stack_chk_fine\0"), "does not guard its stack"),
        (rename(b"_chk\0", b"_chq\0"), "does not check sizes"),
    ]
    for pad in LANDING_PADS.get(good.machine, ()):
        spoilt.append((rename(pad, b"\0\0\0\0"), "does not protect indirect calls"))
    found = [what for change, what in spoilt if what not in spoil(good, change)]
    # Each loads what the other should not.
    others = FOREIGN.keys() - {name} if name in FOREIGN else ()
    found += [f"as {other} loads what only the other program needs" for other in others if not problems_of(good, other)]
    return [f"self-test: not found: {what}" for what in found]


def main() -> int:
    problems = []
    for file in sys.argv[1:]:
        program = Program(Path(file).read_bytes())
        name = Path(file).name
        found = [f"{file} {one}" for one in problems_of(program, name)]
        problems += found or self_test(program, name)
    for line in problems:
        print(line)
    return 1 if problems or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
