"""The chat protocols as docs/chat-protocol.md has them: enough to be a client that keeps to them, or does not."""

import collections
import json
import re
import socket
import struct

from harness import PATIENCE

HELP = [
    "* /nick NAME        be called NAME",
    "* /join ROOM        leave the room, be in another",
    "* /msg NAME TEXT    say something to one alone",
    "* /who              who is in the room",
    "* /kick NAME [WHY]  end a session, as admins may",
    "* /ban NAME         end an address's sessions, and let no further one in, as admins may",
    "* /help             these lines",
    "* /quit             end",
    "* //TEXT            say a text that begins with /",
]
LAST_OF_HELP = HELP[-1]


class Peer:
    """One end of a connection: writes what it is given, reads lines. Every wait has a deadline."""

    def __init__(self, server, say=b"", address="127.0.0.1", source=None, receive_buffer=None):
        """Connects to a server (or a port) on this machine, from `source` if that is given."""
        port = getattr(server, "port", server)
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address, port))
        host, port = self.socket.getsockname()[:2]
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"  # as the server has it
        self.unread = b""
        self.is_over = False
        self.say(say)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def end(self):
        """No more is said; the other side may say on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def say(self, data):
        """Writes bytes or text as they are; False if the other side has closed."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
            return True
        except ConnectionError:
            return False

    def more(self):
        """Reads what comes next into .unread; False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        self.unread += data
        self.is_over = not data
        return not self.is_over

    def line(self):
        """The next line without its end, text; None at the end of the connection."""
        while b"\n" not in self.unread:
            if not self.more():
                return None
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def bytes_until(self, end):
        """All that comes, to the end of the connection or until it ends with `end`."""
        while not self.unread.endswith(end):
            if not self.more():
                break
        taken, self.unread = self.unread, b""
        return taken

    def rest(self):
        """All that comes to the end of the connection, bytes."""
        while self.more():
            pass
        taken, self.unread = self.unread, b""
        return taken


class PlainPeer(Peer):
    """One that speaks lines of text, if it speaks at all."""

    @classmethod
    def settled(cls, server, nick=None, **rest):
        """One that is known as plain already, in the lobby."""
        peer = cls(server, "\n", **rest)
        peer.settle()
        if nick:
            peer.call(nick)
        return peer

    def settle(self):
        """Waits until everything it said so far has been dealt with; the lines that came meanwhile."""
        self.say("/help\n")
        passed = []
        while (line := self.line()) != LAST_OF_HELP:
            assert line is not None, f"the session ended after {passed}"
            if line not in HELP:
                passed.append(line)
        return passed

    def call(self, nick):
        self.say(f"/nick {nick}\n")
        assert self.line() == f"* you are called {nick}"

    def texts(self, count):
        """The next so many texts of others, without who said them and without lines of the server."""
        found = []
        while len(found) < count:
            line = self.line()
            assert line is not None, f"the connection ended after {found}"
            if said := re.fullmatch(r"\[[^]]+(?:\]:\d+)?\] (.*)", line):
                found.append(said[1])
        return found


class StructuredPeer(Peer):
    """One that speaks JSON."""

    @classmethod
    def greeted(cls, server, nick=None, room="lobby", greeting=None, **rest):
        """One that has been welcomed, and has joined its room unless that is None; .welcome and .joined say how."""
        peer = cls(server, **rest)
        hello = {"tcpchat": 1, "nick": nick, "room": room, "presence": False, **(greeting or {})}
        peer.tell(**{name: value for name, value in hello.items() if value is not None})
        peer.welcome = peer.next_of("welcome")
        peer.joined = peer.next_of("joined") if room else None
        return peer

    def tell(self, **members):
        return self.say(json.dumps(members) + "\n")

    def __init__(self, *rest, **options):
        self.passed = collections.deque()  # what came before the answer to a request
        super().__init__(*rest, **options)

    def next(self):
        """The next line as an object; None at the end of the connection."""
        return self.passed.popleft() if self.passed else self.newest()

    def newest(self):
        line = self.line()
        return None if line is None else json.loads(line)

    def next_of(self, *types):
        """The next object of one of these types; others are passed over."""
        while True:
            got = self.next()
            if got is None:
                raise AssertionError(f"the connection ended without {types}")
            if got["type"] in types:
                return got

    def ask(self, type, **members):
        """A request and what answers it, be it an error; what comes in between is still to be read."""
        answers = {"send": "ack", "join": "joined", "leave": "left", "nick": "nick", "ping": "pong", "quit": "bye"}
        self.tell(type=type, tag="asked", **members)
        while (got := self.newest()) is not None:
            if got["type"] in (answers[type], "error") and (got.get("tag") == "asked" or type == "quit"):
                return got
            self.passed.append(got)
        raise AssertionError("the connection ended without an answer")

    def send(self, text, **members):
        return self.ask("send", text=text, **members)

    def gather(self, type, **members):
        """A request that is answered by several lines: the lines, and the end. What else there is is passed over."""
        self.tell(type="ping", tag="gather")
        while self.next_of("pong").get("tag") != "gather":
            pass
        self.tell(type=type, tag="gathered", **members)
        found = []
        while (got := self.next_of("message", "member", "end", "error"))["type"] in ("message", "member"):
            found.append(got)
        return found, got

    def texts(self, count):
        return [self.next_of("message")["text"] for _ in range(count)]

    def messages(self, count):
        return [self.next_of("message") for _ in range(count)]

    def everything(self):
        """All objects to the end of the connection."""
        return list(iter(self.next, None))
