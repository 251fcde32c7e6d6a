# SPDX-License-Identifier: BSD-2-Clause
"""The shell and the utilities of others that an initrd gets for who sits at the console: mksh as /bin/sh, busybox under the names of its
applets. They are ports (ci/wharf/ports.py), and so not in the tree's own initrd; what that has is not replaced."""

import sys
from pathlib import Path

from . import ports, steps
from .boards import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402
from mkinitrd import Link  # noqa: E402

PORTS = ("busybox", "mksh")
SHELL = "mksh"
STRIP = "aarch64-linux-gnu-objcopy"


def entries(present=(), shell=SHELL):
    """{name in the archive: content}. present: names that the archive has; shell: the port that is /bin/sh."""
    made = {f"bin/{name}": mkinitrd.content(ports.OUT / name / name, STRIP) for name in {*PORTS, shell}}
    there = {f"bin/{name}" if "/" not in name else name for name in present}
    for path in (ports.OUT / "busybox" / "busybox.links").read_text().split():
        if Path(path).name not in {Path(name).name for name in there}:
            made[path.lstrip("/")] = Link(b"/bin/busybox")
    made["bin/sh"] = Link(f"/bin/{shell}".encode())
    return {name: data for name, data in made.items() if name not in there}


def with_userland(initrd, names, output):
    """Another archive that has them, too. names: those it has already."""
    ports.ensure(*PORTS)
    if steps.Settings.dry:
        steps.say(f"and put {', '.join(PORTS)} into a copy of {initrd}")
        return initrd
    output.write_bytes(mkinitrd.archive(entries(names), initrd.read_bytes()))
    return output
