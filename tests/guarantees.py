#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Cuts power under ext4 and FAT on the simulated card, and makes the table of docs/guarantees.md of what was found.

    tests/guarantees.py --build build/host                            print it
    tests/guarantees.py --build build/host --write docs/guarantees.md put it between the file's marks
    tests/guarantees.py --build build/host --ext4 length=1 --fat cuts=1000 --seed 7

The tests judge each state by themselves, and fail; what they have counted (tests/host/storage/guarantees.h) is looked at here once more: an outcome that ALLOWED does not name is an error.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- made by tests/guarantees.py: begin -->", "<!-- made by tests/guarantees.py: end -->"
PROGRAMS = {"ext4": "tests/host/ext4/test_ext4_power", "fat": "tests/host/fat/test_fat_power"}
TITLES = {"ext4": "ext4", "fat": "FAT"}
POINTS = ("within", "unsynced", "syncing", "synced")
OUTCOMES = ("old", "new", "prefix", "mixed", "untold")
ROW = re.compile(r"guarantee (\S+) (\S+) (\S+) (\S+) (\d+)$", re.MULTILINE)
CUTS = re.compile(r"^(\d+) cuts, (\d+) of them (?:twice|cut again)", re.MULTILINE)

# Until it is synced an operation may be there or not; these may be there in part (docs/ext4.md, docs/fat.md).
IN_PART = {"ext4": {"write-in-place": {"mixed"}},
           "fat": {"write-in-place": {"mixed"}, "write-behind-end": {"mixed", "prefix"}, "lengthen": {"mixed", "prefix"}}}


def main():
    options = arguments()
    parts = []
    for name in PROGRAMS:
        words = getattr(options, name).split() + [f"seed={options.seed}"]
        output = run(Path(options.build) / PROGRAMS[name], words)
        rows = rows_of(name, output)
        parts.append(section(name, words, CUTS.search(output), rows))
    text = "\n\n".join([f"Counted at commit {commit()}, by `tests/guarantees.py --ext4 \"{options.ext4}\" --fat \"{options.fat}\" --seed {options.seed}`.", *parts])
    if options.write:
        put(Path(options.write), text)
    else:
        print(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "host"))
    parser.add_argument("--ext4", default="length=2 checks=500", help="arguments of test_ext4_power")
    parser.add_argument("--fat", default="cuts=20000 fsck=20", help="arguments of test_fat_power")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", help="the document")
    return parser.parse_args()


def run(program, words):
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run([program, *words], check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{program.name}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def rows_of(name, output):
    """{(operation, point): {outcome: count}}"""
    rows = collections.defaultdict(dict)
    for form, operation, point, outcome, count in ROW.findall(output):
        if form != name or point not in POINTS or outcome not in OUTCOMES:
            sys.exit(f"not understood: {form} {operation} {point} {outcome}")
        if outcome not in allowed(name, operation, point):
            sys.exit(f"{name}: {operation}, {point}: {outcome}, {count} times: that is not promised")
        rows[operation, point][outcome] = int(count)
    return rows


def allowed(name, operation, point):
    if point == "synced":
        return {"new", "untold"}
    return {"old", "new", "untold"} | IN_PART[name].get(operation, set())


def section(name, words, cuts, rows):
    lines = [f"## {TITLES[name]}", "", f"{cuts[1]} cuts, {cuts[2]} of them cut again while the first was recovered from; `{PROGRAMS[name].rsplit('/', 1)[1]} {' '.join(words)}`.", "",
             "| Operation | Cut | " + " | ".join(OUTCOMES) + " |", "|---|---|" + "--:|" * len(OUTCOMES)]
    for operation in dict.fromkeys(operation for operation, _ in rows):
        for point in POINTS:
            counts = rows.get((operation, point))
            if counts:
                lines.append(f"| {operation} | {point} | " + " | ".join(str(counts.get(outcome, "")) for outcome in OUTCOMES) + " |")
    return "\n".join(lines)


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (", with changes" if git("status", "--porcelain", "--untracked-files=no", "--", "fs-srv", "tests", "libsys") else "")


def put(path, text):
    content = path.read_text()
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        sys.exit(f"{path}: it has not the marks")
    head, rest = content.split(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")


main()
