"""What people and programs get to see: the progress line, messages, the summary, JSON, and names as they are shown."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
import unicodedata

from harness import Case, main, noise, until

MIB = 1 << 20
ERASE = "\r\x1b[K"
ODD_NAMES = ["escape \x1b[31m", "bell\x07", "new\nline", "return\r", "tab\t", "delete\x7f", "start \x01",
             "csi \u009b31m", "right to left \u202e", "zero\u200bwidth", "line\u2028separator"]
FILE_STATUSES = {"delivered", "unchanged", "failed"}


def columns(text):
    """How many columns a terminal needs for it."""
    return sum(0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
               for one in text)


def hidden(text):
    """The characters of a text that do not show, but for line ends."""
    return {one for one in text if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs")}


class Terminal:
    """A pseudo terminal of a width, and what arrives there."""

    def __init__(self, case, width):
        self.main, self.end = pty.openpty()
        case.addCleanup(os.close, self.main)
        self.resize(width)
        self.bytes = b""

    def resize(self, width):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    def let_go(self):
        """Once a program has it: reading ends when that program does."""
        os.close(self.end)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while data := os.read(self.main, 4096):
                self.bytes += data
        except OSError:
            pass  # nobody has the other end any more

    def text(self):
        return self.bytes.decode(errors="replace")

    def updates(self):
        """The lines that took each other's place, up to the first message."""
        before, ended, _ = self.text().partition("\n")
        lines = before.split(ERASE)[1:]
        return lines[:-1] if ended else lines


