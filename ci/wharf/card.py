# SPDX-License-Identifier: BSD-2-Clause
"""A card's partitions: where they lie, and the tables that say so, written and read.

Every card has the same four, in this order, each on whole MiB:

    1  boot   FAT32, 63 MiB from 1 MiB on: what firmware and U-Boot read
    2  data   for a file system of Wharf's own; empty
    3  swap   what leaves memory; empty
    4  dump   8 MiB for the core of a program that crashed while there was no file system; empty

The first and the last MiB belong to the tables. Readers must not trust a table: read_table() says
in a sentence what is wrong with one. Same arguments, same bytes.
"""

import struct
import uuid
import zlib
from dataclasses import dataclass

from .boards import BoardError

SECTOR = 512
MIB = 1 << 20
BOOT_END = 64 * MIB
DUMP_SIZE = 8 * MIB
LEAST, MOST = 128 * MIB, 1 << 40

# name -> (type in an MBR, type in a GPT). 0xda is "no file system"; the GPT type of dump is our own.
TYPES = {
    "boot": (0x0c, uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")),
    "data": (0x83, uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")),
    "swap": (0x82, uuid.UUID("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")),
    "dump": (0xda, uuid.UUID("57480004-5761-7266-8000-64756d700001")),
}
PROTECTIVE = 0xee
DISK_ID = 0x57480001
NAMESPACE = uuid.UUID("57480000-5761-7266-8000-636172640000")
GPT_SIGNATURE, GPT_HEADER = b"EFI PART", struct.Struct("<8sIIIIQQQQ16sQIII")
GPT_ENTRY, GPT_ENTRIES = struct.Struct("<16s16sQQQ72s"), 128
MBR_ENTRY = struct.Struct("<B3sB3sII")
BEYOND_CYLINDERS = b"\xfe\xff\xff"     # the old geometry fields of a partition that only sectors describe


class TableError(Exception):
    """What is wrong with a partition table that was read."""


@dataclass(frozen=True)
class Partition:
    number: int
    name: str           # of TYPES; '' for a type that is not ours
    start: int          # bytes
    size: int

    @property
    def end(self):
        return self.start + self.size


def layout(size, swap=None):
    """The partitions of a card of so many bytes; swap: bytes, by default a quarter of the card."""
    if size & (size - 1) or not LEAST <= size <= MOST:
        raise BoardError(f"a card has a power of two of bytes, {LEAST // MIB}M or more, not {size}; QEMU takes no other.")
    swap = size // 4 if swap is None else swap
    dump = size - MIB - DUMP_SIZE
    data_end = dump - swap
    if swap < MIB or swap % MIB or data_end < BOOT_END + MIB:
        raise BoardError(f"a card of {size // MIB}M has room for {(dump - BOOT_END) // MIB - 1}M of swap at most, in "
                         f"whole MiB, not for {swap} bytes.")
    bounds = (("boot", MIB, BOOT_END), ("data", BOOT_END, data_end), ("swap", data_end, dump),
              ("dump", dump, dump + DUMP_SIZE))
    return [Partition(number, name, start, end - start) for number, (name, start, end) in enumerate(bounds, 1)]


def make(path, size, swap=None, table="mbr"):
    """Writes an empty card: a sparse file with a table ('mbr', 'gpt', or None for none at all)."""
    partitions = layout(size, swap)
    with open(path, "wb") as handle:
        handle.truncate(size)
        if table:
            write_table(handle, size, partitions, table)
    return partitions


def write_table(handle, size, partitions, table="mbr"):
    if table == "gpt":
        _write_gpt(handle, size // SECTOR, partitions)
    else:
        rows = [(0x80 if p.name == "boot" else 0, TYPES[p.name][0], p.start // SECTOR, p.size // SECTOR) for p in partitions]
        _write_mbr(handle, rows)


def _write_mbr(handle, rows):
    body = b"".join(MBR_ENTRY.pack(active, BEYOND_CYLINDERS, kind, BEYOND_CYLINDERS, start, count)
                    for active, kind, start, count in rows)
    handle.seek(440)
    handle.write(struct.pack("<IH", DISK_ID, 0) + body.ljust(64, b"\0") + b"\x55\xaa")


def _write_gpt(handle, sectors, partitions):
    entries = bytearray(GPT_ENTRIES * GPT_ENTRY.size)
    for p in partitions:
        GPT_ENTRY.pack_into(entries, (p.number - 1) * GPT_ENTRY.size, TYPES[p.name][1].bytes_le,
                            uuid.uuid5(NAMESPACE, p.name).bytes_le, p.start // SECTOR, p.end // SECTOR - 1, 0,
                            f"wharf-{p.name}".encode("utf-16le"))
    room = len(entries) // SECTOR
    first, last = 2 + room, sectors - 2 - room
    for here, other, table in ((1, sectors - 1, 2), (sectors - 1, 1, sectors - 1 - room)):
        fields = [GPT_SIGNATURE, 0x10000, GPT_HEADER.size, 0, 0, here, other, first, last,
                  uuid.uuid5(NAMESPACE, "disk").bytes_le, table, GPT_ENTRIES, GPT_ENTRY.size, zlib.crc32(entries)]
        fields[3] = zlib.crc32(GPT_HEADER.pack(*fields))
        handle.seek(here * SECTOR)
        handle.write(GPT_HEADER.pack(*fields))
        handle.seek(table * SECTOR)
        handle.write(entries)
    _write_mbr(handle, [(0, PROTECTIVE, 1, min(sectors - 1, 0xffffffff))])


def read_table(handle):
    """The partitions of a card, of whatever origin. TableError when its table cannot be right."""
    size = handle.seek(0, 2)
    handle.seek(0)
    sector = handle.read(SECTOR)
    if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
        raise TableError("there is no partition table")
    rows = [MBR_ENTRY.unpack_from(sector, 446 + 16 * number) for number in range(4)]
    if any(row[2] == PROTECTIVE for row in rows):
        return _checked(list(_read_gpt(handle, size)), size)
    kinds = {mbr: name for name, (mbr, _) in TYPES.items()}
    found = [Partition(number, kinds.get(kind, ""), start * SECTOR, count * SECTOR)
             for number, (_, _, kind, _, start, count) in enumerate(rows, 1) if kind]
    return _checked(found, size)


def _read_gpt(handle, size):
    handle.seek(SECTOR)
    head = handle.read(SECTOR)
    (signature, _, length, crc, _, here, _, _, _, _, table, count, entry, entries_crc) = GPT_HEADER.unpack_from(head)
    if signature != GPT_SIGNATURE or here != 1 or not GPT_HEADER.size <= length <= SECTOR:
        raise TableError("the GPT's header is none")
    if zlib.crc32(head[:16] + bytes(4) + head[20:length]) != crc:
        raise TableError("the GPT's header has a wrong checksum")
    if entry < GPT_ENTRY.size or count * entry > MIB or table * SECTOR + count * entry > size:
        raise TableError("the GPT's entries lie outside of the card")
    handle.seek(table * SECTOR)
    entries = handle.read(count * entry)
    if zlib.crc32(entries) != entries_crc:
        raise TableError("the GPT's entries have a wrong checksum")
    kinds = {gpt.bytes_le: name for name, (_, gpt) in TYPES.items()}
    for number in range(count):
        kind, _, first, last, _, _ = GPT_ENTRY.unpack_from(entries, number * entry)
        if any(kind):
            yield Partition(number + 1, kinds.get(kind, ""), first * SECTOR, (last + 1 - first) * SECTOR)


def _checked(partitions, size):
    for p in partitions:
        if p.start == 0 or p.size <= 0 or p.end > size:
            raise TableError(f"partition {p.number} lies outside of the card")
    in_order = sorted(partitions, key=lambda p: p.start)
    for before, after in zip(in_order, in_order[1:]):
        if before.end > after.start:
            raise TableError(f"partitions {before.number} and {after.number} overlap")
    return partitions
