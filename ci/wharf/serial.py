# SPDX-License-Identifier: BSD-2-Clause
"""./wharf test --serial DEVICE: the system scenarios on a board, over the serial line that is its console (tests/qemu/board.py). Nothing is built for it but
what the card already has: ./wharf image --board NAME --tests."""

import sys

from . import build, steps
from .boards import ROOT

HARNESS = ROOT / "tests" / "qemu" / "board.py"


def run(options):
    argv = [sys.executable, HARNESS, "--device", options.serial, "--logs", build.tree("release") / "test-logs"]
    if options.regex:
        argv += ["-R", options.regex]
    return steps.call(argv)
