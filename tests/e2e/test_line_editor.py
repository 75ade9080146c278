"""Typing on a terminal while lines come in, and the same without a terminal, by a program that does nothing else."""
# ctest: asan

import contextlib
import difflib
import fcntl
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

from harness import BIN_DIR, PATIENCE, Case, main, until
from screen import Screen

DRIVER = str(BIN_DIR / "line_editor_driver")
JOB_CONTROL = str(pathlib.Path(__file__).parent / "job_control.py")
UP, DOWN, LEFT = "\x1b[A", "\x1b[B", "\x1b[D"


def control(letter):
    return chr(ord(letter) & 0x1F)


class Collector:
    """What arrives at a descriptor, in a thread."""

    def __init__(self, descriptor, into):
        self.thread = threading.Thread(target=self.collect, args=[descriptor, into], daemon=True)
        self.thread.start()

    def collect(self, descriptor, into):
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, 65536):
                into(data)


class Driver:
    """The driver on a terminal of its own. What it shows is on .screen, what it tells in .told()."""

    def __init__(self, case, *options, width=80, height=24, wraps_anew=True, reads=True, background=False,
                 **environment):
        self.screen = Screen(width, height, wraps_anew)
        self.bytes = b""
        self.telling = b""
        self.lock = threading.Lock()
        self.main, self.end = pty.openpty()
        self.set_size(width)
        self.mode = termios.tcgetattr(self.end)
        commands, self.commands = os.pipe()
        told, telling = os.pipe()
        states, state = os.pipe()
        orders, self.orders = os.pipe()

        def descriptors():
            copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 20) for descriptor in (state, orders, commands)]
            for number, copy in zip((3, 4, 7), copies):
                os.dup2(copy, number)
                os.close(copy)

        self.process = subprocess.Popen(
            [sys.executable, JOB_CONTROL, "background" if background else "foreground", DRIVER, "7", *options],
            stdin=self.end, stdout=self.end, stderr=telling, close_fds=False, preexec_fn=descriptors, cwd=case.dir,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment})
        for descriptor in commands, telling, state, orders:
            os.close(descriptor)
        self.reading = told, states
        self.states = b""
        self.collectors = [Collector(told, self.tell), Collector(states, self.state)]
        if reads:
            self.start_reading()
        case.addCleanup(self.close)

    def start_reading(self):
        self.collectors.append(Collector(self.main, self.show))

    def close(self):
        self.process.kill()  # the terminal hangs up
        self.process.wait()
        os.close(self.end)
        for collector in self.collectors:
            collector.thread.join(PATIENCE)
        for descriptor in self.main, self.commands, self.orders, *self.reading:
            os.close(descriptor)

    def set_size(self, width):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", self.screen.height, width, 0, 0))

    def resize(self, width):
        """Returns when the driver has drawn its input anew: what was on its way would be for the old size."""
        with self.lock:
            before = len(self.bytes)
            self.screen.resize(width)
            self.set_size(width)
        until(lambda: len(self.bytes) > before)

    def show(self, data):
        with self.lock:
            self.bytes += data
            self.screen.write(data)

    def tell(self, data):
        self.telling += data

    def state(self, data):
        self.states += data

    def told(self):
        return self.telling.decode(errors="replace").splitlines()

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.main, data):]

    def command(self, *words):
        os.write(self.commands, (" ".join(words) + "\n").encode())

    def hold(self):
        """From then on no line is asked for but the one that is being waited for."""
        self.command("hold")
        self.tells("held")

    def pid(self):
        """The driver's own."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text())

    def takes_interrupts(self):
        """Whether Ctrl-C is a signal."""
        return termios.tcgetattr(self.end)[6][termios.VINTR] == self.mode[6][termios.VINTR]

    def order(self, word):
        os.write(self.orders, word.encode() + b"\n")

    def shows(self, *rows, cursor=None):
        """Waits until this is what is on the screen."""

        def is_so():
            with self.lock:
                return self.screen.text() == list(rows) and cursor in (None, self.screen.cursor())

        try:
            until(is_so, patience=10)
        except AssertionError:
            with self.lock:
                shown = "\n".join(self.screen.text())
                raise AssertionError(f"cursor at {self.screen.cursor()} of the screen\n{shown}\n"
                                     f"rather than {cursor} of\n" + "\n".join(rows)) from None

    def has_shown(self, *rows):
        """Waits until this is on the screen and above it."""

        def everything():
            with self.lock:
                return self.screen.everything()

        with contextlib.suppress(AssertionError):
            return until(lambda: everything() == list(rows), patience=20)
        raise AssertionError("\n".join(difflib.unified_diff(rows, everything(), "wanted", "shown", lineterm="")))

    def tells(self, *lines):
        until(lambda: self.told()[-len(lines):] == list(lines), patience=20, what=f"{lines}, but {self.told()[-5:]},")

    def reaches(self, state):
        until(lambda: self.states.decode().splitlines()[-1:] == [state], what=f"{state}, but {self.states},")


class Typing(Case):
    def start(self, *options, **rest):
        driver = Driver(self, *options, **rest)
        driver.shows(">", cursor=(0, 2))
        return driver

    def test_lines_are_edited_and_entered(self):
        driver = self.start()
        driver.type("helo wörld")
        driver.type(control("A") + 3 * "\x1b[C" + "l")
        driver.shows("> hello wörld", cursor=(0, 6))
        driver.type("\r")
        driver.shows("> hello wörld", ">", cursor=(1, 2))
        driver.tells("line hello wörld")

    def test_what_comes_in_appears_above_what_is_typed(self):
        driver = self.start()
        driver.type("unfinished" + 4 * LEFT)
        driver.shows("> unfinished", cursor=(0, 8))
        driver.command("print", "one")
        driver.shows("one", "> unfinished", cursor=(1, 8))
        driver.command("print", "two")
        driver.type("X")
        driver.shows("one", "two", "> unfiniXshed", cursor=(2, 9))

    def test_an_input_of_several_rows_with_wide_and_combining_characters(self):
        driver = self.start(width=20, height=12)
        driver.type("a long line, e\u0301 and 照片 and 字字字字字字字字字字字 end")
        rows = ["> a long line, e\u0301 and", " 照片 and 字字字字字", "字字字字字字 end"]
        driver.shows(*rows, cursor=(2, 16))
        driver.command("print", "a message of more than twenty columns")
        driver.shows("a message of more th", "an twenty columns", *rows, cursor=(4, 16))
        driver.type(control("A") + "漢")
        rows = ["> 漢a long line, e\u0301 a", "nd 照片 and 字字字字", "字字字字字字字 end"]
        driver.shows("a message of more th", "an twenty columns", *rows, cursor=(2, 4))
        for number in range(20):
            driver.command("print", f"message {number}")
        driver.shows(*(f"message {number}" for number in range(11, 20)), *rows, cursor=(9, 4))
        driver.type("\r")
        driver.tells("line 漢a long line, e\u0301 and 照片 and 字字字字字字字字字字字 end")
        driver.shows(*(f"message {number}" for number in range(12, 20)), *rows, ">")

    def test_each_letter_typed_alone_ends_up_in_its_place(self):
        driver = self.start(width=10)
        text = "abcdefghij 漢字漢字e\u0301e\u0301xyz\u0301\u0301 1234567"
        for letter in text:
            driver.type(letter)
            time.sleep(0.002)
        driver.shows("> abcdefgh", "ij 漢字漢", "字e\u0301e\u0301xyz\u0301\u0301 12", "34567", cursor=(3, 5))

    def test_the_terminal_is_resized(self):
        driver = self.start(width=40)
        driver.command("print", "before")
        driver.type("a line that is longer than forty columns, with 照片 in it")
        driver.shows("before", "> a line that is longer than forty colum", "ns, with 照片 in it", cursor=(2, 19))
        driver.resize(25)
        driver.shows("before", "> a line that is longer t", "han forty columns, with", "照片 in it", cursor=(3, 10))
        driver.resize(80)
        driver.shows("before", "> a line that is longer than forty columns, with 照片 in it", cursor=(1, 59))
        driver.command("print", "after")
        driver.shows("before", "after", "> a line that is longer than forty columns, with 照片 in it", cursor=(2, 59))
        driver.resize(15)
        driver.type(control("A"))
        driver.shows("before", "after", "> a line that i", "s longer than f", "orty columns, w", "ith 照片 in it", cursor=(2, 2))

    def test_a_terminal_that_does_not_wrap_anew_when_resized(self):
        driver = self.start(width=40, wraps_anew=False)
        for number in range(3):
            driver.command("print", f"message {number}")
        driver.type("short")
        driver.shows("message 0", "message 1", "message 2", "> short")
        driver.resize(20)
        driver.resize(60)
        driver.type("er")
        driver.shows("message 0", "message 1", "message 2", "> shorter", cursor=(3, 9))

    def test_the_prompt_changes(self):
        driver = self.start()
        driver.type("text")
        driver.command("prompt", "(connecting) ")
        driver.shows("(connecting) text", cursor=(0, 17))
        driver.command("prompt", "#照片> ")
        driver.shows("#照片> text", cursor=(0, 11))

    def test_history_and_search(self):
        driver = self.start()
        driver.type("first one\rsecond one\rthird\rdraft")
        entered = ["> first one", "> second one", "> third"]
        driver.shows(*entered, "> draft")
        driver.type(UP + UP)
        driver.shows(*entered, "> second one", cursor=(3, 12))
        driver.type(DOWN + DOWN)
        driver.shows(*entered, "> draft", cursor=(3, 7))
        driver.type(control("R") + "one")
        driver.shows(*entered, "(search: one) second one", cursor=(3, 21))
        driver.command("print", "message")
        entered.append("message")
        driver.shows(*entered, "(search: one) second one", cursor=(4, 21))
        driver.type(control("R"))
        driver.shows(*entered, "(search: one) first one", cursor=(4, 20))
        driver.type("x")
        driver.shows(*entered, "(not found: onex) first one")
        driver.type(control("G"))
        driver.shows(*entered, "> draft")
        driver.type(control("R") + "first\r")
        driver.tells("line first one")
        driver.shows(*entered, "> first one", ">")

    def test_interrupt_clears_the_line_and_then_tells_the_owner(self):
        driver = self.start()
        driver.type("text" + control("C"))
        driver.shows(">", cursor=(0, 2))
        driver.type("more")
        driver.shows("> more")
        driver.type(control("C") + control("C"))
        driver.tells("interrupt", "end cancelled", "over")
        driver.reaches("ended 0 echo")
        driver.shows()

    def test_end_of_input_on_an_empty_line_only(self):
        driver = self.start()
        driver.type("text" + control("A") + control("D"))
        driver.shows("> ext")
        driver.type(control("E") + control("D") + control("C") + control("D"))
        driver.tells("end end of input", "over")
        driver.reaches("ended 0 echo")
        self.assertEqual(termios.tcgetattr(driver.end), driver.mode)

    def test_the_mode_is_restored_after_a_signal(self):
        driver = self.start()
        driver.type("text")
        driver.shows("> text")
        self.assertNotEqual(termios.tcgetattr(driver.end), driver.mode)
        os.kill(driver.pid(), signal.SIGTERM)
        driver.tells("signal", "end cancelled", "over")
        driver.reaches("ended 0 echo")
        self.assertEqual(termios.tcgetattr(driver.end), driver.mode)
        driver.shows()

    def test_suspended_and_continued(self):
        driver = self.start()
        driver.command("print", "message")
        driver.type("unfinished")
        driver.shows("message", "> unfinished")
        driver.type(control("Z"))
        driver.reaches("stopped echo")
        driver.shows("message")
        os.write(driver.end, b"the shell\n")
        driver.order("foreground")
        driver.shows("message", "the shell", "> unfinished", cursor=(2, 12))
        driver.type(" line\r")
        driver.tells("line unfinished line")

    def test_stopped_from_outside_and_continued(self):
        driver = self.start()
        driver.type("unfinished")
        driver.shows("> unfinished")
        os.kill(driver.pid(), signal.SIGSTOP)
        driver.reaches("stopped silent")
        os.write(driver.end, b"\r\nthe shell\n")
        driver.order("foreground")
        driver.shows("> unfinished", "the shell", "> unfinished", cursor=(2, 12))
        driver.type(" line\r")
        driver.tells("line unfinished line")

    def test_in_the_background_lines_are_printed_and_nothing_is_read(self):
        driver = self.start()
        driver.type("unfinished" + control("Z"))
        driver.reaches("stopped echo")
        driver.order("background")
        driver.command("print", "message")
        driver.shows("message")
        driver.type("for the shell\n")
        driver.shows("message", "for the shell")
        driver.command("print", "another")
        driver.shows("message", "for the shell", "another")
        self.assertEqual(os.read(driver.end, 100), b"for the shell\n")
        driver.order("give")  # without a signal
        driver.shows("message", "for the shell", "another", "> unfinished")
        driver.type("\r")
        driver.tells("line unfinished")

    def test_the_terminal_is_taken_away_and_given_back(self):
        driver = self.start()
        driver.command("print", "message")
        driver.shows("message", ">")
        driver.order("take")
        until(lambda: termios.tcgetattr(driver.end) == driver.mode)
        os.write(driver.end, b"\r\nthe shell\n")
        driver.command("print", "another")
        driver.shows("message", ">", "the shell", "another", cursor=(4, 0))
        driver.order("give")
        driver.shows("message", ">", "the shell", "another", ">")
        driver.type("text\r")
        driver.tells("line text")

    def test_started_in_the_background(self):
        driver = Driver(self, background=True)
        driver.command("print", "message")
        driver.shows("message", cursor=(1, 0))
        self.assertEqual(termios.tcgetattr(driver.end), driver.mode)
        driver.order("give")
        driver.shows("message", ">")
        driver.type("text\r")
        driver.tells("line text")
        self.assertNotIn(b"stopped", driver.states)

    def test_the_terminal_hangs_up(self):
        driver = self.start()
        pid = driver.pid()
        driver.process.kill()  # with the leader of the session, the terminal goes
        until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), what="the end")

    def test_a_paste_of_many_lines(self):
        driver = self.start()
        lines = [f"line {number} " + "x" * (number % 100) for number in range(3000)]
        driver.type("".join(line + "\r" for line in lines))
        until(lambda: len(driver.told()) >= 3000)
        self.assertEqual(driver.told(), ["line " + line for line in lines])

    def test_a_paste_of_one_long_line(self):
        driver = self.start()
        line = "".join(f"<{number}>" for number in range(8000))
        driver.type(line + "\r")
        driver.tells("line " + line)

    def test_while_nobody_asks_for_lines_keys_are_handled(self):
        driver = self.start()
        driver.hold()
        driver.type("first\rnext\rtext")
        driver.shows("> first", "> next", "> text")
        self.assertEqual(driver.told(), ["held", "line first"])
        driver.type(control("C") + control("C"))
        driver.tells("interrupt")

    def test_when_too_many_lines_wait_no_more_is_read_and_interrupt_is_a_signal(self):
        driver = self.start()
        driver.hold()
        self.assertFalse(driver.takes_interrupts())
        typing = threading.Thread(target=driver.type, args=["".join(f"{number}\r" for number in range(20_000))], daemon=True)
        typing.start()
        until(driver.takes_interrupts)
        self.assertLessEqual(len(driver.told()), 2)
        self.assertTrue(typing.is_alive())
        driver.command("go")
        until(lambda: driver.told()[-1:] == ["line 19999"])
        typing.join(PATIENCE)
        self.assertEqual(driver.told()[1:], [f"line {number}" for number in range(20_000)])
        until(lambda: not driver.takes_interrupts())

    def test_interrupt_as_a_signal(self):
        driver = self.start()
        driver.hold()
        driver.type(1030 * "x\r")
        until(driver.takes_interrupts)
        driver.type(control("C"))
        driver.tells("signal")

    def test_control_characters_that_are_typed_do_nothing(self):
        driver = self.start()
        driver.type("a\x00\x0f\x16\x18\x1d\x1e\x1f\x1b[31mb\x1b[200~c\x1b[5~\x1bOPd\u009be\r")
        driver.tells("line abcde")
        driver.shows("> abcde", ">")

    def test_any_locale_will_do(self):
        for locale in "C", "POSIX", "no_SUCH.locale", "":
            with self.subTest(locale=locale):
                driver = self.start(LC_ALL=locale, LANG="")
                driver.type("ä漢\x1bbx" + control("E") + "y\r")
                driver.tells("line xä漢y")
                driver.type(control("D"))

    def test_what_was_entered_can_vanish(self):
        driver = self.start("--hide", width=10)
        driver.type("more than one row\r")
        driver.tells("line more than one row")
        driver.shows(">", cursor=(0, 2))

    def test_clear_screen(self):
        driver = self.start()
        driver.command("print", "message")
        driver.type("text")
        driver.shows("message", "> text")
        driver.type(control("L"))
        driver.shows("> text", cursor=(0, 6))

    def test_many_messages_do_not_disturb_what_is_typed(self):
        driver = self.start(width=30)
        typed = ""
        for number in range(40):
            typed += "abcdefgh 漢"[number % 10]
            driver.type(typed[-1])
            driver.command("flood", "20")
        flood = 40 * [f"flood {number}" for number in range(20)]
        driver.has_shown(*flood, "> " + typed[:26], typed[26:])
        driver.type("\r")
        driver.tells("line " + typed)
        driver.has_shown(*flood, "> " + typed[:26], typed[26:], ">")


class SlowTerminal(Case):
    def test_a_console_does_not_wait_for_its_terminal(self):
        driver = Driver(self, "--never-wait", reads=False)
        driver.command("flood", "200000")
        driver.tells("flooded")
        driver.type("typed\r")
        driver.tells("flooded", "line typed")
        driver.type("more")
        driver.start_reading()
        until(lambda: driver.screen.text()[-1:] == ["> more"])
        driver.command("print", "after")
        until(lambda: driver.screen.text()[-2:] == ["after", "> more"])
        rows = driver.screen.text()
        self.assertEqual(rows[-2], "after")
        self.assertRegex(rows[-3], r"^\* [0-9]+ lines are not shown: the output was not read$")
        dropped = int(rows[-3].split()[1])
        self.assertEqual(rows[-4], f"flood {200_000 - dropped - 1}")
        self.assertGreater(len(driver.bytes), 1_000_000)


class WithoutTerminal(Case):
    def drive(self, *options, stdin, stdout=subprocess.PIPE, **environment):
        commands, self.commands = os.pipe()
        process = subprocess.Popen([DRIVER, str(commands), *options], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                                   pass_fds=[commands], cwd=self.dir, env={**os.environ, **environment})
        os.close(commands)
        self.addCleanup(os.close, self.commands)

        def end():
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def told(self, process):
        _, told = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, told)
        return told.decode().splitlines()

    def test_lines_of_a_pipe_a_file_and_nothing(self):
        file = self.write("file", b"one\r\ntwo\nthree")
        wanted = ["line one", "line two", "line three", "end end of input", "over"]
        with open(file, "rb") as content:
            self.assertEqual(self.told(self.drive(stdin=content)), wanted)
        process = self.drive(stdin=subprocess.PIPE)
        process.stdin.write(file.read_bytes())
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.told(process), wanted)
        self.assertEqual(self.told(self.drive(stdin=subprocess.DEVNULL)), wanted[-2:])

    def test_what_is_printed_is_there_at_once_and_nothing_else(self):
        process = self.drive(stdin=subprocess.PIPE)
        for text in "one", "zwei ä":
            os.write(self.commands, f"prompt x\nprint {text}\n".encode())
            self.assertEqual(process.stdout.readline().decode(), text + "\n")
        process.stdin.close()
        process.stdin = None
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(out, b"")

    def test_lines_are_read_as_they_are_asked_for(self):
        process = self.drive(stdin=subprocess.PIPE)
        os.write(self.commands, b"hold\nprint held\n")
        self.assertEqual(process.stdout.readline(), b"held\n")
        os.set_blocking(process.stdin.fileno(), False)
        written = 0
        with contextlib.suppress(BlockingIOError):
            while written < 1 << 20:
                written += os.write(process.stdin.fileno(), b"line\n" * 100)
                time.sleep(0.001)
        self.assertLess(written, 200_000)
        os.write(self.commands, b"go\n")
        os.set_blocking(process.stdin.fileno(), True)
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.told(process).count("line line"), written // 5)

    def test_the_mode_of_the_descriptors_stays_as_it_was(self):
        stdin, writing = os.pipe()
        reading, stdout = os.pipe()
        flags = [fcntl.fcntl(one, fcntl.F_GETFL) for one in (stdin, stdout)]
        for option in "", "--never-wait":
            process = self.drive(option, stdin=stdin, stdout=stdout)
            os.write(self.commands, b"print one\n")
            self.assertEqual(os.read(reading, 100), b"one\n")
            self.assertEqual([fcntl.fcntl(one, fcntl.F_GETFL) for one in (stdin, stdout)], flags)
            process.kill()
            process.wait()
            self.assertEqual([fcntl.fcntl(one, fcntl.F_GETFL) for one in (stdin, stdout)], flags)
        for one in stdin, writing, reading, stdout:
            os.close(one)

    def test_a_reader_that_has_gone_is_told_to_the_owner(self):
        for option in "", "--never-wait":
            stdin, writing = os.pipe()
            process = self.drive(option, stdin=stdin)
            process.stdout.close()
            process.stdout = None
            os.write(self.commands, b"print one\nprint two\n")
            self.assertEqual(self.told(process), ["nobody reads the output any more: Broken pipe", "end cancelled", "over"])
            os.close(stdin)
            os.close(writing)

    def test_a_console_does_not_wait_for_a_pipe(self):
        process = self.drive("--never-wait", stdin=subprocess.PIPE)
        os.write(self.commands, b"flood 200000\n")
        self.assertEqual(process.stderr.readline(), b"flooded\n")
        process.stdin.close()
        process.stdin = None
        lines = process.stdout.read().decode().splitlines()
        self.assertRegex(lines[-1], r"^\* [0-9]+ lines are not shown: the output was not read$")
        self.assertEqual(lines[:-1], [f"flood {number}" for number in range(200_000 - int(lines[-1].split()[1]))])

    def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(self):
        driver = Driver(self, TERM="dumb")
        driver.command("print", "message")
        driver.shows("message")
        driver.type("typed\n")
        driver.tells("line typed")
        self.assertNotIn(b"\x1b", driver.bytes)


if __name__ == "__main__":
    main()
