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
        where, pattern, _reason = (part.strip() for part in line.split("|", 2))
        if where in ("*", board):
            patterns.append(re.compile(pattern))
    return patterns


def complaints(path, ranges, board):
    """Lines within the ranges of bytes that nobody has allowed."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return []
    patterns = allowed(board)
    text = b"".join(data[begin:end] for begin, end in ranges).decode(errors="replace")
    return [line for line in text.splitlines() if line and not any(p.search(line) for p in patterns)]
