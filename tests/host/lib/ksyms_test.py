#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Round trip of the kernel's symbol table: random symbols through tools/ksyms.py, the assembler and
symbol_lookup(), against a search in Python. And --compare on moved symbols.

    ksyms_test.py KSYMS.py COMPILER SCRATCH_FOLDER SYMBOLS.c INCLUDE_OPTIONS...
"""
import os
import pathlib
import random
import subprocess
import sys

MAIN = """
#include <kern/log.h>
#include <kern/panic.h>
#include <stdio.h>
size_t format_text(char *buffer, size_t size, const char *format, ...) {
    (void)format; if (size > 0) buffer[0] = 0; return 0;
}
int main(void) {
    unsigned long long address;
    while (scanf("%llx", &address) == 1) {
        uint64_t offset = 0;
        const char *name = symbol_lookup(address, &offset);
        printf("%s %llu\\n", name ? name : "-", (unsigned long long)offset);
    }
}
"""
BASE = 0xFFFFFFFF80000000


def random_symbols(rng, count):
    """(nm's text, {address: name}, end) with everything that must be left out among it."""
    table, rows, address = {}, [], BASE
    for number in range(count):
        name = f"function_{number}_" + "x" * rng.randrange(30)
        table[address] = name
        rows.append(f"{address:016x} {rng.choice('tT')} {name}")
        if rng.random() < 0.3:
            rows.append(f"{address:016x} t $x")
        if rng.random() < 0.2:
            rows.append(f"{address:016x} T __alias_of_{number}")
        if rng.random() < 0.2:
            rows.append(f"{address:016x} r data_{number}")
        address += rng.randrange(4, 2000, 4)
    rows += [f"{address:016x} T _text_end", f"{address + 4096:016x} t .Lbeyond",
             f"{address + 64:016x} T beyond", "                 w undefined"]
    return "\n".join(rows) + "\n", table, address


def expected(table, end, address):
    below = [a for a in table if a <= address]
    if not below or address >= end:
        return "- 0"
    return f"{table[max(below)]} {address - max(below)}"


def main():
    ksyms, compiler, folder, symbols_c, *options = sys.argv[1:]
    seed = os.environ.get("WHARF_SEED", "1")
    seed = random.randrange(1 << 32) if seed == "random" else int(seed, 0)
    rng = random.Random(seed)
    scratch = pathlib.Path(folder)
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "main.c").write_text(MAIN)
    for count in (0, 1, 2, 500):
        text, table, end = random_symbols(rng, max(count, 1))
        (scratch / "nm.txt").write_text(text)
        sources = ["main.c", str(pathlib.Path(symbols_c).parent / "symbols_none.c")]
        if count == 0:
            table = {}
        else:
            subprocess.run([sys.executable, ksyms, "-o", scratch / "table.S", scratch / "nm.txt"],
                           check=True)
            sources.append("table.S")
        subprocess.run([compiler, "-std=gnu2x", *options, *sources, symbols_c, "-o", "lookup"],
                       check=True, cwd=scratch)
        asked = [BASE - 1, BASE, end - 1, end, 0, 2**64 - 1, *table, *(a - 1 for a in table)]
        asked += [rng.randrange(BASE, end + 100) for _ in range(1000)]
        answer = subprocess.run([scratch / "lookup"], input="\n".join(f"{a:x}" for a in asked),
                                check=True, capture_output=True, text=True).stdout.splitlines()
        for address, line in zip(asked, answer, strict=True):
            wanted = expected(table, end, address) if table else "- 0"
            if line != wanted:
                sys.exit(f"{address:#x}: got {line}, expected {wanted}; WHARF_SEED={seed}")
    (scratch / "moved.txt").write_text(text.replace(f"{max(table):016x}", f"{max(table) + 4:016x}"))
    same = [sys.executable, ksyms, "--compare", scratch / "nm.txt"]
    assert subprocess.run(same + [scratch / "nm.txt"], check=False).returncode == 0
    assert subprocess.run(same + [scratch / "moved.txt"], check=False,
                          capture_output=True).returncode == 1
    print("symbol tables agree")


main()
