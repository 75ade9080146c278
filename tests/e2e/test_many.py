"""Many files, odd names, many senders, much data: all of it arrives, in little memory."""

import filecmp
import hashlib
import json
import os
import random
import re
import stat
import subprocess
import unicodedata

from harness import PATIENCE, Case, main, noise, summary, until

MIB = 1 << 20

ODD = [
    " ", "  two  ", "a b", " before", "after ", "\t", "line\nbreak", "\n", "\r", "\a", "\x01\x02\x1f", "\x7f",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "'", '"', "it's", '"quoted"', "`id`", "$(id)", "$HOME", "\\", "\\n",
    "back\\slash", "*", "?", "[a-z]", "{a,b}", "~", "~root", "#", "#!", "%s%n", "%2e%2e", "&", "a&b", "a&5", ";", "|",
    "<", ">", "!", "=", ":", "C:", "a:b", ",", "@", "^", "+", "-", "--", "-rf", "--help", "--port=1", "-n", ".hidden",
    "...", "..a", "a.", "a..", ".tcpsend", "x.part", "x.journal", "x.tmp", "nul", "con", "null", "true", "0",
    "文件", "数据 备份.txt", "日本語", "한국어", "Ünïcödé", "e\u0301", "\u00e9", "\u05e2\u05d1", "\u202egnp.exe", "\u200b",
    "\ufeffmark", "\u2028", "\u0085", "😀", "\U0010ffff", "n" * 255, "x" * 251 + "文.", "中" * 85,
]


