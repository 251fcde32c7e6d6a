#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The symbol table that is linked into the kernel, for symbol_lookup() (kernel/debug/symbols.h).

    ksyms.py [--nm PROGRAM] [--end SYMBOL] -o FILE.S FIRST.elf
    ksyms.py [--nm PROGRAM] [--end SYMBOL] --compare FIRST.elf SECOND.elf

The kernel is linked twice. The first link has the empty table of symbols_none.c; the first form
reads its text symbols and writes FILE.S, whose table takes the place of it in the second link.
The linker script puts section .ksyms behind everything that stands in or before the text, so the
table's size moves no text; the second form makes sure of that: it fails, naming the symbols, if a
text symbol of the second link is not where the table says.

FIRST.elf may also be a file with the output of `nm -n` (it is told by not being ELF).
  --nm PROGRAM   the nm to call, default "nm"
  --end SYMBOL   the end of the text, default "_text_end"; without it, a page after the last symbol

The table: 64-bit address of the first symbol, 32-bit size of the text, 32-bit number of symbols,
their 32-bit offsets in ascending order, their names in the same order, each with a NUL.
"""
import argparse
import pathlib
import subprocess
import sys

PAGE = 4096


def read_nm(path, nm):
    """[(address, type, name)] of all defined symbols, by address."""
    with open(path, "rb") as file:
        is_elf = file.read(4) == b"\x7fELF"
    if is_elf:
        text = subprocess.run([nm, "-n", path], check=True, capture_output=True, text=True).stdout
    else:
        text = pathlib.Path(path).read_text()
    rows = [line.split(maxsplit=2) for line in text.splitlines()]
    return [(int(row[0], 16), row[1], row[2]) for row in rows if len(row) == 3]


def preference(row):
    """Of several names for one address, the least is taken: a plain global name, rather short."""
    _, kind, name = row
    return name.startswith("_"), kind in "tw", len(name), name


def text_symbols(rows, end_name):
    """{address: name} of the text, one name an address, and the address behind the text."""
    best = {}
    end = None
    for row in rows:
        address, kind, name = row
        if name == end_name:
            end = address
        elif kind in "tTwW" and not name.startswith(("$", ".L")):
            if address not in best or preference(row) < preference(best[address]):
                best[address] = row
    names = {address: best[address][2] for address in sorted(best)}
    if not names:
        sys.exit("ksyms: no text symbols")
    if end is None:
        end = max(names) + PAGE
    return {a: n for a, n in names.items() if a < end}, end


def assembly(names, end):
    base = min(names)
    if end - base >= 1 << 32:
        sys.exit(f"ksyms: text from {base:#x} to {end:#x} is larger than 4 GiB")
    lines = [
        "/* Written by tools/ksyms.py. */",
        '.section .ksyms, "a", %progbits',
        ".balign 8",
        ".globl kernel_symbols",
        ".type kernel_symbols, %object",
        "kernel_symbols:",
        f".quad {base:#x}",
        f".long {end - base:#x}, {len(names)}",
    ]
    lines += [f".long {address - base:#x}" for address in names]
    lines += [f'.asciz "{name}"' for name in names.values()]
    lines += [".size kernel_symbols, . - kernel_symbols", '.section .note.GNU-stack, "", %progbits']
    return "\n".join(lines) + "\n"


def compare(first, second):
    moved = sorted(set(first.items()) ^ set(second.items()))
    for address, name in moved[:10]:
        print(f"ksyms: {name} at {address:#x} is not the same in both links", file=sys.stderr)
    return 1 if moved else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm", metavar="PROGRAM")
    parser.add_argument("--end", default="_text_end", metavar="SYMBOL")
    parser.add_argument("-o", "--output", metavar="FILE.S")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("elf", nargs="+")
    options = parser.parse_args()
    if len(options.elf) != 1 + options.compare or options.compare == bool(options.output):
        parser.error("either -o FILE.S FIRST.elf or --compare FIRST.elf SECOND.elf")
    tables = [text_symbols(read_nm(path, options.nm), options.end) for path in options.elf]
    if options.compare:
        return compare(tables[0][0], tables[1][0])
    pathlib.Path(options.output).write_text(assembly(*tables[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
