#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs test_trace_timeline (the first argument) and reads what it writes."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "ci"))
from wharf.timeline import Timeline, TimelineError  # noqa: E402

SEEDS = 50
WAY = ["client \"1\"", "server", "driver", "CPU 1 interrupts", "driver", "server", "client \"1\""]


def made(program, folder, *words):
    path = Path(folder) / "trace.json"
    subprocess.run([program, words[0], path, *words[1:]], check=True)
    return Timeline(path.read_text())

NAMES = [{"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": "p"}}, {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "t"}}]
FLOW = {"id": "0x1", "cat": "message", "name": "message", "bp": "e"}
# One of each kind, which nobody can find fault with; and what is wrong with one of them, or where one more stands.
GOOD = [("B", 1, {"name": "a"}), ("s", 1, FLOW), ("B", 2, {"name": "b", "args": {"x": "0x1"}}), ("t", 2, FLOW), ("i", 2.5, {"name": "m", "s": "t"}), ("E", 3, {}),
        ("f", 3, FLOW), ("E", 4.001, {})]
CHANGES = [(0, "ph", "X"), (0, "ph", None), (0, "pid", "1"), (0, "pid", -1), (0, "tid", 1.5), (0, "tid", True), (0, "tid", 2), (0, "pid", 2), (0, "ts", "1"),
           (0, "ts", -1), (0, "ts", None), (0, "ts", 1e300), (0, "name", None), (0, "name", ""), (0, "name", 1), (2, "args", []), (4, "s", "x"), (1, "id", None), (1, "cat", None),
           (1, "cat", "other"), (3, "id", "0x2"), (3, "name", "other"), (6, "bp", None), (6, "ph", "t"), (1, "ph", "t"), (3, "ph", "s"), (3, "ph", "f"), (5, "ts", 1.9), (0, "ph", "E"),
           (7, "ph", "i"), (6, "ts", 1), (7, "ts", 2)]
MORE = [(0, ("E", 0, {})), (0, ("i", 5, {"name": "later"})), (8, ("B", 5, {"name": "does not end"})), (8, ("s", 5, {**FLOW, "id": "0x2"})), (7, ("s", 3.5, {**FLOW, "id": "0x2"}))]
WRONG_TEXTS = ["", "{}", "[]", '{"traceEvents":1,"otherData":{"lost events":"0"}}', '{"traceEvents":[1],"otherData":{"lost events":"0"}}', '{"traceEvents":[],"otherData":{"lost events":"-1"}}',
               '{"traceEvents":[],"otherData":{"lost events":"0"},"displayTimeUnit":"s"}', '{"traceEvents":[],"traceEvents":[],"otherData":{"lost events":"0"}}',
               '{"traceEvents":[],"otherData":{"lost events":NaN}}']


def file_of(events, names=()):
    rows = [{"ph": kind, "pid": 1, "tid": 1, "ts": moment, **more} for kind, moment, more in events]
    return {"traceEvents": [*rows, *(names or NAMES)], "otherData": {"lost events": "0"}, "displayTimeUnit": "ns"}


def good_and_bad():
    """What is no file of the format is refused, each fault by itself."""
    assert list(Timeline(json.dumps(file_of(GOOD))).ways()) == [["p"]]
    bad = []
    for place, key, value in CHANGES:
        whole = file_of(GOOD)
        row = whole["traceEvents"][place]
        row[key] = value
        if value is None:
            del row[key]
        bad.append(json.dumps(whole))
    bad += [json.dumps(file_of([*GOOD[:place], event, *GOOD[place:]])) for place, event in MORE]
    bad += [json.dumps(file_of(GOOD, names)) for names in (NAMES[:1], NAMES[1:], [*NAMES, {**NAMES[0], "args": {"name": "q"}}], [NAMES[0], {**NAMES[1], "args": {}}],
                                                           [*NAMES, {**NAMES[1], "name": "other"}])]
    for text in bad + WRONG_TEXTS:
        try:
            Timeline(text)
        except TimelineError:
            continue
        raise AssertionError(text)


def main(program):
    subprocess.run([program], check=True)
    with tempfile.TemporaryDirectory() as folder:
        timeline = made(program, folder, "call")
        assert list(timeline.ways()) == [WAY], list(timeline.ways())
        assert timeline.lost == 3
        assert ('client "1"', 'client "1"', "calls disk.read") in timeline.slices, timeline.slices
        assert ("driver", "driver", "disk.read") in timeline.slices
        assert {mark[2] for mark in timeline.marks} == {"fault", "woken"}
        for seed in range(SEEDS):
            made(program, folder, "random", str(seed))
    good_and_bad()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
