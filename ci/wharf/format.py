# SPDX-License-Identifier: BSD-2-Clause
"""./wharf fmt: clang-format over the C sources; --check only looks."""

import subprocess

from . import packages, steps, tree
from .boards import ROOT

SUFFIXES = (".c", ".h")


def add_arguments(sub):
    sub.add_argument("--check", action="store_true", help="change nothing, list what would change")


def main(options):
    packages.ensure("fmt")
    files = tree.files(*SUFFIXES)
    if options.check:
        return 0 if check(files) else 1
    return steps.call(["clang-format", "-i", *files], cwd=ROOT) if files else 0


def check(files=None):
    """Lists the files that clang-format would change; True when there are none."""
    files = tree.files(*SUFFIXES) if files is None else files
    if not files:
        return True
    argv = ["clang-format", "--dry-run", "--Werror", *files]
    if steps.Settings.dry or steps.Settings.verbose:
        steps.show(argv, cwd=ROOT)
    if steps.Settings.dry:
        return True
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
    wrong = sorted({line.split(":", 1)[0] for line in done.stderr.splitlines()
                    if "[-Wclang-format-violations]" in line})
    for path in wrong:
        print(f"{path}: not formatted")
    if wrong:
        steps.say(f"{len(wrong)} files are not formatted; ./wharf fmt does it.")
    return done.returncode == 0
