"""Stands between a terminal and a program as a shell does.

job_control.py foreground|background COMMAND...: the terminal on standard input becomes that of a new session, and COMMAND
runs there. Tells on descriptor 3 `stopped`, followed by `echo` or `silent` as the terminal is left, and at the end `ended`, that
again, and the exit code. Obeys on descriptor 4: `foreground`, `background` (continue there), `take` (the terminal, as it
goes on), `give` (it back).
"""

import fcntl
import os
import select
import signal
import sys
import termios


def main():
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    usual = termios.tcgetattr(0)
    gate, opener = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(opener)
        os.read(gate, 1)  # until it has the terminal
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.closerange(3, 5)
        os.execv(sys.argv[2], sys.argv[2:])
    os.close(gate)
    try:
        os.setpgid(child, child)
    except PermissionError:
        pass
    if sys.argv[1] == "foreground":
        os.tcsetpgrp(0, child)
    os.close(opener)

    ends, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)

    def tell(what):
        mode = termios.tcgetattr(0)
        echo = mode[3] & termios.ECHO and mode[3] & termios.ICANON
        os.write(3, f"{what} {'echo' if echo else 'silent'}\n".encode())

    while True:
        done, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(status):
            tell("stopped")
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSANOW, usual)
        elif done:
            tell(f"ended {os.waitstatus_to_exitcode(status)}")
            return
        ready, _, _ = select.select([ends, 4], [], [])
        if ends in ready:
            os.read(ends, 100)
        if 4 in ready:
            for command in os.read(4, 100).decode().split():
                if command in ("foreground", "give"):
                    os.tcsetpgrp(0, child)
                if command == "take":
                    os.tcsetpgrp(0, os.getpgrp())
                    termios.tcsetattr(0, termios.TCSANOW, usual)
                if command in ("foreground", "background"):
                    os.killpg(child, signal.SIGCONT)


main()
