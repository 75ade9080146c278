# ctest: asan
"""Keys: made by both programs, and what becomes of their files."""

import base64
import os
import re
import subprocess

from harness import TCPCHAT, TCPSEND, Case, main

PROGRAMS = {"tcpsend": TCPSEND, "tcpchat": TCPCHAT}
LINE = re.compile(r"([A-Za-z0-9._@-]{1,64}):([A-Za-z0-9+/]{43}=)\n")


class Keygen(Case):
    def keygen(self, program, *arguments, **rest):
        return self.run_tcpsend("keygen", *arguments, program=PROGRAMS[program], **rest)

    def each(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                yield program

    def test_one_line_that_is_a_key(self):
        for program in self.each():
            done = self.keygen(program, "--name", "alice@laptop")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            name, secret = LINE.fullmatch(done.stdout).groups()
            self.assertEqual(name, "alice@laptop")
            self.assertEqual(len(base64.b64decode(secret, validate=True)), 32)

    def test_no_two_are_the_same(self):
        made = {LINE.fullmatch(self.keygen(program).stdout)[2] for program in PROGRAMS for _ in range(10)}
        self.assertEqual(len(made), 20)

    def test_the_name_is_that_of_user_and_host(self):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        host = os.uname().nodename.split(".")[0]
        expected = "@".join(re.sub("[^A-Za-z0-9._-]", "-", half[:31]) for half in (user, host))
        for program in self.each():
            self.assertEqual(LINE.fullmatch(self.keygen(program).stdout)[1], expected)

    def test_names_that_are_none(self):
        for program in self.each():
            for name in "", "al ice", "a:b", "a" * 65, "\u00e4", "esc\x1b[31m":
                done = self.keygen(program, "--name", name)
                self.assertEqual((done.returncode, done.stdout), (2, ""), name)
                self.assertOneLine(done.stderr)
                self.assertIn("is no name for a key", done.stderr)
                self.assertNotIn("\x1b", done.stderr)
            self.assertEqual(self.keygen(program, "alice").returncode, 2)

    def test_help_says_how_to_use_it(self):
        for program in self.each():
            done = self.keygen(program, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"(umask 077; {program} keygen > key)", done.stdout)
            self.assertIn("--key key", done.stdout)
            self.assertIn("keygen", self.run_tcpsend("--help", program=PROGRAMS[program]).stdout)

    def test_a_file_that_others_can_read(self):
        for program in self.each():
            for mode, warns in (0o600, False), (0o640, True), (0o604, True), (0o622, True):
                file = self.write("a key", mode=mode)
                file.chmod(mode)
                with open(file, "wb") as out:
                    done = self.keygen(program, stdout=out)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(LINE.fullmatch(file.read_text()))
                self.assertEqual(f"chmod 600 '{file}'" in done.stderr, warns)
                self.assertEqual(done.stderr.count("\n"), int(warns))

    def test_a_key_that_could_not_be_written_is_an_error(self):
        for program in self.each():
            with open("/dev/full", "wb") as full:
                done = self.keygen(program, stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot write to standard output: No space left on device", done.stderr)
            closed = self.keygen(program, prefix=["sh", "-c", 'exec "$@" >&-', "sh"])
            self.assertEqual(closed.returncode, 1)
            self.assertIn("cannot write to standard output: Bad file descriptor", closed.stderr)

    def test_in_a_pipe(self):
        for program in self.each():
            command = f'"{PROGRAMS[program]}" keygen --name a | cut -d: -f2 | base64 -d | wc -c'
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.stdout.strip(), "32")


if __name__ == "__main__":
    main()
