# SPDX-License-Identifier: BSD-2-Clause
"""A disk that misbehaves: serves an image over the NBD protocol to QEMU, with faults on request.

QEMU's card model hides errors of the host from its guest, so what a card does wrong has to be done
below it, by what it answers. The server runs in threads of the harness, on a Unix socket:

    with Server(image, socket, [Fault("flip", sectors=range(2048, 2049)), Fault("stall", "write", first=7, seconds=2)]):
        ... QEMU with {"driver": "nbd", "server": {"type": "unix", "path": socket}} ...

add() gives it further faults while QEMU runs; `count` says how many requests of each kind have come.
The fixed newstyle handshake and simple replies are spoken, which every client must understand.
"""

import os
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass

SECTOR = 512
COMMANDS = {0: "read", 1: "write", 3: "flush", 4: "discard"}
READ, WRITE, DISCONNECT, FLUSH, DISCARD = 0, 1, 2, 3, 4
FORCE_UNIT_ACCESS = 1           # of a write: it is on the disk when it is answered
EIO, EINVAL, ENOSPC = 5, 22, 28
GREETING = b"NBDMAGIC"
HAVE_OPTION = 0x49484156454f5054
OPTION_REPLY, REQUEST, REPLY = 0x3e889045565a9, 0x25609513, 0x67446698
OPTION_EXPORT_NAME, OPTION_ABORT, OPTION_INFO, OPTION_GO = 1, 2, 6, 7
ACK, INFO, UNSUPPORTED = 1, 3, 0x80000001
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
EXPORT_FLAGS = 1 | 4 | 8 | 32       # has flags; flush, FUA and discard are understood
LONGEST = 32 << 20


