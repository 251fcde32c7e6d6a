# SPDX-License-Identifier: BSD-2-Clause
"""The cards and disks of a scenario: what is on them, where they are attached, what goes wrong with them.

    Scenario(..., disk=Card("sd"))                                 an SD card behind PCI, on virt
    Scenario(..., disk=Card("virtio-legacy", size="4G", table="gpt"))
    Scenario(..., disk=(Card("virtio"), Card("sd")))               both
    Scenario(..., disk=Card("virtio", errors=(Error("write", sector=131072),)))
    Scenario(..., disk=Card("emmc2", faults=(Fault("flip", times=None, sectors=range(131072, 131073)),)))

Every run gets a fresh image. `where` is a name from "disks" in board/NAME/board.json. The partitions
are those of ci/wharf/card.py.
"""

from dataclasses import dataclass

import writelog
from wharf import boards, card, qemu


@dataclass
class Error:
    """The host fails (QEMU's blkdebug). Only virtio tells its guest; for cards there is nbd.Fault."""

    io: str = "read"            # read, write, flush, discard
    sector: int | None = None   # None: any
    errno: int = 5
    once: bool = False

    def rule(self):
        rule = {"event": "none", "iotype": self.io, "errno": self.errno, "once": self.once, "immediately": False}
        return rule if self.sector is None else {**rule, "sector": self.sector}


@dataclass
class Card:
    where: str | None = None    # None: where the board boots from
    size: str = "128M"          # a power of two; up to 2G it is an SDSC card, above an SDHC card
    swap: str | None = None     # None: a quarter
    table: str | None = "mbr"   # mbr, gpt, None: nothing at all
    fill: object = None         # function(open file, partitions): what else is on it
    errors: object = ()         # of Error, or function(image's path) -> those
    faults: object = None       # of nbd.Fault, or function(image's path) -> those; () for faults that come later
    options: str = ""           # further ones of QEMU's -device
    drive: str = ""             # further ones of QEMU's -drive, such as throttling.iops-total=50
    logged: bool = False        # what is written, and when it is flushed, is kept beside the image (writelog.py)

    def sizes(self):
        return boards.mem_bytes(self.size), boards.mem_bytes(self.swap) if self.swap else None

    def make(self, path):
        """Writes an image that holds the table and what `fill` writes."""
        partitions = card.make(path, *self.sizes(), self.table)
        self.complete(path, partitions)

    def complete(self, path, partitions=None):
        if self.fill:
            with open(path, "r+b") as handle:
                self.fill(handle, partitions or card.layout(*self.sizes()))

    def served(self):
        """Whether it is to be served by nbd.Server."""
        return self.faults is not None

    def disk(self, path, socket, without_image=False):
        """How QEMU gets at it."""
        below = {"driver": "nbd", "server": {"type": "unix", "path": str(socket)}} if self.served() \
            else {"driver": "file", "filename": str(path)}
        errors = () if without_image and callable(self.errors) else of_image(self.errors, path)
        if errors:
            below = {"driver": "blkdebug", "inject-error": [error.rule() for error in errors], "image": below}
        if self.logged:
            log = writelog.path_of(path)
            log.touch()
            below = {"driver": "blklogwrites", "file": below, "log": {"driver": "file", "filename": str(log)}}
        plain = not errors and not self.served() and not self.logged
        return qemu.Disk(path if plain else below, self.where, self.options, self.drive)


def of_image(what, path):
    """What was given, or what the given function makes of the image."""
    return what(path) if callable(what) else what


def as_tuple(disk):
    if disk is None:
        return ()
    return tuple(disk) if isinstance(disk, (tuple, list)) else (disk,)