def status_of(pid, field):
    """A size from /proc, in bytes; 0 when the process has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(rf"^{field}:\s+(\d+) kB$", status.read(), re.MULTILINE)
    except ProcessLookupError:
        return 0
    return int(found[1]) * 1024 if found else 0


def peak_until_end(process):
    """The most memory a process ever had, looked at until it ends."""
    peak = 0
    while True:
        peak = max(peak, status_of(process.pid, "VmHWM"))
        try:
            process.wait(0.01)
            return peak
        except subprocess.TimeoutExpired:
            pass


def grow(root, count, dice):
    """A tree of `count` files with odd names, modes and times, and of some empty directories."""
    folders = [root]
    root.mkdir()
    for name in dice.sample(ODD, 20):
        folders.append(dice.choice(folders) / name)
        folders[-1].mkdir()
    empty = [folder / f"empty {name}"[:80] for folder, name in zip(folders, ODD)]
    for folder in empty:
        folder.mkdir()
    files = set()
    while len(files) < count:
        name = dice.choice(ODD)
        if dice.random() < 0.8:
            name = str(dice.randrange(count)) + name
            while len(name.encode()) > 255:
                name = name[:-1]
        path = dice.choice(folders) / name
        if path in files or path.is_dir():
            continue
        size = dice.choice([0, 1, 100, dice.randrange(3000)]) if dice.random() < 0.98 else dice.randrange(200_000)
        path.write_bytes(dice.randbytes(size))
        path.chmod(dice.choice([0o644, 0o600, 0o400, 0o755, 0o777, 0o640, 0o444, 0o711]))
        os.utime(path, ns=(0, dice.randrange(-10**18, 3 * 10**18)))
        files.add(path)
    for folder in reversed(folders + empty):
        folder.chmod(dice.choice([0o755, 0o700, 0o500, 0o775]))
        os.utime(folder, ns=(0, dice.randrange(10**18)))


def metadata(root):
    """Relative name to kind, mode, and time of all that is below."""
    found = {}
    for folder, _, names in os.walk(root):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            status = os.lstat(path)
            found[os.path.relpath(path, root)] = (stat.filemode(status.st_mode), status.st_mtime_ns)
    return found


class AForest(Case):
    def test_two_thousand_files_with_odd_names(self):
        tree = self.dir / "tree"
        grow(tree, 2000, random.Random(1))
        server = self.serve()
        done = self.send(server, "--json", tree)
        self.assertEqual((done.returncode, summary(done)["files"], summary(done)["failed"]), (0, 2000, 0), done.stderr)
        self.assertIdentical(tree)
        self.assertShowable(server.log().replace("\n", ""))

        again = summary(self.send(server, "--json", tree))
        self.assertEqual((again["unchanged"], again["exit_code"]), (2000, 0))
        self.assertIdentical(tree)

    def assertIdentical(self, tree):
        there = self.into / tree.name
        compared = subprocess.run(
            ["diff", "-r", tree, there], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        self.assertEqual((compared.returncode, compared.stdout, compared.stderr), (0, b"", b""))
        self.assertEqual(metadata(there), metadata(tree))
        self.assertEqual(self.leftovers(), [])

    def assertShowable(self, text):
        """Nothing in it moves a cursor, ends a line, is invisible or reorders what is around it."""
        self.assertEqual([c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")], [])

    def test_json_lines_are_one_line_each_whatever_the_name(self):
        names = [name for name in ODD if not name.startswith("-")]
        for name in names:
            self.write("tree/" + name, b"x")
        server = self.serve("--json")
        done = self.send(server, "--json", self.dir / "tree")
        for output in done.stdout, server.output():
            events = [json.loads(line) for line in output.splitlines()]
            told = {event["path"] for event in events if event["type"] == "file"}
            self.assertEqual(told, {"tree", *("tree/" + name for name in names)})

    def test_names_that_are_not_utf_8_are_refused_by_name_and_the_others_delivered(self):
        (self.dir / "tree").mkdir()
        self.write("tree/good", b"good")
        bad = [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"cut\xe6\x96"]
        for name in bad:
            with open(os.fsencode(self.dir / "tree") + b"/" + name, "wb") as file:
                file.write(b"bad")
        done = self.send(self.serve(), self.dir / "tree")
        self.assertEqual(done.returncode, 4, done.stderr)
        for shown in r"\xFF", r"caf\xE9", r"\xED\xA0\x80", r"cut\xE6\x96":
            self.assertIn("tree/" + shown, done.stderr)
        self.assertEqual(self.delivered(), {"tree": None, "tree/good": b"good"})


class ACrowd(Case):
    def test_a_hundred_senders_at_once(self):
        server = self.serve("--json")
        sources = [self.write(f"from/{i}", noise(MIB + i, seed=i)) for i in range(100)]
        senders = [self.start_sending(server, "--limit-rate", "400K", source) for source in sources]
        for sender in senders:
            done = self.finish(sender, patience=5 * PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.delivered(), {source.name: source.read_bytes() for source in sources})
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.most_at_once(server), 100)
        self.assertLess(status_of(server.pid, "VmHWM"), 256 * MIB)

    def most_at_once(self, server):
        """How many sessions a server had at a time."""
        now = most = 0
        for event in server.events():
            now += {"session": 1, "summary": -1}.get(event["type"], 0)
            most = max(most, now)
        return most

    def test_a_hundred_senders_of_files_with_large_blocks(self):
        # 40 GiB make large blocks; all but the first ones are holes here.
        source = self.write("large", noise(16 * MIB))
        os.truncate(source, 40 << 30)
        server = self.serve("--no-fsync")
        senders = [self.start_sending(server, "--limit-rate", "4M", "--name", str(i), source) for i in range(100)]

        def begun():
            return [path for path in self.into.glob(".tcpsend/*.part") if path.stat().st_size >= 8 * MIB]

        until(lambda: len(begun()) == 100, what="blocks of all senders")
        peak = status_of(server.pid, "VmHWM")
        for sender in senders:
            sender.kill()
        self.assertLess(peak, 256 * MIB)


class MuchData(Case):
    def assertSmall(self, sender, server):
        """Waits for the sender's end; neither side may have needed much memory."""
        peak = peak_until_end(sender)
        self.assertGreater(peak, 0)
        self.assertLess(peak, 64 * MIB)
        self.assertLess(status_of(server.pid, "VmHWM"), 64 * MIB)
        self.assertEqual(sender.returncode, 0, sender.stderr.read())

    def test_standard_input_of_unknown_length(self):
        server = self.serve()
        sender = self.start_sending(server, "--name", "dump/all.sql", "-", stdin=subprocess.PIPE)
        sent = hashlib.sha256()
        size = 0
        piece = noise(MIB + 12_345)
        while size < 200_000_000:
            piece = piece[-1000:] + piece[:-1000]
            sender.stdin.write(piece)
            sent.update(piece)
            size += len(piece)
        sender.stdin.close()
        sender.stdin = None  # or it would be closed once more in the end
        self.assertSmall(sender, server)
        there = self.into / "dump/all.sql"
        self.assertEqual(there.stat().st_size, size)
        with open(there, "rb") as file:
            self.assertEqual(hashlib.file_digest(file, "sha256").digest(), sent.digest())
        self.assertEqual(self.leftovers(), [])

    def test_a_gibibyte(self):
        source = self.dir / "large"
        with open(source, "wb") as file:
            for _ in range(64):
                file.write(os.urandom(16 * MIB))
        server = self.serve("--no-fsync")
        self.assertSmall(self.start_sending(server, source), server)
        self.assertTrue(filecmp.cmp(source, self.into / "large", shallow=False))
        # And once more, when only digests travel.
        self.assertSmall(self.start_sending(server, source), server)


if __name__ == "__main__":
    main()
