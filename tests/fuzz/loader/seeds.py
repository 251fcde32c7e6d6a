#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the fuzzer's first inputs into a directory: programs and archives, good ones and some on the edge."""

import struct
import sys
from pathlib import Path

LOAD, READ_EXECUTE, READ_WRITE = 1, 5, 6
STACK = 0x6474e551


def elf(segments, entry=0x400000, body=b"\0" * 64):
    """A program; segments are (type, flags, offset, address, file size, memory size)."""
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 183, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    table = b"".join(struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, in_file, size, 4096)
                     for kind, flags, offset, address, in_file, size in segments)
    return header + table + body


def entry(name, data, magic=b"070701"):
    name += b"\0"
    fields = [1, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = magic + b"".join(b"%08x" % f for f in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def main():
    program = elf([(LOAD, READ_EXECUTE, 0, 0x400000, 0x80, 0x80), (STACK, READ_WRITE, 0, 0, 0, 0),
                   (LOAD, READ_WRITE, 0x80, 0x500080, 0x20, 0x3000)])
    edge = elf([(LOAD, READ_WRITE, 0, 0xfffffff000, 0x10, 0x1000)] * 16)
    trailer = entry(b"TRAILER!!!", b"")
    seeds = {
        "edge": edge,
        "empty": trailer,
        "one": entry(b"./bootstrap", program) + trailer,
        "two": entry(b".", b"") + entry(b"text", b"abc") + entry(b"bootstrap", edge, b"070702") + trailer,
        "cut": entry(b"bootstrap", program)[:-20],
        "program": program,
    }
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (out / name).write_bytes(data)


if __name__ == "__main__":
    main()
