# SPDX-License-Identifier: BSD-2-Clause
"""kernel/ has no #if on architecture, board or option: options select files."""

import re

ABOUT = "no #if on an option in kernel/"
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)")
# Not options: the language itself, guards that give a table's row its default.
HARMLESS = re.compile(r"__(cplusplus|ASSEMBLER__|has_\w+|FILE_NAME__|BYTE_ORDER__)|U?INT\d*_MAX")


def check(root, files):
    for name in files:
        if not name.startswith("kernel/") or not name.endswith((".c", ".h")):
            continue
        lines = (root / name).read_text(errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            match = CONDITIONAL.match(line)
            if match and not HARMLESS.search(match.group(2)) and not is_guard(lines, number, match):
                yield name, number, f"#{match.group(1)} {match.group(2)}: an option selects files here"


def is_guard(lines, number, match):
    """`#ifndef ROW` directly followed by `#define ROW`: a default of a table, or a header guard."""
    following = lines[number].split() if number < len(lines) else []
    return match.group(1) == "ifndef" and following[:1] == ["#define"] \
        and following[1].split("(")[0] == match.group(2).strip()