class Progress(Case):
    def send_on(self, terminal, server, *arguments):
        sender = self.start_sending(server, *arguments, stderr=terminal.end)
        terminal.let_go()
        return sender

    def transfer(self, width, *arguments):
        """Sends with a terminal of this width; returns the terminal, at the end of all."""
        terminal = Terminal(self, width)
        sender = self.send_on(terminal, self.serve(), "--limit-rate", "1M", *arguments)
        self.finish(sender)
        terminal.reader.join(60)
        self.assertEqual(sender.returncode, 0, terminal.text())
        return terminal

    def test_it_stays_one_line_at_any_width(self):
        name = "a rather long name with 照片 and e\u0301 in it, so that it has to be shortened in most terminals"
        self.write(name, noise(300_000))
        self.write("z", noise(100_000))
        for width in 1, 2, 7, 20, 33, 50, 80, 132, 400:
            with self.subTest(width=width):
                terminal = self.transfer(width, "--into", f"for {width}", name, "z")
                updates = terminal.updates()
                self.assertGreaterEqual(len(updates), 2)
                for line in updates:
                    self.assertLess(columns(line), width, line)
                    self.assertEqual(hidden(line), set(), line)
                self.assertEqual(terminal.text().count("\n"), 1)  # the summary's
                self.assertIn(ERASE + "tcpsend: 2 files", terminal.text())

    def test_it_follows_when_the_terminal_is_resized(self):
        self.write("a file with a long name", noise(2 * MIB))
        terminal = Terminal(self, 100)
        sender = self.send_on(terminal, self.serve(), "--limit-rate", "1M", "a file with a long name")
        until(lambda: len(terminal.updates()) >= 3, what="some updates")
        terminal.resize(30)
        before = len(terminal.updates())
        until(lambda: len(terminal.updates()) >= before + 4, what="updates after that")
        self.finish(sender)
        terminal.reader.join(60)
        for line in terminal.updates()[-2:]:  # earlier ones may have been on their way
            self.assertLess(columns(line), 30)

    def test_it_has_name_bar_percent_rate_time_left_and_count(self):
        self.write("one", noise(MIB))
        self.write("two", noise(MIB))
        lines = self.transfer(100, "one", "two").updates()
        pattern = r"^(one|two)  \[=* *\]  +\d+%  [\d.]+ [KM]?i?B/s  ETA [\d.]+ (s|ms)  [012]/2$"
        self.assertTrue(any(re.match(pattern, line) for line in lines), lines)
        shown = [int(found[1]) for line in lines if (found := re.search(r"(\d+)%", line))]
        self.assertEqual(shown, sorted(shown))

    def test_messages_do_not_mix_with_it(self):
        self.write("tree/file", noise(300_000))
        os.symlink("x", self.dir / "tree/link")
        terminal = self.transfer(80, "--verbose", "tree")
        for line in terminal.text().replace("\r\n", "\n").split("\n")[:-1]:
            shown = line.split(ERASE)[-1]
            self.assertTrue(shown.startswith("tcpsend: "), line)

    def test_names_with_escapes_are_shown_visibly(self):
        name = "name \x1b[31m\n\u202e"
        self.write(name, noise(500_000))
        terminal = self.transfer(120, name)
        for line in terminal.updates():
            self.assertEqual(hidden(line), set())
        self.assertTrue(any("name \\x1B[31m\\n" in line for line in terminal.updates()))

    def test_standard_input_has_no_percentage(self):
        terminal = Terminal(self, 100)
        sender = self.start_sending(self.serve(), "--limit-rate", "500K", "--name", "x", "-", stdin=subprocess.PIPE,
                                    stderr=terminal.end)
        terminal.let_go()
        self.finish(sender, noise(400_000))
        terminal.reader.join(60)
        self.assertEqual(sender.returncode, 0)
        self.assertTrue(any(re.search(r"KiB +[\d.]+ [KM]?i?B/s", line) for line in terminal.updates()))
        self.assertNotIn("%", terminal.text())

    def test_it_is_gone_after_a_signal(self):
        self.write("file", noise(4 * MIB))
        terminal = Terminal(self, 80)
        sender = self.send_on(terminal, self.serve(), "--limit-rate", "500K", "file")
        until(lambda: len(terminal.updates()) >= 3, what="some updates")
        sender.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(sender).returncode, 130)
        terminal.reader.join(60)
        self.assertIn(ERASE + "tcpsend: interrupted", terminal.text())
        self.assertTrue(terminal.text().endswith("\n"))

    def test_nothing_of_it_on_a_pipe_or_when_it_is_not_wanted(self):
        self.write("file", noise(300_000))
        done = self.send(self.serve(), "--limit-rate", "1M", "file")
        self.assertEqual(hidden(done.stderr), set())
        self.assertOneLine(done.stderr)
        for option in "--quiet", "--progress=never":
            (self.into / "file").unlink(missing_ok=True)
            self.assertNotIn(ERASE, self.transfer(80, option, "file").text())

    def test_always_means_on_a_pipe_too(self):
        self.write("file", noise(500_000))
        done = self.send(self.serve(), "--limit-rate", "1M", "--progress", "always", "file")
        self.assertIn(ERASE, done.stderr)
        self.assertIn("%", done.stderr)


