# SPDX-License-Identifier: BSD-2-Clause
"""./wharf core: takes the core of the last crash from a card's dump partition (bootstrap/dump.h), for GDB.

Everything on a card is untrusted: whatever is wrong with it is a sentence.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from . import card, steps
from .steps import Failure

DATA = 4096                 # where the core begins in its partition
MAGIC, VERSION = b"WHARFDMP", 1
HEADER = struct.Struct("<8sIIQIIQ64s")


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


def extract(path):
    """The core on a card: in the first of its partitions that has one."""
    try:
        with open(path, "rb") as file:
            for partition in card.read_table(file):
                if read(file, partition.start, len(MAGIC)) == MAGIC:
                    return read_dump(file, partition)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    except card.TableError as error:
        raise Failure(f"{path}: {error}") from error
    raise Failure(f"{path}: none of its partitions has a core")


def read(file, at, size):
    file.seek(at)
    return file.read(size)


def read_dump(file, partition):
    raw = read(file, partition.start, HEADER.size)
    magic, version, header_sum, size, core_sum, _, moment, program = HEADER.unpack(raw)
    if version != VERSION:
        raise Failure(f"the dump partition has version {version}; this command knows {VERSION}")
    if zlib.crc32(raw[:12] + bytes(4) + raw[16:]) != header_sum:
        raise Failure("the dump partition's header is damaged")
    if size > partition.size - DATA:
        raise Failure(f"the dump partition says that its core has {size} bytes, which is more than it has")
    data = read(file, partition.start + DATA, size)
    if zlib.crc32(data) != core_sum:
        raise Failure("the core is damaged, or not whole")
    return Core(program.split(b"\0")[0].decode("ascii", "replace"), moment, data)
