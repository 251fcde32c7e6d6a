#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs test_trace_timeline (the first argument) and reads what it writes."""

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
    for text in ("", "{}", '{"traceEvents":[{"ph":"E","pid":1,"tid":1,"ts":1}],"otherData":{"lost events":"0"}}'):
        try:
            Timeline(text)
        except TimelineError:
            continue
        raise AssertionError(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
