"""Changed files on a file system that shares blocks between files."""

import os
import pathlib
import shutil
import subprocess
import unittest

from harness import Case, main, noise, on_disk_image, runs

MIB = 1 << 20
SIZE = 48 * MIB


class SharedBlocks(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("mkfs.xfs"):
            raise unittest.SkipTest("mkfs.xfs is not there")
        if not runs(on_disk_image(self.into, self.image("to try"))):
            raise unittest.SkipTest("a disk image cannot be mounted here")
        prefix = on_disk_image(self.into, self.image("image"))
        self.server = self.serve(prefix=prefix)
        self.there = pathlib.Path(f"/proc/{self.server.pid}/root{self.into}")

    def image(self, name):
        path = self.dir / name
        with open(path, "wb") as file:
            file.truncate(400 * MIB)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", path], check=True, capture_output=True)
        return path

    def free(self):
        os.sync()
        system = os.statvfs(self.there)
        return system.f_bfree * system.f_frsize

    def deliver(self, content):
        done = self.send(self.server, self.write("file", content))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.there / "file").read_bytes() == content)
        self.assertEqual(list((self.there / ".tcpsend").iterdir()), [])

    def test_what_an_older_version_has_too_takes_no_room(self):
        first = noise(SIZE)
        self.deliver(first)
        os.link(self.there / "file", self.there / "first")
        for content in (
            first[: SIZE // 2] + b"changed" + first[SIZE // 2 + 7 :],
            first[: SIZE - 5 * MIB - 1],
            first + noise(MIB, 2),
            b"changed" + first[7 : SIZE // 2] + bytes(2 * MIB) + first[SIZE // 2 + 2 * MIB :],
        ):
            before = self.free()
            self.deliver(content)
            self.assertLess(before - self.free(), 8 * MIB)
        self.assertTrue((self.there / "first").read_bytes() == first)

    def test_a_hole_in_the_place_of_older_content_is_one(self):
        first = noise(SIZE)
        self.deliver(first)
        path = self.write("file", first)
        with open(path, "r+b") as file:
            file.truncate(SIZE // 2)
            file.truncate(SIZE)
        done = self.send(self.server, path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.there / "file").read_bytes() == first[: SIZE // 2] + bytes(SIZE // 2))
        self.assertLess((self.there / "file").stat().st_blocks * 512, SIZE // 2 + 8 * MIB)


if __name__ == "__main__":
    main()
