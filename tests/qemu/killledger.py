#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The kill ledger: drivers killed any number of times, from any seeds, under verified work, and a table of what that came to.

    tests/qemu/killledger.py --build build/release sd:1000 virtio:300:1,2,3 emmc2:100

Each row is one run of the scenario disk-kills (tests/qemu/disks.py): WHERE:KILLS:SEEDS, seeds by default 1. Recovery is the time
from a death to the next instance's `ready`, in microseconds that instructions make, so it repeats. `frames` is what a run has left
less than one with a single kill of the same machine; objects are those the kernel counts at its end. A run that fails is a row that says why.
"""

import argparse
import contextlib
import io
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "ci"), str(ROOT / "tools")]

import disks  # noqa: E402
import run  # noqa: E402

PLACES = {"virtio": None, "virtio-legacy": None, "sd": None, "emmc1": disks.PI, "emmc2": disks.PI}
WORK = re.compile(r"disk-load: block\.\S+, seed \d+: (\d+) reads, (\d+) writes, (\d+) flushes, (\d+) replays, (\d+) wrong")
TIMES = re.compile(r"kills: (?:(\S+): )?(\d+), recovery: median (\d+) us, 99th percentile (\d+) us, longest (\d+) us")
LEFT = re.compile(r"wharf: (\d+) kernel objects and (\d+) free pages left")
LEAK = re.compile(r"wharf: leak: (\d+) kernel objects before the programs, (\d+) after")
HEADINGS = ("card", "seed", "victim", "kills", "verified", "replays", "errors", "wrong", "objects", "frames", "median", "p99", "longest")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--type", choices=("release", "debug"), default="release")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--only", action="store_true", help="kill the disk's driver only, not what else is on the way to it")
    parser.add_argument("what", nargs="+", metavar="WHERE:KILLS[:SEED,...]")
    options = parser.parse_args()
    rows, good = [HEADINGS], True
    for what in options.what:
        where, kills, *seeds = what.split(":")
        if where not in PLACES:
            parser.error(f"there is no {where}: {', '.join(PLACES)}")
        before, _ = one(options, where, 1, 1)
        for seed in map(int, seeds[0].split(",") if seeds else ["1"]):
            said, passed = one(options, where, int(kills), seed)
            rows += rows_of(where, seed, said, before)
            good &= passed
    print_table(rows)
    return 0 if good else 1


def one(options, where, kills, seed):
    """What a run printed, with what the harness says of it; and whether it was good."""
    machine = None if PLACES[where] is None else {**PLACES[where]}
    scenario = disks.kills(f"ledger-{where}", where, kills, seed, machine=machine, cpus=options.cpus, seconds=60 + kills)
    if options.only:
        scenario.append = re.sub(r" arg=also=\S+", "", scenario.append) + f" arg=also={disks.NAMES[where][0]}"
        scenario.append += f" arg=manager={disks.NAMES[where][0]}"
    build = Path(options.build).resolve()
    verdict = io.StringIO()
    with contextlib.redirect_stdout(verdict):
        passed = run.run(scenario, build, argparse.Namespace(build=options.build, type=options.type, compiler="gcc", slow=None,
                                                             seed=None, append="", show=False, verbose=False))
    print(verdict.getvalue().splitlines()[0], file=sys.stderr, flush=True)
    console = build / "test-logs" / f"{scenario.name}.console"
    return (console.read_text(errors="replace") if console.is_file() else "") + verdict.getvalue(), passed


def rows_of(where, seed, text, before):
    """A row for each victim, and one for all with what counts for the run."""
    work, leak = WORK.search(text), LEAK.search(text)
    times = {name: values for name, *values in TIMES.findall(text)}     # without a name: of all
    if not work or "" not in times:
        return [(where, seed, text.rstrip().splitlines()[-1][:80])]
    reads, writes, flushes, replays, wrong = map(int, work.groups())
    total = times.pop("")
    errors = len(re.findall(r"^\S+: FAILED ", text, re.M))
    frames = free_of(before) - free_of(text)
    objects = int(leak[2]) - int(leak[1]) if leak else 0
    rows = [(where, seed, victim, count, "", "", "", "", "", "", *three) for victim, (count, *three) in times.items()]
    return [*rows, (where, seed, "all", total[0], reads + writes + flushes, replays, errors, wrong, objects, frames, *total[1:])]


def free_of(text):
    found = LEFT.search(text)
    return int(found[2]) if found else 0


def print_table(rows):
    """In Markdown."""
    texts = [[str(cell) for cell in row] + [""] * (len(HEADINGS) - len(row)) for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(HEADINGS))]
    for number, row in enumerate(texts):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


if __name__ == "__main__":
    sys.exit(main())
