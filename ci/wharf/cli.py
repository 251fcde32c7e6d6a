# SPDX-License-Identifier: BSD-2-Clause
"""The subcommands and their options. Each module below offers add_arguments() and main()."""

import argparse
import importlib
import os
import sys

from . import steps
from .boards import ROOT, BoardError
from .steps import Failure

# name -> (module, what it does)
COMMANDS = {
    "run": ("run", "build, boot in QEMU, show the console, end with the program's status"),
    "test": ("test", "build what is needed and run the tests"),
    "bench": ("bench", "run the benchmarks and show them beside the peers"),
    "image": ("image", "write a boot medium"),
    "core": ("core", "take the core of the last crash from a card"),
    "debug": ("debug", "boot in QEMU, stopped, with gdb attached"),
    "trace": ("trace", "record what happens in QEMU, for Perfetto"),
    "sdk": ("sdk", "make the folder to build C programs for Wharf with"),
    "ports": ("ports", "build programs of others with the SDK"),
    "reference": ("reference", "write a page for each interface of the system"),
    "size": ("size", "size of the kernel by module"),
    "fmt": ("format", "format the C sources"),
    "lint": ("lint", "static analysis and the project's own checks"),
    "doctor": ("doctor", "what is installed, what is missing, and how to get it"),
}

EPILOG = """On a machine with nothing but Debian 12 or newer, every subcommand first installs what it needs (with
apt, when it may; otherwise it prints the line to run). -n shows the commands instead of running
them; what runs is plain cmake, ninja, ctest and QEMU. Everything made or fetched is under build/."""


def parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-n", "--dry-run", action="store_true", default=argparse.SUPPRESS,
                        help="show the commands, run none")
    common.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS,
                        help="show the commands and their output")
    top = argparse.ArgumentParser(prog="./wharf", parents=[common], epilog=EPILOG,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    subs = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, about) in COMMANDS.items():
        sub = subs.add_parser(name, parents=[common], help=about, description=about.capitalize() + ".")
        importlib.import_module(f"wharf.{module}").add_arguments(sub)
    subs.add_parser("help", help="this text")
    return top


def main(words):
    os.chdir(ROOT)
    top = parser()
    options = top.parse_args(words)
    if options.command == "help":
        top.print_help()
        return 0
    steps.Settings.dry = getattr(options, "dry_run", False)
    steps.Settings.verbose = getattr(options, "verbose", False)
    try:
        return importlib.import_module(f"wharf.{COMMANDS[options.command][0]}").main(options) or 0
    except (Failure, BoardError) as failure:
        print(f"wharf: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wharf: interrupted", file=sys.stderr)
        return 130
