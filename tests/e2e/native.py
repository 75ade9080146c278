"""The native protocol as docs/protocol.md has it: enough to be a sender or a receiver that keeps to it, or does not."""

import ctypes
import os
import socket
import struct
import time
from typing import NamedTuple

from harness import PATIENCE

PREFACE = b"\x89TSND\r\n\x1a"

HELLO, OFFER, BLOCK, HOLE, KEEP, FINISH, CANCEL, BYE, ERROR = 1, 2, 3, 4, 5, 6, 7, 0x0E, 0x0F
WELCOME, ACCEPT, HAVE, NEED, DELIVERED, REFUSE, PROGRESS = 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27
FROM_SENDER = {HELLO, OFFER, BLOCK, HOLE, KEEP, FINISH, CANCEL, BYE, ERROR}
FROM_RECEIVER = {WELCOME, ACCEPT, HAVE, NEED, DELIVERED, REFUSE, PROGRESS, BYE, ERROR}

# The least and the greatest payload of each type.
PAYLOADS = {
    HELLO: (20, 4096), OFFER: (39, 71_680), BLOCK: (29, 16_777_244), HOLE: (20, 20), KEEP: (20, 20), FINISH: (28, 28),
    CANCEL: (6, 518), BYE: (0, 0), ERROR: (2, 514), WELCOME: (18, 4096), ACCEPT: (12, 12), HAVE: (16, 65_552),
    NEED: (20, 20), DELIVERED: (4, 4100), REFUSE: (6, 518), PROGRESS: (12, 12),
}

FILE, DIRECTORY, LINK, STREAM = 1, 2, 3, 4
INLINE, PROMISED, BY_TIME = 1, 2, 4
PRESENT, UNCHANGED, COMPRESSED = 1, 1, 1
ZSTD = bytes.fromhex("0001 0001 01")  # the extension of HELLO and WELCOME
QUICK_CHECK = bytes.fromhex("0003 0000")  # likewise
UNKNOWN_SIZE = 2**64 - 1
SMALLEST = 65_536  # bytes of a block
LARGEST = 1 << 24

VIOLATION, VERSION, REFUSED, BUSY, NAME, CONFLICT, TOO_LARGE, NOT_VERIFIED = range(1, 9)
FULL, READ_ONLY, STORAGE, TIMED_OUT, SHUTTING_DOWN = range(9, 14)

_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_compress.restype = _zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
_zstd.ZSTD_decompress.argtypes = _zstd.ZSTD_compress.argtypes[:4]


def compressed(data, level=3):
    """`data` as one zstd frame."""
    out = ctypes.create_string_buffer(len(data) + 1000)
    size = _zstd.ZSTD_compress(out, len(out), bytes(data), len(data), level)
    assert size <= len(out), size
    return out.raw[:size]


def decompressed(frame, length):
    out = ctypes.create_string_buffer(length)
    size = _zstd.ZSTD_decompress(out, length, bytes(frame), len(frame))
    assert size == length, size
    return out.raw


_xxhash = ctypes.CDLL("libxxhash.so.0")


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash.XXH3_128bits.restype = _Hash128
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def digest(data):
    hashed = _xxhash.XXH3_128bits(bytes(data), len(data))
    return struct.pack(">QQ", hashed.high, hashed.low)


def blocks_of(content, size=SMALLEST):
    return [content[at:at + size] for at in range(0, len(content), size)]


def root_of(content, size=SMALLEST):
    return digest(b"".join(map(digest, blocks_of(content, size))))


class Frame(NamedTuple):
    type: int
    flags: int
    payload: bytes

    @property
    def id(self):
        return struct.unpack_from(">I", self.payload)[0]

    @property
    def code(self):
        """Of REFUSE, CANCEL and ERROR."""
        return struct.unpack_from(">H", self.payload, 0 if self.type == ERROR else 4)[0]

    @property
    def text(self):
        return self.payload[2 if self.type == ERROR else 6:].decode()

    @property
    def path(self):
        """Of DELIVERED."""
        return self.payload[4:].decode()

    @property
    def claimed(self):
        """Of HAVE: how many blocks it is about."""
        return struct.unpack_from(">I", self.payload, 12)[0]

    @property
    def run(self):
        """Of NEED, HOLE and KEEP: (first, count)."""
        return struct.unpack_from(">QQ", self.payload, 4)


def frame(kind, payload=b"", flags=0, reserved=0, length=None):
    return struct.pack(">BBHI", kind, flags, reserved, len(payload) if length is None else length) + payload


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def hello(lowest=1, highest=1, session=None, extensions=b""):
    return frame(HELLO, struct.pack(">HH", lowest, highest) + (session or os.urandom(16)) + extensions)


def offer(id, path, kind=FILE, size=0, block_log2=None, mode=0o644, seconds=0, nanoseconds=0, allocated=0, flags=0,
          rest=b"", path_length=None):
    """An OFFER field by field; what is not given fits the kind."""
    if block_log2 is None:
        block_log2 = 16 if kind in (FILE, STREAM) else 0
    name = _bytes(path)
    fields = struct.pack(">IBBHqIQQH", id, kind, block_log2, mode, seconds, nanoseconds, size, allocated,
                         len(name) if path_length is None else path_length)
    return frame(OFFER, fields + name + rest, flags)


def inline(id, path, content, said=None, **rest):
    """A file with its content."""
    return offer(id, path, size=len(content), flags=INLINE, rest=(said or digest(content)) + content, **rest)


