# SPDX-License-Identifier: BSD-2-Clause
"""Boards as data: reads board/NAME/board.json. No board is named in the code that uses it."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class BoardError(Exception):
    """A request that the board cannot serve; the text is one sentence for the user."""


def names(kind):
    """Boards that have a section of this kind ('qemu' or 'image')."""
    found = []
    for path in sorted((ROOT / "board").glob("*/board.json")):
        if kind in json.loads(path.read_text()):
            found.append(path.parent.name)
    return found


def load(name):
    path = ROOT / "board" / name / "board.json"
    if not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in (ROOT / "board").glob("*/board.json")))
        raise BoardError(f"there is no board '{name}'; the boards are: {known}.")
    board = json.loads(path.read_text())
    board["dir"] = path.parent
    return board


def resolve(path):
    """A path of a board file: absolute, or relative to the checkout."""
    return str(ROOT / path)


def mem_bytes(text):
    """'512M' -> bytes. Raises BoardError for what is not a memory size."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], units[text[-1].upper()]) if text[-1:].upper() in units else (text, 1 << 20)
    if not number.isdigit() or int(number) == 0:
        raise BoardError(f"'{text}' is not a memory size; write for example 64M, 512M or 8G.")
    return int(number) * unit
