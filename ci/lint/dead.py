# SPDX-License-Identifier: BSD-2-Clause
"""What a header declares is used: a function's name occurs somewhere that is neither a declaration nor its definition, a macro's
somewhere but where it is defined.

Headers that say what C or POSIX has, or what somebody else's source asks for, are whole whether or not anybody uses all of them.
"""

import re
from collections import Counter

ABOUT = "nothing is declared that nobody uses"
OTHERS = ("libsys/newlib/", "ports/", "fs-srv/ext4/library/", "kernel/device/fdt/", "pager/lz4/")
READ = (".c", ".h", ".S", ".def", ".defs", ".ld", ".py", ".cmake", "CMakeLists.txt", ".sh")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
ATTRIBUTE = re.compile(r"\[\[.*?\]\]", re.S)
WORD = re.compile(r"[A-Za-z_]\w*")
HEAD = re.compile(r"^[A-Za-z_][\w\s*]*?[\s*](\w+)\([^;{}]*?\)\s*[;{]", re.M)
MACRO = re.compile(r"^#define (\w+)", re.M)
PASTED = re.compile(r"(\w+)##|##(\w+)")
C_FILES = (".c", ".h")


def check(root, files):
    words, heads, macros, declared, pasted = Counter(), Counter(), Counter(), {}, set()
    for name in files:
        if not name.endswith(READ):
            continue
        text = (root / name).read_text(errors="replace")
        if name.endswith((".c", ".h", ".S")):
            text = blank(COMMENT, text)
        words.update(WORD.findall(text))
        pasted.update(part for pair in PASTED.findall(text) for part in pair if part)
        if not name.endswith(C_FILES):
            continue
        for pattern, number in ((HEAD, heads), (MACRO, macros)):
            for match in pattern.finditer(blank(ATTRIBUTE, text)):
                number[match[1]] += 1
                if name.endswith(".h") and not name.startswith(OTHERS):
                    declared.setdefault(match[1], (name, text.count("\n", 0, match.start(1)) + 1))
    for word, (name, line) in sorted(declared.items(), key=lambda item: item[1]):
        if words[word] <= (macros[word] or heads[word]) and not any(part in word for part in pasted if len(part) > 3):
            yield name, line, f"{word} is used nowhere"


def blank(pattern, text):
    """The text without what matches, its lines kept."""
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
