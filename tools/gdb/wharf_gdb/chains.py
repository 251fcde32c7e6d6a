# SPDX-License-Identifier: BSD-2-Clause
"""Call chains from frame records: two words, the caller's record and the return address, at each frame pointer.

A thread that waits has no kernel stack (D1 of docs/architecture.md): what it does in the kernel is its wait record, and its
chain is its program's. One that a CPU works for has both, the kernel's above the program's.
"""

import struct

import gdb

from . import machine, programs
from .machine import Bad, read, read_user
from .records import Record, plain

FRAMES_AT_MOST = 24


def kernel_name(address):
    """function+offset, file:line of an address in the kernel."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    if text.startswith("No symbol"):
        return "?"
    name, _, rest = text.partition(" in section")[0].partition(" + ")
    line = gdb.find_pc_line(address)
    place = f"  {line.symtab.filename}:{line.line}" if line.symtab else ""
    return f"{name}+{int(rest or 0):#x}{place}"


def follow(pc, fp, reader, name):
    """Lines of a chain; reader(address, 16): bytes. It ends where a record cannot be read or does not climb."""
    yield f"{pc:#x} {name(pc)}"
    for _ in range(FRAMES_AT_MOST):
        if not fp or fp % 16:
            return
        try:
            above, back = struct.unpack("<QQ", reader(fp, 16))
        except Bad:
            return
        if not back:
            return
        yield f"{back:#x} {name(back - 4)}"
        if above <= fp:
            return
        fp = above
    yield "... and so on"


def _program_name(task):
    path = programs.file_of(task)
    if not path:
        return lambda address: ""
    program = programs.load(path)
    distance = programs.shift(program, task)
    return lambda address: program.name_of(address - distance)


def user(task, pc, fp):
    root = Record("struct pmap", task.pmap).root
    return follow(pc, fp, lambda at, size: read_user(root, at, size), _program_name(task))


def of_thread(thread, task, cpu):
    """The kernel's chain, if the CPU (gdb's thread) works for it in the kernel, and the program's."""
    frame = thread.at("arch.frame")
    pc, fp = plain(frame["pc"]), plain(frame["x29"])
    if cpu:
        before = gdb.selected_thread()
        gdb.execute(f"thread {cpu}", to_string=True)
        try:
            here, chain = machine.register("pc"), machine.register("x29")
            in_kernel = not machine.in_user_mode()
        finally:
            before.switch()
        if in_kernel:
            yield from (f"kernel  {line}" for line in follow(here, chain, read, kernel_name))
        else:
            pc, fp = here, chain
    yield from (f"program {line}" for line in user(task, pc, fp))
