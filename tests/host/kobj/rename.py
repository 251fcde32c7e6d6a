#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Names for client stubs in a program that has the kernel in it, too: NAME(...) becomes client_NAME(...).

    rename.py OUT.h INTERFACE.json...
"""

import json
import sys


def main():
    out, *files = sys.argv[1:]
    lines = ["/* SPDX-License-Identifier: BSD-2-Clause */", "/* Made by tests/host/kobj/rename.py. */", "#pragma once"]
    for file in files:
        with open(file, encoding="utf-8") as text:
            interface = json.load(text)
        for routine in interface["routines"]:
            for ending in ("", "_until"):
                name = f"{interface['interface']}_{routine['name']}{ending}"
                lines.append(f"#define {name}(...) client_{name}(__VA_ARGS__)")
    with open(out, "w", encoding="utf-8") as text:
        text.write("\n".join(lines) + "\n")


main()
