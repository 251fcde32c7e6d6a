# SPDX-License-Identifier: BSD-2-Clause
"""./wharf size: sizes of the kernel by module, of each program, initrd and image, and their change since a revision."""

import subprocess
import sys

from . import build, packages, steps
from .boards import ROOT
from .steps import Failure

TOOL = ROOT / "tools" / "size.py"
FORMAT = 2      # of the figures that are kept; another one is another file


def add_arguments(sub):
    sub.add_argument("--diff", metavar="REV", help="show the change since this revision")
    sub.add_argument("--preset", default="release", choices=build.TARGET_PRESETS)


def main(options):
    packages.ensure("build")
    build.build(options.preset)
    argv = [sys.executable, TOOL, build.tree(options.preset)]
    if options.diff:
        argv += ["--against", _measure_revision(options.diff, options.preset)]
    return steps.call(argv)


def _measure_revision(revision, preset):
    """Builds `revision` in a work tree of its own; returns the file with its figures."""
    commit = steps.query(["git", "-C", ROOT, "rev-parse", "--verify", f"{revision}^{{commit}}"]).strip()
    if not commit:
        raise Failure(f"git knows no revision '{revision}'; git log lists them.")
    home = ROOT / "build" / "size"
    figures = home / f"{commit[:12]}-{preset}.{FORMAT}.json"
    if figures.is_file() or steps.Settings.dry:
        return figures
    home.mkdir(parents=True, exist_ok=True)
    work = home / "tree"
    advice = "git worktree prune may help; then run this again."
    steps.query(["git", "-C", ROOT, "worktree", "remove", "--force", work])
    steps.long(f"checking out {revision}", ["git", "-C", ROOT, "worktree", "add", "--detach", work, commit],
               advice, log="worktree")
    try:
        (work / "build").mkdir()
        (work / "build" / "deps").symlink_to(ROOT / "build" / "deps")
        steps.long(f"configuring {revision}", ["cmake", "--preset", preset], "read the error above.",
                   cwd=work, env=_launcher(), log="configure-size")
        steps.long(f"building {revision}", ["cmake", "--build", "--preset", preset], "read the error above.",
                   cwd=work, log="build-size")
        # The old tool would not know the format; ours reads any kernel, with that tree's paths.
        text = subprocess.run([sys.executable, TOOL, work / "build" / preset, "--json", "--root", work], text=True, check=True, stdout=subprocess.PIPE).stdout
        figures.write_text(text)
    finally:
        steps.query(["git", "-C", ROOT, "worktree", "remove", "--force", work])
    return figures


def _launcher():
    """With ccache, if it is there: the work tree's path is always the same, so what the revisions have in common is compiled once."""
    return {"CMAKE_C_COMPILER_LAUNCHER": "ccache"} if packages.which("ccache") else {}
