# SPDX-License-Identifier: BSD-2-Clause
"""Programs and archives that are damaged: the kernel says why it does not start them, and goes on."""

import struct

from mkinitrd import archive
from programs import HELLO, VIRT
from scenario import CI, Scenario, all_ended

PROGRAM_HEADERS_AT = 64     # libsys/program.ld puts them behind the file header
PROGRAM_HEADER_SIZE = 56


def patch(data, at, form, value):
    size = struct.calcsize(form)
    return data[:at] + struct.pack(form, value) + data[at + size:]


def segment(data, number, field, form, value):
    """Overwrites a field of a program header."""
    return patch(data, PROGRAM_HEADERS_AT + number * PROGRAM_HEADER_SIZE + field, form, value)


# Fields of a program header.
FLAGS, OFFSET, ADDRESS, FILE_SIZE, MEMORY_SIZE = 4, 8, 16, 32, 40

DAMAGES = {
    "empty": lambda d: b"",
    "text": lambda d: b"#!/bin/sh\necho no program\n",
    "half-header": lambda d: d[:40],
    "half-segments": lambda d: d[:0x1010],
    "x86": lambda d: patch(d, 18, "<H", 62),
    "32-bit": lambda d: patch(d, 4, "<B", 1),
    "big-endian": lambda d: patch(d, 5, "<B", 2),
    "relocatable": lambda d: patch(d, 16, "<H", 1),
    "headers-outside": lambda d: patch(d, 32, "<Q", 0xfffffffffffffff0),
    "many-headers": lambda d: patch(d, 56, "<H", 0xffff),
    "no-headers": lambda d: patch(d, 56, "<H", 0),
    "odd-headers": lambda d: patch(d, 54, "<H", 55),
    "write-execute": lambda d: segment(d, 0, FLAGS, "<I", 7),
    "offset-wraps": lambda d: segment(d, 0, OFFSET, "<Q", 0xfffffffffffff000),
    "file-larger": lambda d: segment(d, 0, FILE_SIZE, "<Q", 0x7fffffff),
    "size-wraps": lambda d: segment(d, 2, MEMORY_SIZE, "<Q", 0xffffffffffffff00),
    "kernel-address": lambda d: segment(d, 0, ADDRESS, "<Q", 0xffffffff80000000),
    "address-zero": lambda d: segment(d, 0, ADDRESS, "<Q", 0),
    "overlap": lambda d: segment(d, 1, ADDRESS, "<Q", 0x400000),
    "terabyte": lambda d: segment(d, 2, MEMORY_SIZE, "<Q", 1 << 40),
    "entry-kernel": lambda d: patch(d, 24, "<Q", 0xffffffff80000000),
    "entry-odd": lambda d: patch(d, 24, "<Q", 0x400002),
}
GROUP = 8       # the kernel starts 16 programs at most


def damaged(names):
    def initrd(build):
        good = (build / "programs" / "hello").read_bytes()
        return archive({"hello": good, **{name: DAMAGES[name](good) for name in names}})
    return initrd


def scenario(number, names):
    return Scenario(
        f"bad-programs-{number}", VIRT, append=f"init={','.join(names)},hello",
        initrd=damaged(names), expect=(*HELLO, all_ended()),
        anywhere=tuple(rf"^wharf: {name} cannot be started: ." for name in names))


def cut_archive(size):
    return lambda build: archive({"hello": (build / "programs" / "hello").read_bytes()})[:size]


def bad_archive(name, initrd):
    """Nothing can be started: it is said why, and that is the end."""
    return Scenario(f"bad-initrd-{name}", VIRT, append="init=hello", initrd=initrd, label=CI,
                    allow=(r"^wharf: cannot boot: ",),
                    expect=(r"^wharf: hello cannot be started: .*cpio",
                            r"^wharf: cannot boot: no program"))


def all_scenarios():
    names = list(DAMAGES)
    groups = [names[i:i + GROUP] for i in range(0, len(names), GROUP)]
    return [
        *(scenario(number, group) for number, group in enumerate(groups, start=1)),
        bad_archive("cut", cut_archive(5000)),
        bad_archive("header-only", cut_archive(100)),
        bad_archive("garbage", lambda build: bytes(range(256)) * 16),
    ]
