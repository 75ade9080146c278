# ctest: light
"""Files, trees and standard input, delivered."""

import os

from harness import Case, main, noise


class Basics(Case):
    def test_a_file(self):
        server = self.serve()
        source = self.write("a file", noise(3_000_000), mode=0o640)
        os.utime(source, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
        done = self.send(server, source)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertOneLine(done.stderr)
        there = self.into / "a file"
        self.assertEqual(there.read_bytes(), source.read_bytes())
        self.assertEqual(there.stat().st_mode & 0o7777, 0o640)
        self.assertEqual(there.stat().st_mtime_ns, 1_600_000_000_123_456_789)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
