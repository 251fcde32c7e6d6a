#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a C table of the names of all messages, for traces, from the tables that defsgen.py makes of interfaces.

    message_names.py -o OUT.c NAME.trace.json...
"""

import argparse
import json
import sys
from pathlib import Path

HEAD = """/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Made by tools/message_names.py.
 */
#include "message_names.h"

static const struct {
    uint32_t id;
    const char *name;
} names[] = {
"""
TAIL = """};

/* In the order of ids. */
const char *message_name_of(uint32_t id)
{
    unsigned low = 0, high = sizeof names / sizeof names[0];

    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (names[middle].id == id)
            return names[middle].name;
        if (names[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}
"""


def names(paths):
    """{id: "interface.routine"} of all tables."""
    found = {}
    for path in paths:
        for key, row in json.loads(Path(path).read_text()).items():
            found[int(key, 0)] = f"{row['interface']}.{row['routine']}"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("tables", nargs="+")
    options = parser.parse_args()
    rows = "".join(f'    {{{key:#x}, "{name}"}},\n' for key, name in sorted(names(options.tables).items()))
    Path(options.output).write_text(HEAD + rows + TAIL)


if __name__ == "__main__":
    sys.exit(main())
