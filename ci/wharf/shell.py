# SPDX-License-Identifier: BSD-2-Clause
"""What ./wharf run does for a person, or for commands: /bin/sh on the serial console, or once with the commands of --exec and nothing else on the
line. An initrd that has a shell keeps it; another gets one and utilities (ci/wharf/userland.py)."""

import sys

from . import ports, steps, userland
from .boards import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402

SHELLS, COMMANDS = ("sh", "bin/sh"), "etc/exec"     # a name without a slash is in /bin
INTERACTIVE = "arg=system=shell.conf"
ONCE = f"log=quiet {INTERACTIVE} arg=session=exec"


def is_there(initrd):
    """The archive has a shell."""
    return initrd.is_file() and any(name in mkinitrd.names(initrd.read_bytes()) for name in SHELLS)


def with_userland(initrd):
    """The initrd, if it has a shell; else a copy beside it that has one, and utilities."""
    if is_there(initrd):
        return initrd
    ports.ensure(*userland.ALL_PORTS)
    if steps.Settings.dry:
        steps.say(f"and put {', '.join(userland.ALL_PORTS)} into a copy of {initrd}")
        return initrd
    made = initrd.with_name("initrd-session.cpio")
    made.write_bytes(userland.onto(initrd.read_bytes(), disk_tools=True))
    return made


def once(log):
    """Kernel arguments for commands; log: it is shown between what they print."""
    return ONCE if log else f"{ONCE} arg=log=quiet"


def with_commands(initrd, commands, output):
    """Another archive, with what init is to have the shell run. commands: a text."""
    output.write_bytes(mkinitrd.archive({COMMANDS: commands.encode()}, initrd.read_bytes()))
    return output
