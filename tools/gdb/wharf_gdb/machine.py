# SPDX-License-Identifier: BSD-2-Clause
"""The stopped machine: its memory, whatever its CPUs are doing, and their registers.

gdb reads memory as the CPU that it looks at would. One that runs a program may not see the kernel's, and sees only its
own task's: then page tables are walked here, in physical memory, which QEMU's stub shows on request.
"""

import struct

import gdb

PAGE = 4096
WORD = 2**64 - 1
# arch/aarch64/include/machine/mmu_md.h
KERNEL_HEIGHT, USER_HEIGHT = 3, 2
USER_END = 1 << 39
KERNEL_BEGIN = 0xffff << 48
DIRECT_MAP = 0xffff << 48
VALID, TABLE, ADDRESS = 1, 2, 0x0000fffffffff000
AT_MOST = 1 << 20       # bytes of one structure: what is longer is no length


class Bad(Exception):
    """What is wrong with what was found in the machine, in a sentence."""


def register(name):
    """Value of a register of the selected CPU, or None where QEMU does not show it."""
    try:
        return int(gdb.parse_and_eval(f"${name}")) & WORD
    except (gdb.error, ValueError):
        return None


def _read_physical(address, size):
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.error as error:
        raise Bad(f"there is no memory at physical address {address:#x}") from error
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def _walk(root, height, address, physical):
    """Physical address behind a virtual one; None where nothing is mapped. physical(address, size): reads."""
    table = root & ADDRESS
    while True:
        shift = 12 + 9 * height
        entry, = struct.unpack("<Q", physical(table + 8 * (address >> shift & 511), 8))
        if not entry & VALID:
            return None
        if height == 0 or not entry & TABLE:
            return (entry & ADDRESS & ~((1 << shift) - 1)) | address & ((1 << shift) - 1)
        table = entry & ADDRESS
        height -= 1


def _by_pages(address, size, find, physical):
    out = b""
    while size:
        part = min(size, PAGE - address % PAGE)
        at = find(address)
        if at is None:
            raise Bad(f"nothing is mapped at {address:#x}")
        out += physical(at, part)
        address, size = address + part, size - part
    return out


def read(address, size):
    """Bytes of the kernel's memory."""
    if not KERNEL_BEGIN <= address <= WORD - size or size > AT_MOST:
        raise Bad(f"{address:#x} is no address of the kernel's memory")
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.error:
        pass
    root = register("TTBR1_EL1")
    if not root:
        raise Bad(f"{address:#x} cannot be read: the kernel has no page tables yet")
    return _by_pages(address, size, lambda at: _walk(root, KERNEL_HEIGHT, at, _read_physical), _read_physical)


def read_word(address):
    return struct.unpack("<Q", read(address, 8))[0]


def _through_direct_map(address, size):
    return read(DIRECT_MAP + address, size)


def read_user(root, address, size):
    """Bytes of the memory of the address space that begins at this table; only what is mapped at the moment."""
    if not 0 <= address <= USER_END - size or size > AT_MOST:
        raise Bad(f"{address:#x} is no address of a program's memory")
    return _by_pages(address, size, lambda at: _walk(root, USER_HEIGHT, at, _through_direct_map), _through_direct_map)


def each_cpu():
    """Selects one of gdb's threads, which are QEMU's CPUs, after the other, and gives its record's address; 0: it has none yet."""
    before = gdb.selected_thread()
    try:
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            yield register("TPIDR_EL1") or 0
    finally:
        if before and before.is_valid():
            before.switch()


def in_user_mode():
    """The selected CPU runs a program."""
    return ((register("cpsr") or 0) & 0xf) == 0
