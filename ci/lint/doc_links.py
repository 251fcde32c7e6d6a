# SPDX-License-Identifier: BSD-2-Clause
"""What documents say in `code marks` of the tree is there: paths, and `path:name` with the name in the file.

A mark is looked at if it begins with a folder of the top level. A path with NAME or PRESET as a
stand-in is not looked at; what is built (build/) neither.
"""

import re

ABOUT = "paths and functions that documents name exist"
MARK = re.compile(r"`([A-Za-z0-9_.-]+/[A-Za-z0-9_./-]*)(?::([A-Za-z_][A-Za-z0-9_]*))?`")
STAND_IN = re.compile(r"(?<![A-Z])(NAME|PRESET)(?![A-Z])")


def check(root, files):
    folders = {name.split("/", 1)[0] for name in files if "/" in name}
    for name in files:
        if not name.endswith(".md"):
            continue
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            for path, symbol in MARK.findall(line):
                if path.split("/", 1)[0] in folders and not STAND_IN.search(path):
                    text = verdict(root / path, symbol)
                    if text:
                        yield name, number, f"{path}{':' + symbol if symbol else ''}: {text}"


def verdict(path, symbol):
    """What is wrong with a mark, or None."""
    if not path.exists():
        return "there is no such file"
    if not symbol:
        return None
    if not path.is_file():
        return "is a folder, and so has no functions"
    if not re.search(rf"\b{symbol}\b", path.read_text(errors="replace")):
        return f"{symbol} is not in it"
    return None
