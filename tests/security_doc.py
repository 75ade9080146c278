#!/usr/bin/env python3
"""Checks that the tests which docs/security.md names exist, and that each of its rules names one.

A test is written `FILE::NAME` in backticks, or `FILE` alone. The checks are tried first on planted text.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "docs/security.md"
RULES = "## Rules, and what holds them"

REFERENCE = re.compile(r"`(tests/[^`:]+)(?:::([^`]+))?`")


def names_in(file: str, text: str) -> set[str]:
    """The tests in a source: their titles (Catch2) or functions (unittest)."""
    if file.endswith(".py"):
        return set(re.findall(r"^\s+def (test_\w+)\(", text, re.MULTILINE))
    titles = re.findall(r'\bTEST_CASE(?:_METHOD\(\w+,)?\s*\(?\s*"((?:[^"\\]|\\.)*)"', text)
    return {title.replace('\\"', '"') for title in titles}


def problems_in(document: str, read) -> list[str]:
    """`read(FILE)` is a file's text, or None if there is none."""
    found = []
    for file, name in REFERENCE.findall(document):
        text = read(file)
        if text is None:
            found.append(f"there is no {file}")
        elif name and name not in names_in(file, text):
            found.append(f"{file} has no test {name!r}")
    rules = document.partition(RULES)[2]
    rows = [line for line in rules.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| rule "))]
    found += [f"no test is named for the rule: {row}" for row in rows if not REFERENCE.search(row.split("|")[2])]
    return found + ([] if rows else ["there are no rules"])


PLANTED = {
    "tests/a_test.cpp": 'TEST_CASE("it holds", "[loopback]") {}\nTEST_CASE("it \\"also\\" holds") {}\n',
    "tests/e2e/test_b.py": "class T:\n    def test_it(self):\n        pass\n",
}


def self_test() -> list[str]:
    head = RULES + "\n| rule | tests |\n| --- | --- |\n"
    cases = [
        ("| r | `tests/a_test.cpp::it holds`, `tests/e2e/test_b.py::test_it` |", 0),
        ('| r | `tests/a_test.cpp::it "also" holds` |', 0),
        ("| r | `tests/a_test.cpp` |", 0),
        ("| r | `tests/none.cpp` |", 1),
        ("| r | `tests/a_test.cpp::it` |", 1),
        ("| r | `tests/e2e/test_b.py::test_i` |", 1),
        ("| r | nobody |", 1),
        ("", 1),
    ]  # fmt: skip
    return [
        f"self-test: {row!r} has {len(found)} problems and not {count}: {found}"
        for row, count in cases
        if len(found := problems_in(head + row, PLANTED.get)) != count
    ]


def main() -> int:
    def read(name: str):
        file = ROOT / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    problems = self_test() or [f"{DOCUMENT}: {one}" for one in problems_in(read(DOCUMENT), read)]
    for line in problems:
        print(line)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
