#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Cuts power under ext4 and FAT on the simulated card, and compares what is found with the table of docs/guarantees.md; can put what was counted there.

    tests/guarantees.py --build build/host                             print what was counted
    tests/guarantees.py --build build/host --write                     put it into the document, between its marks
    tests/guarantees.py --ext4 length=1 --fat cuts=1000 --seed 7       of a smaller run

The programs judge each state by themselves, and fail. What they have counted (tests/host/storage/guarantees.h) is looked at here once more: an outcome that the table does not have for the
operation and the format is an error, and so is one in what was counted when the document was written.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "guarantees.md"
TABLE = "<!-- read by tests/guarantees.py -->"
BEGIN, END = "<!-- made by tests/guarantees.py: begin -->", "<!-- made by tests/guarantees.py: end -->"
PROGRAMS = {"ext4": "tests/host/ext4/test_ext4_power", "fat": "tests/host/fat/test_fat_power"}
TITLES = {"ext4": "ext4", "fat": "FAT"}
POINTS = ("within", "unsynced", "syncing", "synced")
OUTCOMES = ("old", "new", "prefix", "mixed", "untold")
LINE = re.compile(r"guarantee (\S+) (\S+) (\S+) (\S+) (\d+)$", re.MULTILINE)
CUTS = re.compile(r"^(\d+) cuts, (\d+) of them (?:twice|cut again)", re.MULTILINE)
SKIPPED = 77


def main():
    options = arguments()
    document = DOCUMENT.read_text()
    table = read_table(document)
    for name, rows in counted(document).items():
        compare(table, name, rows, "as counted in the document")
    at, parts = commit(), []
    for name in PROGRAMS:
        words = getattr(options, name).split() + [f"seed={options.seed}"]
        output = run(Path(options.build) / PROGRAMS[name], words)
        rows = rows_of(name, output)
        compare(table, name, rows, "found")
        parts.append(section(name, words, CUTS.search(output), rows))
    command = f"tests/guarantees.py --ext4 \"{options.ext4}\" --fat \"{options.fat}\" --seed {options.seed}"
    text = "\n\n".join([f"Counted at commit {at}, by `{command}`.", *parts])
    if options.write:
        DOCUMENT.write_text(with_counts(document, text))
    else:
        print(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "host"))
    parser.add_argument("--ext4", default="length=2 samples=2 checks=500", help="arguments of test_ext4_power")
    parser.add_argument("--fat", default="cuts=150000 fsck=40", help="arguments of test_fat_power")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into docs/guarantees.md")
    return parser.parse_args()


def run(program, words):
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run([program, *words], check=False, capture_output=True, text=True, env=environment)
    if done.returncode == SKIPPED:
        sys.stderr.write(done.stdout + done.stderr)
        sys.exit(SKIPPED)
    if done.returncode != 0:
        sys.exit(f"{program.name}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


# ---- the document ----

def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_table(document):
    """{(format, operation): outcomes that there may be before it is synced}"""
    if document.count(TABLE) != 1:
        sys.exit(f"{DOCUMENT}: it has not one table to be read")
    lines = document.split(TABLE)[1].strip().split("\n\n")[0].splitlines()
    columns = {TITLES[name]: name for name in PROGRAMS}
    table = {}
    for line in lines[2:]:
        row = dict(zip(cells(lines[0]), cells(line), strict=True))
        for title, name in columns.items():
            table[name, row["Operation"]] = set() if row[title] == "none" else set(row[title].split(", "))
    wrong = set().union(*table.values()) - set(OUTCOMES)
    if wrong:
        sys.exit(f"{DOCUMENT}: no outcomes: {', '.join(sorted(wrong))}")
    return table


def halves(document):
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        sys.exit(f"{DOCUMENT}: it has not the marks")
    head, rest = document.split(BEGIN)
    return head, *rest.split(END)


def counted(document):
    """What stands there: {format: {(operation, point): {outcome: count}}}"""
    names = {title: name for name, title in TITLES.items()}
    found = collections.defaultdict(dict)
    name = None
    for line in halves(document)[1].splitlines():
        if line.startswith("### "):
            name = names[line.removeprefix("### ")]
        row = cells(line)
        if len(row) == len(OUTCOMES) + 2 and row[1] in POINTS:
            found[name][row[0], row[1]] = {outcome: int(count) for outcome, count in zip(OUTCOMES, row[2:], strict=True) if count}
    return found


def with_counts(document, text):
    head, _, tail = halves(document)
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


# ---- what was found ----

def rows_of(name, output):
    """{(operation, point): {outcome: count}}"""
    rows = collections.defaultdict(dict)
    for form, operation, point, outcome, count in LINE.findall(output):
        if form != name or point not in POINTS or outcome not in OUTCOMES:
            sys.exit(f"not understood: {form} {operation} {point} {outcome}")
        rows[operation, point][outcome] = int(count)
    if not rows:
        sys.exit(f"{name}: nothing was counted")
    return rows


def compare(table, name, rows, where):
    """An operation that has been synced is there; and at any moment others may hide what became of it."""
    for (operation, point), outcomes in rows.items():
        may_be = {"new"} if point == "synced" else table.get((name, operation), set())
        wrong = set(outcomes) - may_be - {"untold"}
        if wrong or (name, operation) not in table:
            sys.exit(f"{name}: {operation}, {point}: {', '.join(sorted(wrong))}, {where}: that is not in the table of {DOCUMENT}")


def section(name, words, cuts, rows):
    lines = [f"### {TITLES[name]}", "", f"{cuts[1]} cuts, {cuts[2]} of them cut again while the first was recovered from: `{PROGRAMS[name].rsplit('/', 1)[1]} {' '.join(words)}`.", "",
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


main()