@dataclass
class Fault:
    """What goes wrong with some of the requests. Those of its command that touch its sectors are counted;
    number `first` is the first to suffer, `times` suffer one after the other (None: all from then on).

    flip        one bit of what is read, or of what is written to the disk, is wrong
    drop        a write, flush or discard is said to be done, and is not
    error       it is refused with the error number `error`
    stall       it is answered after `seconds` (None: when release() is called), others meanwhile
    disconnect  the server is gone
    """

    what: str
    command: str = "read"
    first: int = 1
    times: int | None = 1
    sectors: range | None = None
    bit: int = 0                    # flip: counted from the first sector in question
    error: int = EIO
    seconds: float | None = None
    seen: int = 0                   # requests so far that could have suffered

    def __post_init__(self):
        assert self.what in ("flip", "drop", "error", "stall", "disconnect"), self.what
        assert self.command in COMMANDS.values(), self.command
        assert not (self.what == "drop" and self.command == "read"), "a read cannot be dropped"

    def strikes(self, command, offset, length):
        """Counts a request; whether this one suffers."""
        if command != self.command or not self._touches(offset, length):
            return False
        self.seen += 1
        return self.seen >= self.first and (self.times is None or self.seen < self.first + self.times)

    def _touches(self, offset, length):
        return self.sectors is None or (self.sectors.start * SECTOR < offset + length
                                        and self.sectors.stop * SECTOR > offset)

    def flipped(self, data, offset):
        at = 0 if self.sectors is None else max(self.sectors.start * SECTOR - offset, 0)
        damaged = bytearray(data)
        damaged[(at + self.bit // 8) % len(damaged)] ^= 1 << self.bit % 8
        return bytes(damaged)


class Gone(Exception):
    """The client has closed the connection, or the server shall."""


def shut(plug):
    """Closes a socket, also for a thread that waits at it."""
    try:
        plug.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass        # it was closed, or never connected
    plug.close()


class Server:
    """One image on one socket. Every connection has a thread; `lock` guards faults and count."""

    def __init__(self, image, path, faults=()):
        self.lock = threading.Lock()
        self.faults = list(faults)
        self.count = Counter()
        self.released = threading.Event()
        self.file = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.connections, self.threads = [], []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.run(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all connections, and waits for the threads."""
        shut(self.listener)
        for connection in self.connections:
            connection.close()
        self.released.set()     # what has stalled is not answered any more
        while self.threads:     # one may start another before it ends
            for connection in self.connections:
                connection.close()
            self.threads.pop().join()
        if self.file is not None:
            os.close(self.file)
        self.file = None

    def run(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)     # by a thread that close() has yet to wait for, so it misses none

    def add(self, *faults):
        with self.lock:
            self.faults += faults

    def clear(self):
        with self.lock:
            self.faults.clear()

    def release(self):
        """Lets go what has stalled, and what would stall without end."""
        self.released.set()

    def _accept(self):
        while True:
            try:
                plug, _ = self.listener.accept()
            except OSError:
                return
            connection = _Connection(self, plug)
            self.connections.append(connection)
            self.run(connection.serve)

    def strike(self, command, offset, length):
        """The faults that a request suffers."""
        with self.lock:
            self.count[command] += 1
            return [fault for fault in self.faults if fault.strikes(command, offset, length)]


class _Connection:
    def __init__(self, server, plug):
        self.server, self.plug = server, plug
        self.sending = threading.Lock()     # one answer after the other

    def close(self):
        shut(self.plug)

    def serve(self):
        try:
            self._handshake()
            while True:
                self._request()
        except (Gone, OSError):
            self.close()

    def _receive(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.plug.recv(size - len(data))
            if not piece:
                raise Gone
            data += piece
        return bytes(data)

    def _handshake(self):
        self.plug.sendall(GREETING + struct.pack(">QH", HAVE_OPTION, FIXED_NEWSTYLE | NO_ZEROES))
        without_zeroes = struct.unpack(">I", self._receive(4))[0] & NO_ZEROES
        while True:
            magic, option, length = struct.unpack(">QII", self._receive(16))
            if magic != HAVE_OPTION or length > 65536:
                raise Gone
            self._receive(length)       # whatever the name of the export: there is one
            if option == OPTION_EXPORT_NAME:
                self.plug.sendall(struct.pack(">QH", self.server.size, EXPORT_FLAGS) + bytes(0 if without_zeroes else 124))
                return
            if option in (OPTION_INFO, OPTION_GO):
                self._option_reply(option, INFO, struct.pack(">HQH", INFO_EXPORT, self.server.size, EXPORT_FLAGS))
                self._option_reply(option, INFO, struct.pack(">HIII", INFO_BLOCK_SIZE, 1, 4096, LONGEST))
            self._option_reply(option, ACK if option in (OPTION_ABORT, OPTION_INFO, OPTION_GO) else UNSUPPORTED)
            if option == OPTION_ABORT:
                raise Gone
            if option == OPTION_GO:
                return

    def _option_reply(self, option, kind, data=b""):
        self.plug.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)

    def _request(self):
        magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", self._receive(28))
        if magic != REQUEST or kind == DISCONNECT or length > LONGEST:
            raise Gone
        data = self._receive(length) if kind == WRITE else b""
        if kind not in COMMANDS:
            self._reply(cookie, EINVAL)
            return
        faults = self.server.strike(COMMANDS[kind], offset, length)
        if any(fault.what == "disconnect" for fault in faults):
            raise Gone
        stalls = [fault for fault in faults if fault.what == "stall"]
        if stalls:
            self.server.run(self._later, stalls[0], kind, flags, cookie, offset, length, data, faults)
        else:
            self._answer(kind, flags, cookie, offset, length, data, faults)

    def _later(self, stall, *rest):
        self.server.released.wait(stall.seconds)
        try:
            self._answer(*rest)
        except OSError:
            self.close()

    def _answer(self, kind, flags, cookie, offset, length, data, faults):
        errors = [fault.error for fault in faults if fault.what == "error"]
        if errors or (kind in (READ, WRITE, DISCARD) and offset + length > self.server.size):
            self._reply(cookie, errors[0] if errors else ENOSPC if kind == WRITE else EINVAL)
            return
        answer = b""
        for fault in faults:
            data = fault.flipped(data, offset) if fault.what == "flip" and data else data
        if kind == READ:
            answer = self._read(offset, length)
            for fault in faults:
                answer = fault.flipped(answer, offset) if fault.what == "flip" and answer else answer
        elif not any(fault.what == "drop" for fault in faults):
            self._change(kind, flags, offset, length, data)
        self._reply(cookie, 0, answer)

    def _read(self, offset, length):
        return os.pread(self.server.file, length, offset).ljust(length, b"\0")

    def _change(self, kind, flags, offset, length, data):
        if kind == DISCARD:
            data = bytes(length)
        if data:
            os.pwrite(self.server.file, data, offset)
        if kind == FLUSH or flags & FORCE_UNIT_ACCESS:
            os.fdatasync(self.server.file)

    def _reply(self, cookie, error, data=b""):
        with self.sending:
            self.plug.sendall(struct.pack(">IIQ", REPLY, error, cookie) + data)