class Messages(Case):
    def test_the_summary_says_files_bytes_bytes_sent_time_and_rate(self):
        server = self.serve()
        self.write("tree/a", noise(MIB))
        self.write("tree/b", b"x")
        done = self.send(server, "tree")
        self.assertRegex(done.stderr, r"^tcpsend: 2 files, 1\.0 MiB, sent 1\.0 MiB in [\d.]+ m?s, [\d.]+ [KMG]iB/s\n$")
        done = self.send(server, "tree")
        self.assertRegex(done.stderr, r"^tcpsend: 2 files \(2 unchanged\), 1\.0 MiB, sent [\d.]+ (KiB|B) in ")
        done = self.send(server, "tree", "missing")
        self.assertRegex(done.stderr.splitlines()[-1], r"^tcpsend: 2 files \(2 unchanged\), 1 not delivered, 1\.0 MiB")

    def test_quiet_says_nothing_but_errors(self):
        server = self.serve()
        self.write("tree/file", b"x")
        os.symlink("x", self.dir / "tree/link")
        done = self.send(server, "--quiet", "tree")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = self.send(server, "--quiet", "tree", "missing")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertOneLine(done.stderr)
        self.assertIn("missing", done.stderr)

    def test_quiet_says_nothing_of_retries(self):
        done = self.send(1, "--quiet", "--retry-for", "700ms", self.write("file"))
        self.assertEqual(done.returncode, 3)
        self.assertOneLine(done.stderr)

    def test_verbose_names_every_file_and_connection(self):
        server = self.serve()
        self.write("tree/a", b"x")
        self.write("tree/b", noise(MIB))
        self.assertEqual(self.send(server, "tree/a").returncode, 0)
        done = self.send(server, "--verbose", "--into", "tree", "tree/a", "tree/b")
        said = done.stderr.splitlines()
        self.assertEqual(said[0], f"tcpsend: connected to 127.0.0.1:{server.port}")
        self.assertEqual(sorted(said[1:-1]), ["tcpsend: tree/a: delivered", "tcpsend: tree/b: delivered"])
        done = self.send(server, "--verbose", "tree/a")
        self.assertIn("tcpsend: tree/a: unchanged", done.stderr.splitlines())

    def test_standard_output_carries_nothing_but_data(self):
        self.write("file", b"x")
        for options in [], ["--verbose"], ["--progress", "always"]:
            self.assertEqual(self.send(self.serve(), *options, "file").stdout, "")

    def test_a_reader_that_leaves_does_not_end_a_transfer(self):
        server = self.serve()
        source = self.write("file", noise(MIB))
        read_end, write_end = os.pipe()
        os.close(read_end)
        for stream, options in ("stdout", ["--json"]), ("stderr", ["--verbose", "--progress", "always"]):
            with self.subTest(stream=stream):
                sender = self.start_sending(server, *options, source, **{stream: write_end})
                sender.communicate(timeout=60)
                self.assertEqual(sender.returncode, 0)
                self.assertEqual(self.delivered(), {"file": source.read_bytes()})
                (self.into / "file").unlink()
        os.close(write_end)


