# SPDX-License-Identifier: BSD-2-Clause
"""The shell and the utilities of others that an initrd gets for who sits at the console: mksh as /bin/sh, busybox under the names of its
applets, what a login shell reads first, and what is mounted. They are ports (ci/wharf/ports.py), and so not in the tree's own initrd; what that has is not replaced."""

import sys
from pathlib import Path

from . import newlib, ports
from .boards import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402

PORTS = ("busybox", "mksh")
SHELL = "mksh"
# What makes and checks file systems: the port, the program, and the names that it is called by.
DISK_TOOLS = (
    ("e2fsprogs", "mke2fs", ("mkfs.ext2", "mkfs.ext3", "mkfs.ext4")),
    ("e2fsprogs", "e2fsck", ("fsck.ext2", "fsck.ext3", "fsck.ext4")),
    ("e2fsprogs", "tune2fs", ("e2label",)),
    ("e2fsprogs", "dumpe2fs", ()),
    ("e2fsprogs", "debugfs", ()),
    ("dosfstools", "mkfs.fat", ("mkfs.vfat",)),
    ("dosfstools", "fsck.fat", ("fsck.vfat",)),
)
ALL_PORTS = (*PORTS, *dict.fromkeys(port for port, _, _ in DISK_TOOLS))
PROFILE = b"""# What a login shell reads first.
set -o emacs
export HISTFILE=$HOME/.history HISTSIZE=500
PS1='wharf$ '
# mksh's own of these run in the shell's process, which no ^Z stops.
alias cat=/bin/cat sleep=/bin/sleep
"""
FSTAB = b"""# What is mounted (docs/mounts.md): device, path, format, options. Partitions are those of ./wharf image.
sd0p2  /data       auto  mkdir,nofail
sd0p1  /boot/card  fat   ro,mkdir,nofail
"""


def onto(initrd, more=None, shell=SHELL, disk_tools=False):
    """The bytes of an archive that has what initrd (bytes) has, this userland where initrd has nothing of that name, and more: {name: content}. shell: the
    port that is /bin/sh. disk_tools: with DISK_TOOLS, which are more than 4 MiB, or those of these names."""
    there = mkinitrd.names(initrd)
    entries = _entries(there, shell) | _disk_tools(disk_tools)
    files = {name: data for name, data in entries.items() if name not in there and Path(name).name not in there}
    return mkinitrd.archive(files | (more or {}), initrd)


def _entries(there, shell):
    taken = {Path(name).name for name in there}
    made = {f"bin/{name}": mkinitrd.content(ports.OUT / name / name, f"{newlib.CROSS}objcopy") for name in {*PORTS, shell}
            if name not in taken}
    made |= {path.lstrip("/"): mkinitrd.Link(b"/bin/busybox") for path in (ports.OUT / "busybox" / "busybox.links").read_text().split()
             if Path(path).name not in taken}
    if "sh" not in taken:
        made["bin/sh"] = mkinitrd.Link(f"/bin/{shell}".encode())
    return made | {"etc/profile": PROFILE, "etc/fstab": FSTAB}


def _disk_tools(which):
    made = {}
    for port, program, names in DISK_TOOLS:
        if not which or (which is not True and program not in which):
            continue
        made[f"bin/{program}"] = mkinitrd.content(ports.OUT / port / program, f"{newlib.CROSS}objcopy")
        made |= {f"bin/{name}": mkinitrd.Link(f"/bin/{program}".encode()) for name in names}
    return made
