#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Packs programs into an initrd: a cpio archive in the "newc" form, the same bytes every time.

    mkinitrd.py [--strip OBJCOPY] [--onto initrd.cpio] -o initrd.cpio NAME=FILE...

Entries are sorted by name; owner, time and inode numbers are constants. With --strip, debugging
sections of programs are left out (the files themselves keep them, for GDB and for symbolising reports).
Programs begin at pages of the archive: their code can be mapped where it lies (libsys/spawn.c).
With --onto, the entries come behind those of an archive that this made, whatever their names are.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FILE_MODE, LINK_MODE = 0o100755, 0o120777
TRAILER = "TRAILER!!!"
BLOCK = 512
HEADER = 110
PAGE = 4096
ELF = b"\x7fELF"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strip", metavar="OBJCOPY")
    parser.add_argument("--onto", metavar="FILE")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("entries", nargs="*", metavar="NAME=FILE")
    options = parser.parse_args()
    try:
        files = [entry.split("=", 1) for entry in options.entries]
        first = Path(options.onto).read_bytes() if options.onto else b""
        data = archive({name: content(path, options.strip) for name, path in files}, first)
        Path(options.output).write_bytes(data)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"mkinitrd: {error}")


def content(path, objcopy):
    data = Path(path).read_bytes()
    if not objcopy or not data.startswith(ELF):
        return data
    with tempfile.TemporaryDirectory(prefix="mkinitrd-") as directory:
        stripped = os.path.join(directory, "stripped")
        subprocess.run([objcopy, "--strip-debug", path, stripped], check=True)
        return Path(stripped).read_bytes()


class Link(bytes):
    """Content of a symbolic link: what it says."""


def archive(files, onto=b""):
    """The archive as bytes. files: name -> content. onto: an archive of this form that they follow."""
    out = bytearray(onto[:end_of(onto)])
    for inode, name in enumerate(sorted(files), start=1):
        mode = LINK_MODE if isinstance(files[name], Link) else FILE_MODE
        out += record(name, inode, mode, files[name], padding(len(out), name, files[name]))
    out += record(TRAILER, 0, 0, b"")
    return bytes(out) + bytes(-len(out) % BLOCK)


def records(data):
    """(name, where its record begins) of each file of an archive of this form, the trailer too."""
    for name, at, _, _ in _fields(data):
        yield name, at


def contents(data):
    """{name: content} of the files in an archive of this form."""
    return {name: data[start:start + size] for name, _, start, size in _fields(data) if name != TRAILER}


def _fields(data):
    """(name, where its record begins, where its content begins, size) of each file, the trailer too."""
    at = 0
    while data:
        if data[at:at + 6] != b"070701" or at + HEADER > len(data):
            raise ValueError("the archive is not one of this form")
        size, name_size = (int(data[at + 6 + 8 * field:at + 14 + 8 * field], 16) for field in (6, 11))
        name = data[at + HEADER:at + HEADER + name_size].split(b"\0", 1)[0].decode()
        start = at + HEADER + name_size
        start += -start % 4
        yield name, at, start, size
        if name == TRAILER:
            return
        at = start + size
        at += -at % 4


def names(data):
    """Of the files in an archive."""
    return {name for name, _ in records(data)} - {TRAILER}


def files(data):
    """name -> content (a Link for a symbolic one) of an archive of this form: what archive() takes."""
    found = {}
    for name, at in records(data):
        mode, size, name_size = (int(data[at + 6 + 8 * field:at + 14 + 8 * field], 16) for field in (1, 6, 11))
        at += HEADER + name_size
        at += -at % 4
        if name != TRAILER:
            found[name] = (Link if mode == LINK_MODE else bytes)(data[at:at + size])
    return found


def end_of(data):
    """Where the trailer of an archive begins: whole records come before."""
    return dict(records(data)).get(TRAILER, 0)


def padding(at, name, data):
    """Zeroes behind a name (its length in the header counts them), so that a program begins at a page."""
    if not data.startswith(ELF):
        return 0
    return -(at + HEADER + len(name.encode()) + 1) % PAGE


def record(name, inode, mode, data, zeroes=0):
    """One header, name and content, each padded to four bytes."""
    name = name.encode() + b"\0" * zeroes
    size = len(name) + 1
    links = 1
    fields = [inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, size, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


if __name__ == "__main__":
    main()
