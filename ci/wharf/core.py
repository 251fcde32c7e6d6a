# SPDX-License-Identifier: BSD-2-Clause
"""./wharf core: takes the core of the last crash from a card's dump partition (bootstrap/dump.h), for GDB.

Everything on a card is untrusted: whatever is wrong with it is a sentence.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from . import steps
from .steps import Failure

SECTOR = 512
DATA = 4096                 # where the core begins in its partition
MAGIC, VERSION = b"WHARFDMP", 1
HEADER = struct.Struct("<8sIIQIIQ64s")
SIZE_MAX = 64 << 20
GPT_ENTRIES_MAX = 128
ENTRY = struct.Struct("<16s16sQQ")


@dataclass
class Core:
    program: str
    moment: int         # nanoseconds since boot
    data: bytes


def add_arguments(sub):
    sub.add_argument("card", metavar="CARD.img", help="a card's image, or the card")
    sub.add_argument("-o", "--output", metavar="FILE", default="core", help="default: core")


def main(options):
    found = extract(options.card)
    if steps.Settings.dry:
        steps.say(f"core to write: {options.output}, {len(found.data)} bytes")
        return
    Path(options.output).write_bytes(found.data)
    steps.say(f"{options.output}: {found.program}, {found.moment / 1e9:.3f} s after its boot; "
              f"gdb-multiarch build/release/programs/FILE {options.output}")


def extract(card):
    """The core on a card. Its partition is the first whose first block says so."""
    try:
        with open(card, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            for first in partitions(file, size):
                if read(file, first * SECTOR, len(MAGIC)) == MAGIC:
                    return read_dump(file, first * SECTOR)
    except OSError as error:
        raise Failure(f"{card}: {error.strerror}") from error
    raise Failure(f"{card}: none of its partitions has a core")


def read(file, at, size):
    """Fewer bytes where the card ends."""
    if at < 0 or at >= 1 << 62:
        return b""
    file.seek(at)
    return file.read(size)


def partitions(file, size):
    """First sectors of the partitions that begin on the card."""
    sector = read(file, 0, SECTOR)
    if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
        return []
    gpt = gpt_partitions(file)
    found = gpt if gpt else [int.from_bytes(sector[446 + 16 * i + 8:446 + 16 * i + 12], "little") for i in range(4)]
    return [first for first in found if 0 < first < size // SECTOR]


def gpt_partitions(file):
    header = read(file, SECTOR, 92)
    if len(header) < 92 or not header.startswith(b"EFI PART"):
        return []
    at, count, entry_size = struct.unpack_from("<QII", header, 72)
    if entry_size < 128 or entry_size > 4096:
        return []
    table = [read(file, at * SECTOR + i * entry_size, ENTRY.size) for i in range(min(count, GPT_ENTRIES_MAX))]
    return [ENTRY.unpack(entry)[2] for entry in table if len(entry) == ENTRY.size and entry[:16] != bytes(16)]


def read_dump(file, at):
    raw = read(file, at, HEADER.size)
    if len(raw) < HEADER.size:
        raise Failure("the dump partition ends in its header")
    magic, version, header_sum, size, core_sum, _, moment, program = HEADER.unpack(raw)
    if version != VERSION:
        raise Failure(f"the dump partition has version {version}; this command knows {VERSION}")
    if zlib.crc32(raw[:12] + bytes(4) + raw[16:]) != header_sum:
        raise Failure("the dump partition's header is damaged")
    if size > SIZE_MAX:
        raise Failure(f"the dump partition says that its core has {size} bytes")
    data = read(file, at + DATA, size)
    if len(data) != size or zlib.crc32(data) != core_sum:
        raise Failure("the core is damaged, or not whole")
    return Core(program.split(b"\0")[0].decode("ascii", "replace"), moment, data)
