#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the disk that misbehaves (nbd.py), by a client of its own. That QEMU talks to it: cardboot.py. Registered
with ctest."""

import socket
import struct
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from nbd import EIO, HAVE_OPTION, OPTION_EXPORT_NAME, OPTION_GO, Fault, Server  # noqa: E402

SIZE = 64 * 512
READ, WRITE, FLUSH, DISCARD, ZEROES = 0, 1, 3, 4, 6
CONTENT = bytes(number % 251 for number in range(SIZE))


class Client:
    def __init__(self, path, old=False):
        self.plug = socket.socket(socket.AF_UNIX)
        self.plug.settimeout(10)
        self.plug.connect(str(path))
        assert self.receive(18)[:8] == b"NBDMAGIC"
        self.plug.sendall(struct.pack(">I", 1 if old else 3))
        self.cookie = 0
        if old:
            self.option(OPTION_EXPORT_NAME, b"any")
            self.size, self.flags = struct.unpack(">QH", self.receive(134)[:10])
            return
        self.option(8)      # structured replies: not offered
        assert self.option_reply() == (0x80000001, b"")
        self.option(OPTION_GO, struct.pack(">IH", 0, 0))
        while (answer := self.option_reply())[0] == 3:
            if answer[1][:2] == b"\0\0":
                self.size, self.flags = struct.unpack(">QH", answer[1][2:])
        assert answer == (1, b"")

    def close(self):
        self.plug.close()

    def option(self, number, data=b""):
        self.plug.sendall(struct.pack(">QII", HAVE_OPTION, number, len(data)) + data)

    def option_reply(self):
        _, _, kind, length = struct.unpack(">QIII", self.receive(20))
        return kind, self.receive(length)

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.plug.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def send(self, kind, offset=0, length=512, data=b"", flags=0):
        self.cookie += 1
        self.plug.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, self.cookie, offset, length) + data)
        return self.cookie

    def answer(self, length=0):
        magic, error, cookie = struct.unpack(">IIQ", self.receive(16))
        assert magic == 0x67446698
        return cookie, error, self.receive(length) if not error else b""

    def read(self, offset, length=512):
        self.send(READ, offset, length)
        return self.answer(length)[1:]

    def write(self, offset, data, flags=0):
        self.send(WRITE, offset, len(data), data, flags)
        return self.answer()[1]


class Nbd(unittest.TestCase):
    def start(self, *faults):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = Path(folder.name) / "image"
        self.image.write_bytes(CONTENT)
        self.path = Path(folder.name) / "socket"
        self.server = Server(self.image, self.path, faults)
        self.addCleanup(self.server.close)
        return self.client()

    def client(self, **more):
        client = Client(self.path, **more)
        self.addCleanup(client.close)
        return client

    def test_honest(self):
        client = self.start()
        self.assertEqual((client.size, client.flags), (SIZE, 1 | 4 | 8 | 32))
        self.assertEqual(client.read(512, 1024), (0, CONTENT[512:1536]))
        self.assertEqual(client.write(1024, b"x" * 512, flags=1), 0)
        self.assertEqual(self.image.read_bytes(), CONTENT[:1024] + b"x" * 512 + CONTENT[1536:])
        client.send(FLUSH, 0, 0)
        self.assertEqual(client.answer()[1], 0)
        client.send(DISCARD, 0, 512)
        self.assertEqual(client.answer()[1], 0)
        self.assertEqual(client.read(0), (0, bytes(512)))
        self.assertEqual(dict(self.server.count), {"read": 2, "write": 1, "flush": 1, "discard": 1})

    def test_old_client(self):
        self.start()
        client = self.client(old=True)
        self.assertEqual(client.size, SIZE)
        self.assertEqual(client.read(0), (0, CONTENT[:512]))

    def test_outside_and_unknown(self):
        client = self.start()
        self.assertNotEqual(client.read(SIZE - 512, 1024)[0], 0)
        self.assertNotEqual(client.write(SIZE, b"x" * 512), 0)
        client.send(ZEROES)
        self.assertNotEqual(client.answer()[1], 0)
        self.assertEqual(client.read(0), (0, CONTENT[:512]))
        self.assertEqual(self.image.stat().st_size, SIZE)

    def test_flip(self):
        client = self.start(Fault("flip", first=2, sectors=range(4, 5), bit=9), Fault("flip", "write", bit=0))
        good = CONTENT[:8 * 512]
        self.assertEqual(client.read(0, len(good)), (0, good))
        bad = bytearray(good)
        bad[4 * 512 + 1] ^= 2
        self.assertEqual(client.read(5 * 512)[1], CONTENT[5 * 512:6 * 512])
        self.assertEqual(client.read(0, len(good)), (0, bytes(bad)))
        self.assertEqual(client.read(0, len(good)), (0, good))
        self.assertEqual(client.write(0, bytes(512)), 0)
        self.assertEqual(self.image.read_bytes()[:512], b"\1" + bytes(511))

    def test_drop(self):
        client = self.start(Fault("drop", "write", times=2), Fault("drop", "discard"))
        for content in (CONTENT[:512], CONTENT[:512], b"y" * 512):
            self.assertEqual(client.write(0, b"y" * 512), 0)
            self.assertEqual(self.image.read_bytes()[:512], content)
        client.send(DISCARD)
        self.assertEqual(client.answer()[1], 0)
        self.assertEqual(client.read(0), (0, b"y" * 512))

    def test_error(self):
        client = self.start(Fault("error", times=None, sectors=range(2, 4)), Fault("error", "flush", error=28))
        self.assertEqual(client.read(0, 1024), (0, CONTENT[:1024]))
        for _ in range(3):
            self.assertEqual(client.read(512, 1024), (EIO, b""))
        client.send(FLUSH, 0, 0)
        self.assertEqual(client.answer()[1], 28)
        self.server.clear()
        self.assertEqual(client.read(512, 1024), (0, CONTENT[512:1536]))

    def test_stall(self):
        """Others are answered meanwhile, also on the same connection."""
        client = self.start()
        self.server.add(Fault("stall"))
        late = client.send(READ, 0)
        soon = client.send(READ, 512)
        self.assertEqual(client.answer(512), (soon, 0, CONTENT[512:1024]))
        self.server.release()
        self.assertEqual(client.answer(512), (late, 0, CONTENT[:512]))

    def test_stall_for_some_time(self):
        client = self.start(Fault("stall", "write", seconds=0.05))
        self.assertEqual(client.write(0, b"z" * 512), 0)
        self.assertEqual(self.image.read_bytes()[:512], b"z" * 512)

    def test_disconnect(self):
        client = self.start(Fault("disconnect", first=2))
        client.read(0)
        client.send(READ)
        with self.assertRaises((EOFError, ConnectionError)):
            client.answer(512)
        self.assertEqual(self.client().read(0), (0, CONTENT[:512]))

    @staticmethod
    def until_closed(plug):
        """To the end of a connection, which may come as a reset when there is something unread."""
        try:
            while plug.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def test_rubbish(self):
        """A client that talks nonsense is left, others are not disturbed."""
        good = self.start()
        for data in (b"\xff" * 64, struct.pack(">IQII", 3, HAVE_OPTION, 7, 1 << 30)):
            plug = socket.socket(socket.AF_UNIX)
            plug.settimeout(10)
            plug.connect(str(self.path))
            plug.sendall(data)
            self.until_closed(plug)
            plug.close()
        bad = self.client()
        bad.send(WRITE, 0, 1 << 31)
        with self.assertRaises((EOFError, ConnectionError)):
            bad.answer()
        self.assertEqual(good.read(0), (0, CONTENT[:512]))

    def test_nothing_is_left(self):
        before = threading.active_count()
        client = self.start(Fault("stall", seconds=None))
        client.send(READ)
        self.server.close()
        with self.assertRaises((EOFError, ConnectionError)):
            client.answer(512)
        self.assertEqual(threading.active_count(), before)


if __name__ == "__main__":
    unittest.main()
