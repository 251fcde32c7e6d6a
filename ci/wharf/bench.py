# SPDX-License-Identifier: BSD-2-Clause
"""./wharf bench: builds the release kernel and hands over to bench/bench.py."""

import sys

from . import build, deps, packages, steps
from .boards import ROOT
from .steps import Failure

PROGRAM = ROOT / "bench" / "bench.py"


def add_arguments(sub):
    sub.add_argument("--json", metavar="FILE", help="write the figures there too")
    sub.add_argument("-R", "--regex", metavar="REGEX", help="only rows whose name matches")


def main(options):
    if not PROGRAM.is_file():
        raise Failure("bench/bench.py is missing from this checkout; check it out again.")
    packages.ensure("build", "qemu", "bench")
    deps.ensure("libfdt", "lz4", "e2fsprogs", "dtbs")
    build.build("release")
    argv = [sys.executable, PROGRAM]
    if options.json:
        argv += ["--json", options.json]
    if options.regex:
        argv += ["-R", options.regex]
    return steps.call(argv)
