#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Packs programs into an initrd: a cpio archive in the "newc" form, the same bytes every time.

    mkinitrd.py [--strip OBJCOPY] -o initrd.cpio NAME=FILE...

Entries are sorted by name; owner, time and inode numbers are constants. With --strip, debugging
sections are left out (the files themselves keep them, for GDB and for symbolising reports).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FILE_MODE = 0o100755
TRAILER = "TRAILER!!!"
BLOCK = 512


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strip", metavar="OBJCOPY")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("entries", nargs="*", metavar="NAME=FILE")
    options = parser.parse_args()
    try:
        files = [entry.split("=", 1) for entry in options.entries]
        data = archive({name: content(path, options.strip) for name, path in files})
        Path(options.output).write_bytes(data)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"mkinitrd: {error}")


def content(path, objcopy):
    if not objcopy:
        return Path(path).read_bytes()
    with tempfile.TemporaryDirectory(prefix="mkinitrd-") as directory:
        stripped = os.path.join(directory, "stripped")
        subprocess.run([objcopy, "--strip-debug", path, stripped], check=True)
        return Path(stripped).read_bytes()


def archive(files):
    """The archive as bytes. files: name -> content."""
    out = bytearray()
    for inode, name in enumerate(sorted(files), start=1):
        out += record(name, inode, FILE_MODE, files[name])
    out += record(TRAILER, 0, 0, b"")
    return bytes(out) + bytes(-len(out) % BLOCK)


def record(name, inode, mode, data):
    """One header, name and content, each padded to four bytes."""
    size = len(name.encode()) + 1
    links = 1
    fields = [inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, size, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


if __name__ == "__main__":
    main()