class Json(Case):
    def send_json(self, server, *arguments, **rest):
        done = self.send(server, "--json", *arguments, **rest)
        return done, [json.loads(line) for line in done.stdout.splitlines()]

    def assertMembers(self, event, *members):
        self.assertEqual(set(event), {"type", *members}, event)

    def test_a_run(self):
        server = self.serve("--max-file-size", "2M")
        for name, content in ("a", b"x"), ("b", noise(MIB)), ("c", noise(3 * MIB)):
            self.write("tree/" + name, content)
        os.symlink("a", self.dir / "tree/link")
        self.assertEqual(self.send(server, "tree/a", "--into", "tree").returncode, 0)
        done, events = self.send_json(server, "--links", "keep", "tree")
        self.assertEqual(done.returncode, 4)
        first, last = events[0], events[-1]
        self.assertEqual(first, {"type": "start", "host": "127.0.0.1", "port": server.port, "protocol": "native"})
        files = {event["path"]: event for event in events if event["type"] == "file"}
        self.assertEqual(set(files), {"tree", "tree/a", "tree/b", "tree/c", "tree/link"})
        for event in files.values():
            self.assertIn(event["status"], FILE_STATUSES)
            result = "error" if event["status"] == "failed" else "size"
            self.assertMembers(event, "kind", "path", "source", "status", result)
            self.assertEqual(event["source"], event["path"])
        self.assertEqual({path: (event["kind"], event["status"]) for path, event in files.items() if path != "tree"},
                         {"tree/a": ("file", "unchanged"), "tree/b": ("file", "delivered"),
                          "tree/c": ("file", "failed"), "tree/link": ("symlink", "delivered")})
        self.assertEqual(files["tree"]["kind"], "directory")
        self.assertEqual((files["tree/a"]["size"], files["tree/b"]["size"]), (1, MIB))
        self.assertEqual(files["tree/c"]["error"]["code"], "too_large")
        self.assertTrue(files["tree/c"]["error"]["text"])
        self.assertMembers(last, "files", "unchanged", "failed", "bytes", "bytes_sent", "seconds", "exit_code")
        self.assertEqual([last[name] for name in ("type", "files", "unchanged", "failed", "bytes", "exit_code")],
                         ["summary", 3, 1, 1, MIB + 1, 4])
        self.assertGreater(last["bytes_sent"], MIB)

    def test_standard_input_has_the_size_it_turned_out_to_have(self):
        _, events = self.send_json(self.serve(), "--name", "x", "-", input=noise(300_000))
        (event,) = [event for event in events if event["type"] == "file"]
        self.assertEqual((event["kind"], event["path"], event["source"], event["size"]), ("file", "x", "-", 300_000))

    def test_the_path_is_the_one_it_has_over_there(self):
        server = self.serve("--on-conflict", "keep-both")
        for content, path in (b"one", "new/file"), (b"two", "new/file.1"):
            self.write("file", content)
            _, events = self.send_json(server, "--into", "new", "file")
            self.assertEqual([event["path"] for event in events if event["type"] == "file"], [path])

    def test_a_source_that_is_missing(self):
        done, events = self.send_json(self.serve(), "missing", self.write("file", b"x"))
        self.assertEqual(done.returncode, 1)
        (failed,) = [event for event in events if event.get("status") == "failed"]
        self.assertEqual((failed["type"], failed["source"], failed["error"]["code"]),
                         ("file", "missing", "source_missing"))
        self.assertEqual((events[-1]["failed"], events[-1]["files"], events[-1]["exit_code"]), (1, 1, 1))

    def test_a_run_that_fails_as_a_whole(self):
        done, events = self.send_json(1, self.write("file"))
        self.assertEqual([event["type"] for event in events], ["start", "error", "summary"])
        self.assertEqual(events[1]["error"]["code"], "connect_failed")
        self.assertIn(events[1]["error"]["text"], done.stderr)
        self.assertEqual((done.returncode, events[-1]["exit_code"]), (3, 3))

    def test_a_run_ended_by_a_signal(self):
        sender = self.start_sending(self.serve(), "--json", "--limit-rate", "500K", self.write("file", noise(4 * MIB)))
        until(lambda: self.leftovers())
        sender.send_signal(signal.SIGTERM)
        events = [json.loads(line) for line in self.finish(sender).stdout.splitlines()]
        errors = [event["error"]["code"] for event in events if event["type"] == "error"]
        self.assertEqual((errors, events[-1]["type"], events[-1]["exit_code"]), (["cancelled"], "summary", 143))

    def test_progress_comes_at_most_twice_a_second(self):
        server = self.serve()
        self.write("a", noise(2 * MIB))
        self.write("b", b"x")
        sender = self.start_sending(server, "--json", "--limit-rate", "1M", "a", "b")
        began, times, events = time.monotonic(), [], []
        for line in sender.stdout:
            events.append(json.loads(line))
            if events[-1]["type"] == "progress":
                times.append(time.monotonic() - began)
        self.assertEqual(self.finish(sender).returncode, 0)
        progress = [event for event in events if event["type"] == "progress"]
        self.assertTrue(2 <= len(times) <= 2 * (time.monotonic() - began) + 1, times)
        self.assertMembers(progress[-1], "bytes", "bytes_sent", "files", "total_bytes", "total_files")
        self.assertEqual((progress[-1]["total_bytes"], progress[-1]["total_files"]), (2 * MIB + 1, 2))
        for name in "bytes", "bytes_sent", "files":
            values = [event[name] for event in progress]
            self.assertEqual(values, sorted(values))

    def test_a_dry_run(self):
        self.write("tree/file", b"12345")
        (self.dir / "tree/empty").mkdir()
        os.symlink("file", self.dir / "tree/link")
        done, events = self.send_json(1, "--dry-run", "--into", "x", "--links", "keep", "tree", "missing")
        self.assertEqual(done.returncode, 1)
        planned = {event["path"]: event for event in events if event.get("status") == "would_send"}
        self.assertEqual({path: event.get("kind") for path, event in planned.items()},
                         {"x/tree": "directory", "x/tree/empty": "directory", "x/tree/file": "file",
                          "x/tree/link": "symlink"})
        self.assertEqual((planned["x/tree/file"]["source"], planned["x/tree/file"]["size"]), ("tree/file", 5))
        failed = [event for event in events if event.get("status") == "failed"]
        self.assertEqual([(event["source"], event["error"]["code"]) for event in failed],
                         [("missing", "source_missing")])
        self.assertEqual((events[0]["type"], events[-1]["type"], events[-1]["exit_code"]), ("start", "summary", 1))

    def test_quiet_and_json_do_not_disturb_each_other(self):
        done, events = self.send_json(self.serve(), "--quiet", self.write("file", b"x"))
        self.assertEqual((done.stderr, events[-1]["exit_code"]), ("", 0))

    def test_the_receiver(self):
        server = self.serve("--json", "--max-file-size", "2M", "--log-level", "off")
        for name, content in ("a", b"x"), ("b", noise(MIB)), ("c", noise(3 * MIB)):
            self.write("tree/" + name, content)
        self.assertEqual(self.send(server, "tree").returncode, 4)
        self.assertEqual(self.send(server, "--protocol", "compat", "tree/a").returncode, 0)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log(), "")
        listening, *events = server.events()
        self.assertMembers(listening, "addresses", "port", "dir")
        self.assertEqual((listening["type"], listening["port"], listening["dir"]),
                         ("listening", server.port, str(self.into)))
        sessions = [event for event in events if event["type"] == "session"]
        for number, event in enumerate(sessions, 1):
            self.assertMembers(event, "session", "peer", "protocol")
            self.assertEqual(event["session"], number)
            self.assertRegex(event["peer"], r"^127\.0\.0\.1:\d+$")
        self.assertEqual([event["protocol"] for event in sessions], ["native", "compat"])
        files = {event["path"]: event for event in events if event["type"] == "file" and event["session"] == 1}
        self.assertEqual({path: event["status"] for path, event in files.items() if path != "tree"},
                         {"tree/a": "delivered", "tree/b": "delivered", "tree/c": "failed"})
        self.assertMembers(files["tree/b"], "session", "peer", "path", "size", "digest", "status")
        self.assertRegex(files["tree/b"]["digest"], "^[0-9a-f]{32}$")
        self.assertMembers(files["tree/c"], "session", "peer", "path", "code", "why", "status")
        self.assertEqual(files["tree/c"]["code"], "too_large")
        self.assertMembers(files["tree"], "session", "peer", "path", "size", "status")
        first, second = [event for event in events if event["type"] == "summary"]
        self.assertMembers(first, "session", "peer", "delivered", "failed", "bytes", "seconds")
        self.assertEqual((first["session"], first["delivered"], first["failed"]), (1, 3, 1))
        self.assertEqual((second["session"], second["delivered"], second["failed"]), (2, 1, 0))
        self.assertEqual(len(events), 2 + 5 + 2)

    def test_a_session_that_is_lost(self):
        server = self.serve("--json")
        sender = self.start_sending(server, "--limit-rate", "500K", self.write("file", noise(4 * MIB)))
        until(lambda: self.leftovers())
        sender.kill()
        event = until(lambda: [one for one in server.events() if one["type"] == "summary"])[0]
        self.assertMembers(event, "session", "peer", "delivered", "failed", "bytes", "seconds", "code", "why")
        self.assertEqual((event["code"], event["delivered"]), ("connection_lost", 0))


