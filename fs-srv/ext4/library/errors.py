#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""errors.py ext2_err.et.in HEADER SOURCE: libext2fs' error numbers as macros, and their texts.

The numbers are com_err's: the table's name, six bits a letter, in the upper 24 bits, and a count.
"""

import re
import sys
from pathlib import Path

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"


def base_of(name):
    number = 0
    for letter in name:
        number = (number << 6) + LETTERS.index(letter) + 1
    return number << 8


def main(table, header, source):
    text = Path(table).read_text(encoding="utf-8")
    base = base_of(re.search(r"^\s*error_table\s+(\w+)", text, re.M).group(1))
    entries = re.findall(r'^ec\s+(\w+),\s*"((?:[^"\\]|\\.)*)"', text, re.M)
    lines = ["/* Made by fs-srv/ext4/library/errors.py. */", "#pragma once",
             *(f"#define {name} ({base + i}L)" for i, (name, _) in enumerate(entries)),
             "/** NULL: not a number of libext2fs. */", "const char *ext2_error_text(long error);", ""]
    Path(header).write_text("\n".join(lines), encoding="utf-8")
    lines = ["/* Made by fs-srv/ext4/library/errors.py. */", "#include <ext2fs/ext2_err.h>",
             "static const char *const texts[] = {", *(f'    "{what}",' for _, what in entries), "};",
             "const char *ext2_error_text(long error)", "{",
             f"    return error >= {base} && error < {base + len(entries)} ? texts[error - {base}] : (const char *)0;",
             "}", ""]
    Path(source).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
