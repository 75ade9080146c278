"""Keys, certificates, and servers that want them."""

import base64
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from harness import PATIENCE, Case, until

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/security.md"


def key_line(name, *rights):
    """A fresh key as keygen prints it, with rights behind it."""
    return " ".join([f"{name}:{base64.b64encode(os.urandom(32)).decode()}", *rights])


def failregex():
    """The filter that the document gives for fail2ban; what it takes for the address is called that."""
    (line,) = re.findall(r"^    failregex = (.+)$", DOCUMENT.read_text(), re.M)
    return re.compile(line.replace("<ADDR>", r"(?P<address>[0-9a-fA-F:.]+)"), re.M)


def alert():
    """What somebody who does not speak TLS is told."""
    return b"\x15\x03\x03\x00\x02\x02\x28"


class Certificates:
    """An authority, and what it has signed; PEM files, made by the openssl command."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tcptools-ca-")
        self.dir = pathlib.Path(self._folder.name)
        self.ca = self.make("ca", "/CN=an authority")

    def make(self, name, subject, *options):
        key, certificate = self.dir / f"{name}.key", self.dir / f"{name}.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", subject, "-keyout", key, "-out", certificate, *options)
        key.chmod(0o600)
        return certificate, key

    def sign(self, name, subject, *extensions):
        """A certificate of the authority and its key; extensions as in subjectAltName=DNS:localhost."""
        added = [word for one in ("basicConstraints=critical,CA:FALSE", *extensions) for word in ("-addext", one)]
        return self.make(name, subject, "-CA", self.ca[0], "-CAkey", self.ca[1], *added)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)

    def remove(self):
        self._folder.cleanup()


class SecurityCase(Case):
    def key_file(self, name, *lines, mode=0o600):
        """A key file of these lines, written whole or not at all; without any, of one fresh key."""
        path = self.dir / name
        fresh = self.dir / (name + ".new")
        fresh.write_text("\n".join(lines or [key_line(name)]) + "\n")
        fresh.chmod(mode)
        fresh.rename(path)
        return path

    def reload(self, server):
        """Sends SIGHUP and waits until the log says how that went: the new part of the log."""
        until(lambda: "listening" in server.log())  # it has said already what it read first
        before = len(server.log())
        server.signal(signal.SIGHUP)
        return until(lambda: re.search(r"(certificate|keys) (not )?read", server.log()[before:])
                     and server.log()[before:], what="a line about keys")

    def refusals(self, server):
        return re.findall(r"not let in (.+)", server.log())

    def refusal(self, server, count=1):
        """The last line about somebody who was not let in, when there are so many."""
        return until(lambda: len(self.refusals(server)) >= count and self.refusals(server)[-1], what="a refusal")
