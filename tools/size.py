#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sizes of what a build made: the kernel by source folder, each program of the initrd, and the files that are booted.

Every symbol's size of kernel.elf is added to the folder of the source file that its debug information names;
what has no symbol (string literals, padding, tables of the linker) is the row "(no symbol)", so
that a column's sum is the size of its sections. Of a program, the segments that are loaded count, and its file as it
lies in the initrd; other files there are the row "(other files)".

    tools/size.py build/release [--json] [--against OLD.json]
"""

import argparse
import json
import os
import re
import struct
import subprocess
import sys
from collections import defaultdict

import mkinitrd

COLUMNS = ("text", "rodata", "data", "bss")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.environ.get("CROSS", "aarch64-linux-gnu-")
SECTION = re.compile(r"^\s*\[\s*\d+\]\s+(\S+)\s+(\S+)\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s")
PROGRAM_COLUMNS = (*COLUMNS, "file")
FILES = ("kernel.img", "initrd.cpio")
ELF_HEADER, SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
LOAD, EXECUTE, WRITE = 1, 1, 2
SYMBOL = re.compile(r"^([0-9a-f]+) ([0-9a-f]+) \S (\S+)(?:\t(.+):\d+)?$")


def column(kind, flags):
    """Column of a section, by its type and flags; None for what is not loaded."""
    if "A" not in flags:
        return None
    if "X" in flags:
        return "text"
    if kind == "NOBITS":
        return "bss"
    return "data" if "W" in flags else "rodata"


def sections(listing):
    """[(start, end, column)] and the sum of each column, of what readelf -SW prints."""
    found, total = [], defaultdict(int)
    for line in listing.splitlines():
        match = SECTION.match(line)
        kind = column(match.group(2), flags_of(line)) if match else None
        if kind:
            start, size = int(match.group(3), 16), int(match.group(4), 16)
            found.append((start, start + size, kind))
            total[kind] += size
    return found, total


def flags_of(line):
    """Flags of a section; a line without that column is of one that is not loaded."""
    words = line.split("]", 1)[1].split()
    return words[6] if len(words) == 10 else ""


def run(words):
    return subprocess.run([TOOLS + words[0], *words[1:]], text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def folder(path, root):
    """Module of a source file: two levels of the tree, one for what was fetched or is unknown."""
    if not path:
        return "(no source)"
    name = os.path.relpath(os.path.normpath(path), root) if os.path.isabs(path) else os.path.normpath(path)
    name = re.sub(r"^(\.\./)*", "", name)
    if name.startswith("build/deps/"):
        return "/".join(name.split("/")[1:3])
    if name.startswith("build/"):
        return "(generated)"
    parts = name.split("/")[:-1]
    return "/".join(parts[:3] if parts[:1] == ["arch"] else parts[:2])


def by_folder(areas, total, listing, root):
    """{folder: {column: bytes}}, of what nm -S -l prints; aliases of one address count once."""
    sizes, seen = defaultdict(lambda: defaultdict(int)), set()
    for line in listing.splitlines():
        match = SYMBOL.match(line)
        if not match or match.group(1) in seen:
            continue
        seen.add(match.group(1))
        address, size = int(match.group(1), 16), int(match.group(2), 16)
        kind = next((k for start, end, k in areas if start <= address < end), None)
        if kind:
            sizes[folder(match.group(4), root)][kind] += size
    for kind in COLUMNS:
        rest = total[kind] - sum(row[kind] for row in sizes.values())
        if rest:
            sizes["(no symbol)"][kind] = rest
    return {name: {kind: row[kind] for kind in COLUMNS} for name, row in sizes.items()}


def program(data):
    """{column: bytes} of a program's file. ValueError: it is none."""
    row = dict.fromkeys(PROGRAM_COLUMNS, 0)
    try:
        header = ELF_HEADER.unpack_from(data)
        for number in range(header[10]):
            kind, flags, _, _, _, in_file, in_memory, _ = SEGMENT.unpack_from(data, header[5] + number * header[9])
            if kind == LOAD:
                row["text" if flags & EXECUTE else "data" if flags & WRITE else "rodata"] += in_file
                row["bss"] += in_memory - in_file
    except struct.error as error:
        raise ValueError("a program's headers are beyond its end") from error
    return row | {"file": len(data)}


def programs(archive):
    """{name: {column: bytes}} of the files in an initrd."""
    rows, rest = {}, 0
    for name, data in mkinitrd.contents(archive).items():
        if data.startswith(mkinitrd.ELF):
            rows[name] = program(data)
        else:
            rest += len(data)
    return rows | {"(other files)": dict.fromkeys(PROGRAM_COLUMNS, 0) | {"file": rest}}


def measure(tree, root=ROOT):
    """All of a build: {"kernel": by folder, "programs": of the initrd, "files": {name: {"bytes": n}}}."""
    elf = os.path.join(tree, "kernel.elf")
    files = {}
    for name in FILES:
        path = os.path.join(tree, name)
        if os.path.isfile(path):
            files[name] = {"bytes": os.path.getsize(path)}
    found = {"kernel": by_folder(*sections(run(["readelf", "-SW", elf])), run(["nm", "-S", "-l", elf]), root), "programs": {},
             "files": files}
    if "initrd.cpio" in files:
        with open(os.path.join(tree, "initrd.cpio"), "rb") as handle:
            found["programs"] = programs(handle.read())
    return found


def table(title, columns, new, old=None, summed=False):
    """Text of a table; with `old`, the change beside each figure. summed: with a column for the sum."""
    lines = [f"{title:<28}" + "".join(f"{kind:>18}" for kind in (*columns, *(["sum"] if summed else [])))]
    total, old_total = dict.fromkeys(columns, 0), dict.fromkeys(columns, 0)
    for name in sorted(set(new) | set(old or {})):
        row, before = new.get(name, {}), (old or {}).get(name, {})
        for kind in columns:
            total[kind] += row.get(kind, 0)
            old_total[kind] += before.get(kind, 0)
        lines.append(_row(name, columns, row, before if old is not None else row, summed))
    lines.append(_row("all", columns, total, old_total if old is not None else total, summed))
    return "\n".join(lines)


def _row(name, columns, row, before, summed):
    cells = [(row.get(kind, 0), before.get(kind, 0)) for kind in columns]
    if summed:
        cells.append((sum(now for now, _ in cells), sum(was for _, was in cells)))
    return f"{name:<28}" + "".join(f"{f'{now} ({now - was:+})' if now != was else now:>18}" for now, was in cells)


def report(new, old=None):
    """The three tables. old: figures of another build, of which a part may be missing."""
    def before(part):
        return None if old is None else old.get(part, {})
    return "\n\n".join((table("kernel", COLUMNS, new["kernel"], before("kernel"), summed=True),
                        table("programs", PROGRAM_COLUMNS, new["programs"], before("programs")),
                        table("files", ("bytes",), new["files"], before("files"))))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("build", help="the build's folder")
    arguments.add_argument("--json", action="store_true", help="write the figures as JSON")
    arguments.add_argument("--against", metavar="JSON", help="show the change from these figures")
    arguments.add_argument("--root", default=ROOT, help="the checkout that it was built in")
    options = arguments.parse_args()
    new = measure(options.build, os.path.abspath(options.root))
    if options.json:
        json.dump(new, sys.stdout, indent=1, sort_keys=True)
        print()
        return
    old = None
    if options.against:
        with open(options.against, encoding="utf-8") as handle:
            old = json.load(handle)
    print(report(new, old))


if __name__ == "__main__":
    main()