def promised(id, path, content, **rest):
    return offer(id, path, size=len(content), flags=PROMISED, rest=digest(content), **rest)


def by_time(id, path, size, **rest):
    return offer(id, path, size=size, flags=BY_TIME, **rest)


def link(id, path, target, **rest):
    return offer(id, path, LINK, rest=_bytes(target), **rest)


def stream(id, path, size=UNKNOWN_SIZE, **rest):
    return offer(id, path, STREAM, size=size, **rest)


def directory(id, path, mode=0o755, **rest):
    return offer(id, path, DIRECTORY, mode=mode, **rest)


def block(id, index, data, said=None, flags=0):
    return frame(BLOCK, struct.pack(">IQ", id, index) + (said or digest(data)) + data, flags)


def compressed_block(id, index, data, sent=None):
    """A BLOCK that travels as a zstd frame, or as `sent`."""
    return block(id, index, compressed(data) if sent is None else sent, digest(data), COMPRESSED)


def _run(kind, id, first, count):
    return frame(kind, struct.pack(">IQQ", id, first, count))


def hole(id, first, count):
    return _run(HOLE, id, first, count)


def keep(id, first, count):
    return _run(KEEP, id, first, count)


def need(id, first, count=1):
    return _run(NEED, id, first, count)


def finish(id, size, root):
    return frame(FINISH, struct.pack(">IQ", id, size) + root)


def _reason(kind, id, code, text):
    return frame(kind, struct.pack(">IH", id, code) + (_bytes(text)))


def cancel(id, code=16, text="no longer wanted"):
    return _reason(CANCEL, id, code, text)


def refuse(id, code, text):
    return _reason(REFUSE, id, code, text)


def error(code, text):
    return frame(ERROR, struct.pack(">H", code) + (_bytes(text)))


def bye():
    return frame(BYE)


def welcome(version=1, window=64, open_files=4, largest=1 << 40, extensions=b""):
    return frame(WELCOME, struct.pack(">HIIQ", version, window, open_files, largest) + extensions)


def accept(id, checked=0):
    return frame(ACCEPT, struct.pack(">IQ", id, checked))


def have(id, first, count, digests=None):
    return frame(HAVE, struct.pack(">IQI", id, first, count) + b"".join(digests or []), PRESENT if digests else 0)


def delivered(id, path="", unchanged=False):
    return frame(DELIVERED, struct.pack(">I", id) + _bytes(path), UNCHANGED if unchanged else 0)


def progress(id, count):
    return frame(PROGRESS, struct.pack(">IQ", id, count))


def smallest_of(kind, id=1):
    """A frame of this type that is right by itself."""
    return {
        HELLO: hello(), OFFER: directory(id, "d"), BLOCK: block(id, 0, b"x"), HOLE: hole(id, 0, 1),
        KEEP: keep(id, 0, 1), FINISH: finish(id, 0, digest(b"")), CANCEL: cancel(id), BYE: bye(),
        ERROR: error(REFUSED, ""),
        WELCOME: welcome(), ACCEPT: accept(id), HAVE: have(id, 0, 1), NEED: need(id, 0), DELIVERED: delivered(id),
        REFUSE: refuse(id, REFUSED, ""), PROGRESS: progress(id, 1),
    }[kind]


class Peer:
    """One end of a connection: writes what it is given, reads frames."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.unread = b""

    def close(self):
        self.socket.close()

    def send(self, *frames):
        """Writes; False if the other side has closed."""
        try:
            self.socket.sendall(b"".join(frames))
            return True
        except ConnectionError:
            return False

    def take(self, count):
        """The next `count` bytes, fewer at the end of the connection."""
        while len(self.unread) < count:
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionError:
                break
            if not more:
                break
            self.unread += more
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def next(self):
        """The next frame; None at the end of the connection."""
        header = self.take(8)
        if len(header) < 8:
            return None
        kind, flags, reserved, length = struct.unpack(">BBHI", header)
        assert reserved == 0, header
        payload = self.take(length)
        return Frame(kind, flags, payload) if len(payload) == length else None

    def next_of(self, *kinds):
        """The next frame of one of these types; others are passed over."""
        while True:
            got = self.next()
            if got is None:
                raise AssertionError(f"the connection ended without a frame of type {kinds}")
            if got.type in kinds:
                return got

    def rest(self):
        """All frames to the end of the connection."""
        return list(iter(self.next, None))


class RawSender(Peer):
    """A sender that says what it is told to."""

    def __init__(self, port, *frames, receive_buffer=None):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        super().__init__(connection)
        self.name = "{}:{}".format(*connection.getsockname())  # as the receiver's log has it
        self.send(*frames)

    def greet(self, **fields):
        """Preface, HELLO, and the other side's WELCOME."""
        self.send(PREFACE, hello(**fields))
        return self.next_of(WELCOME)


class RawReceiver(Peer):
    """A receiver that says what it is told to."""

    def greeted(self, *frames):
        """Reads preface and HELLO, then says `frames` or, without any, WELCOME."""
        assert self.take(8) == PREFACE
        self.next_of(HELLO)
        self.send(*(frames or [welcome()]))

    def read_away(self, seconds=PATIENCE):
        """Reads and forgets until the other side closes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if not self.socket.recv(1 << 20):
                    return
            except ConnectionError:
                return
