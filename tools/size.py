#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Size of a kernel ELF file by source folder.

Every symbol's size is added to the folder of the source file that its debug information names;
what has no symbol (string literals, padding, tables of the linker) is the row "(no symbol)", so
that a column's sum is the size of its sections.

    tools/size.py build/release/kernel.elf [--json] [--against OLD.json]
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict

COLUMNS = ("text", "rodata", "data", "bss")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.environ.get("CROSS", "aarch64-linux-gnu-")
SECTION = re.compile(r"^\s*\[\s*\d+\]\s+(\S+)\s+(\S+)\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s")
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


def sections(elf):
    """[(start, end, column)] and the sum of each column."""
    listing = run(["readelf", "-SW", elf])
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


def measure(elf, root=ROOT):
    """{folder: {column: bytes}}; aliases of one address count once."""
    areas, total = sections(elf)
    sizes, seen = defaultdict(lambda: defaultdict(int)), set()
    for line in run(["nm", "-S", "-l", elf]).splitlines():
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


def table(new, old=None):
    """Text of the table; with `old`, the change beside each figure."""
    lines = [f"{'':<28}" + "".join(f"{kind:>18}" for kind in (*COLUMNS, "sum"))]
    names = sorted(set(new) | set(old or {}))
    empty = dict.fromkeys(COLUMNS, 0)
    totals, old_totals = dict(empty), dict(empty)
    for name in names:
        row, before = new.get(name, empty), (old or {}).get(name, empty)
        for kind in COLUMNS:
            totals[kind] += row[kind]
            old_totals[kind] += before[kind]
        lines.append(_row(name, row, before if old is not None else None))
    lines.append(_row("all", totals, old_totals if old is not None else None))
    return "\n".join(lines)


def _row(name, row, before):
    cells = [(row[k], before[k] if before else row[k]) for k in COLUMNS]
    cells.append((sum(row.values()), sum(before.values()) if before else sum(row.values())))
    return f"{name:<28}" + "".join(f"{f'{now} ({now - was:+})' if now != was else now:>18}" for now, was in cells)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("elf")
    arguments.add_argument("--json", action="store_true", help="write the figures as JSON")
    arguments.add_argument("--against", metavar="JSON", help="show the change from these figures")
    arguments.add_argument("--root", default=ROOT, help="the checkout that the kernel was built in")
    options = arguments.parse_args()
    new = measure(options.elf, os.path.abspath(options.root))
    if options.json:
        json.dump(new, sys.stdout, indent=1, sort_keys=True)
        print()
        return
    old = None
    if options.against:
        with open(options.against, encoding="utf-8") as handle:
            old = json.load(handle)
    print(table(new, old))


if __name__ == "__main__":
    main()
