# SPDX-License-Identifier: BSD-2-Clause
"""System registers of a CPU in words; and symbols for the entry code.

The kernel is linked at one fixed high address; nothing is randomised. Only the entry code runs
elsewhere: at the physical address where the loader put the image.
"""

import re
import struct

import gdb

from .machine import Bad, register

EXCEPTION_CLASSES = {
    0x00: "unknown instruction", 0x07: "FP or SIMD access trapped", 0x0e: "illegal execution state",
    0x15: "SVC", 0x16: "HVC", 0x17: "SMC", 0x18: "system register access trapped",
    0x20: "instruction abort from user", 0x21: "instruction abort in the kernel",
    0x22: "PC not aligned", 0x24: "data abort from user", 0x25: "data abort in the kernel",
    0x26: "SP not aligned", 0x2f: "SError", 0x30: "breakpoint from user", 0x31: "breakpoint",
    0x32: "single step from user", 0x33: "single step", 0x3c: "BRK",
}
STUB = (0x580000c0, 0xaa1f03e1)     # ldr x0, tree; mov x1, xzr; ... the entry is at +0x20
FAULTS = {0: "address size", 1: "translation", 2: "access flag", 3: "permission"}


def image_address():
    """Physical address of the image: QEMU's stub jumps there, or the pc is in its first 2 MiB."""
    pc = register("pc")
    words = struct.unpack("<10I", bytes(gdb.selected_inferior().read_memory(pc, 40)))
    if words[:2] == STUB:
        return words[8] | words[9] << 32
    return pc & ~0x1fffff


def describe_esr(esr):
    kind = esr >> 26
    text = EXCEPTION_CLASSES.get(kind, f"class {kind:#x}")
    if kind in (0x20, 0x21, 0x24, 0x25):
        status = esr & 0x3f
        fault = FAULTS.get(status >> 2)
        text += f", {fault} fault at level {status & 3}" if fault else f", status {status:#x}"
        if kind >= 0x24:
            text += ", write" if esr & (1 << 6) else ", read"
    return text


def show(_):
    cpsr = register("cpsr") or 0
    masked = "".join(letter for bit, letter in ((9, "D"), (8, "A"), (7, "I"), (6, "F"))
                     if cpsr & (1 << bit))
    yield f"EL{(cpsr >> 2) & 3}  SP_EL{cpsr & 1}  masked: {masked or 'nothing'}"
    for name in ("SCTLR", "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "VBAR", "ELR_EL1", "SPSR_EL1",
                 "ESR_EL1", "FAR_EL1", "TPIDR_EL0", "TPIDR_EL1"):
        value = register(name)
        if value is not None:
            note = f"   {describe_esr(value)}" if name == "ESR_EL1" and value else ""
            yield f"{name:<10} {value:#018x}{note}"


def early(words):
    starts = re.findall(r"^\s*(0x[0-9a-f]+) - 0x", gdb.execute("info files", to_string=True), re.M)
    if not starts:
        raise Bad("gdb has no file of the kernel")
    linked = min(int(start, 16) for start in starts)
    physical = int(gdb.parse_and_eval(words[0])) if words else image_address()
    path = gdb.objfiles()[0].filename
    gdb.execute(f"add-symbol-file {path} -o {(physical - linked) & (2**64 - 1):#x}", to_string=True)
    yield f"symbols also at {physical:#x} (the entry code, before the MMU)"


def late(_):
    path = gdb.objfiles()[0].filename
    gdb.execute("symbol-file", to_string=True)
    gdb.execute(f"symbol-file {path}", to_string=True)
    return ()
