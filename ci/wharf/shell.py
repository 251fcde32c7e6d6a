# SPDX-License-Identifier: BSD-2-Clause
"""What ./wharf run does for a person, or for commands, when the initrd has a shell: /bin/sh on the serial console, or once with the commands
of --exec and nothing else on the line."""

import sys

from .boards import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402

SHELLS, COMMANDS = ("sh", "bin/sh"), "etc/exec"     # a name without a slash is in /bin
INTERACTIVE, ONCE = "arg=system=shell.conf", "log=quiet arg=system=exec.conf"
NAME_AT, SIZE_AT, NAME_SIZE_AT = mkinitrd.HEADER, 54, 94


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
    """The archive has a shell, and who starts it."""
    found = {name for name, _ in names(initrd.read_bytes())} if initrd.is_file() else set()
    return "init" in found and any(name in found for name in SHELLS)


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