class ControlCharacters(Case):
    def setUp(self):
        super().setUp()
        for name in ODD_NAMES:
            self.write("tree/" + name, name.encode())

    def assertVisible(self, text):
        self.assertEqual(hidden(text), set(), text)

    def test_in_messages_lists_and_json_of_the_sender(self):
        server = self.serve("--on-conflict", "refuse")
        done = self.send(server, "--verbose", "tree")
        self.assertVisible(done.stderr)
        self.assertIn("tcpsend: tree/escape \\x1B[31m: delivered\n", done.stderr)
        self.assertIn("tcpsend: tree/new\\nline: delivered\n", done.stderr)
        self.assertEqual(set(self.delivered()), {"tree", *("tree/" + name for name in ODD_NAMES)})
        done = self.send(1, "--dry-run", "tree")
        self.assertVisible(done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), len(ODD_NAMES) + 1)
        done = self.send(server, "--json", "tree")
        self.assertVisible(done.stdout)
        done = self.send(1, "--json", "--dry-run", "tree")
        self.assertVisible(done.stdout)

    def test_in_errors(self):
        server = self.serve("--max-file-size", "0")
        done = self.send(server, "--json", "tree", "missing \x1b[31m\n\u202e")
        self.assertEqual(done.returncode, 1)
        self.assertVisible(done.stderr)
        self.assertVisible(done.stdout)
        self.assertIn("missing \\x1B[31m\\n", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), len(ODD_NAMES) + 1)
        self.assertVisible(server.log())

    def test_in_json_programs_find_the_names_as_they_are(self):
        server = self.serve("--json")
        done = self.send(server, "--json", "tree")
        wanted = {"tree/" + name for name in ODD_NAMES}
        for lines in done.stdout.splitlines(), server.output().splitlines():
            events = [json.loads(line) for line in lines]
            self.assertEqual({event["path"] for event in events if event["type"] == "file"} - {"tree"}, wanted)

    def test_in_the_log_of_the_receiver(self):
        for log_format in "text", "json":
            with self.subTest(log_format=log_format):
                server = self.serve("--log-level", "debug", "--log-format", log_format)
                self.assertEqual(self.send(server, "tree").returncode, 0)
                self.assertEqual(server.stop(), 0)
                self.assertIn("csi", server.log())
                self.assertVisible(server.log())

    def test_in_the_json_of_the_receiver(self):
        server = self.serve("--json")
        self.assertEqual(self.send(server, "tree").returncode, 0)
        self.assertEqual(server.stop(), 0)
        self.assertVisible(server.output())

    def test_in_what_a_receiver_says(self):
        def refuse(connection):
            connection.recv(8)
            text = "no \x1b[31m\n\u202e".encode()
            connection.sendall(bytes([0x0F, 0, 0, 0]) + (2 + len(text)).to_bytes(4, "big") + b"\0\3" + text)
            while connection.recv(4096):
                pass

        for port in self.peer(refuse), self.peer(lambda connection: connection.sendall(b"\x1b[31m\n") or
                                                 connection.recv(100)):
            for protocol in "native", "compat":
                done = self.send(port, "--json", "--retry-for", "0", "--protocol", protocol, self.write("f", b"x"))
                self.assertGreater(done.returncode, 0)
                self.assertVisible(done.stderr)
                self.assertVisible(done.stdout)
                self.assertOneLine(done.stderr)

    def test_in_wrong_arguments(self):
        odd = "\x1b[31m\n\u202e"
        source = self.write("file")
        for arguments in [odd], ["--" + odd], ["--host", odd, source], ["--host", "h", "--port", odd, source], \
                         ["--host", "h", "--links", odd, source], ["--host", "h", "--into", odd + "/..", source], \
                         ["--host", "h", "--name", "/" + odd, source], ["serve", "--dir", odd], \
                         ["serve", "--dir", self.into, "--bind", odd], ["serve", "--dir", self.into, "--port", odd], \
                         ["serve", "--dir", self.into, odd]:
            with self.subTest(arguments=arguments):
                done = self.run_tcpsend(*arguments)
                self.assertGreater(done.returncode, 0)
                self.assertVisible(done.stderr)
                self.assertOneLine(done.stderr)


if __name__ == "__main__":
    main()
