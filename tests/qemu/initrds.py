# SPDX-License-Identifier: BSD-2-Clause
"""Initrds that scenarios bring instead of the tree's own."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "ci"), str(ROOT / "tools")]
from mkinitrd import archive, content  # noqa: E402
from wharf import newlib  # noqa: E402


def of(*names):
    """A function for Scenario.initrd: these programs of the tree, alone."""
    def make(build):
        return archive({name: content(build / "programs" / name, f"{newlib.CROSS}objcopy") for name in names})
    return make
