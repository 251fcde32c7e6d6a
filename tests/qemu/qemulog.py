# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's log of accesses that a guest should not make: empty, but for a reviewed list.

allowed-log.txt: one entry a line, "BOARD | REGULAR EXPRESSION | REASON"; BOARD may be *.
"""

import re
from pathlib import Path

ALLOWED = Path(__file__).with_name("allowed-log.txt")


def allowed(board):
    patterns = []
    for line in ALLOWED.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        where, pattern, _reason = (part.strip() for part in line.split(" | ", 2))
        if where in ("*", board):
            patterns.append(re.compile(pattern))
    return patterns


EXCEPTION = re.compile(r"^Taking exception")
EXCEPTION_DETAIL = re.compile(r"^(\.\.\.|Exception return)")


def complaints(path, ranges, board, faults=0):
    """Lines within the ranges of bytes that nobody has allowed; so many exceptions are allowed."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return []
    patterns = allowed(board)
    text = b"".join(data[begin:end] for begin, end in ranges).decode(errors="replace")
    found = []
    for line in text.splitlines():
        if EXCEPTION.search(line) and faults > 0:
            faults -= 1
        elif line and not EXCEPTION_DETAIL.search(line) and not any(p.search(line) for p in patterns):
            found.append(line)
    return found
