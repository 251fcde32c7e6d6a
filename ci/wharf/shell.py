# SPDX-License-Identifier: BSD-2-Clause
"""What ./wharf run does for a person, or for commands: /bin/sh on the serial console, or once with the commands of --exec and nothing else on the
line. The shell and its utilities are ports (./wharf ports): mksh, and busybox under the names of its applets. An initrd that has a shell keeps it."""

import sys

from . import newlib, ports
from .boards import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402

SHELLS, COMMANDS = ("sh", "bin/sh"), "etc/exec"     # a name without a slash is in /bin
INTERACTIVE, ONCE = "arg=system=shell.conf", "log=quiet arg=system=exec.conf"
NAME_AT, SIZE_AT, NAME_SIZE_AT = mkinitrd.HEADER, 54, 94


PORTS = ("mksh", "busybox")
PROFILE = b"""# What a login shell reads first.
set -o emacs
export HISTFILE=$HOME/.history HISTSIZE=500
PS1='wharf$ '
"""


def utilities():
    """name -> content of what a session has beside Wharf's own programs, as mkinitrd.archive takes it."""
    files = {f"bin/{name}": mkinitrd.content(ports.OUT / name / name, f"{newlib.CROSS}objcopy") for name in PORTS}
    files |= {"bin/sh": mkinitrd.Link(b"mksh"), "etc/profile": PROFILE}
    for path in (ports.OUT / "busybox" / "busybox.links").read_text().split():
        files.setdefault(path.lstrip("/"), mkinitrd.Link(b"/bin/busybox"))
    return files


def with_utilities(initrd, output):
    """Another archive, with a shell and utilities; what the archive has itself counts."""
    output.write_bytes(mkinitrd.archive(utilities(), initrd.read_bytes()))
    return output


def names(data):
    """(name, where its record begins) of each file of an archive, the trailer too."""
    at = 0
    while data[at:at + 6] == b"070701":
        size, name_size = (int(data[at + field:at + field + 8], 16) for field in (SIZE_AT, NAME_SIZE_AT))
        name = data[at + NAME_AT:at + NAME_AT + name_size].split(b"\0", 1)[0].decode()
        yield name, at
        if name == mkinitrd.TRAILER:
            return
        at = _four(_four(at + NAME_AT + name_size) + size)


def _four(number):
    return -(-number // 4) * 4


def is_there(initrd):
    """The archive has a shell."""
    found = {name for name, _ in names(initrd.read_bytes())} if initrd.is_file() else set()
    return any(name in found for name in SHELLS)


def once(log):
    """Kernel arguments for commands; log: it is shown between what they print."""
    return ONCE + (" arg=log=shown" if log else "")


def with_commands(initrd, commands, output):
    """Another archive, with what init is to have the shell run. commands: a text."""
    data = initrd.read_bytes()
    found = dict(names(data))
    end = found[mkinitrd.TRAILER]
    text = commands.encode()
    record = mkinitrd.record(COMMANDS, len(found), mkinitrd.FILE_MODE, text)
    tail = mkinitrd.record(mkinitrd.TRAILER, 0, 0, b"")
    packed = data[:end] + record + tail
    output.write_bytes(packed + bytes(-len(packed) % mkinitrd.BLOCK))
    return output
