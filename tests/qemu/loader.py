# SPDX-License-Identifier: BSD-2-Clause
"""Starting the kernel without QEMU's own boot code, so that the device tree is what we say.

QEMU corrects a tree given by -dtb (it writes /memory and /chosen anew, and refuses broken ones). So
the kernel, the initrd, the tree and three instructions that load x0 and jump are put into memory as
plain data, and the CPU starts at those instructions, in the highest exception level there is.
"""

import struct
import subprocess

import fdt
from wharf import qemu

RAM = 0x40000000
JUMP, KERNEL, TREE, INITRD = RAM + 0x100000, RAM + 0x200000, RAM + 0x04000000, RAM + 0x05000000
OWN_TREE = RAM      # where QEMU leaves its tree when it has no kernel to hand it to


def loader_argv(scenario, machine, directory, log):
    plain = without_boot(qemu.build_argv(machine, serial="stdio", log=log))
    if scenario.silent_for:
        plain[plain.index("guest_errors,unimp")] += ",int"      # a fault would be a line in the log
    tree = directory / f"{scenario.name}.dtb"
    tree.write_bytes(scenario.tree(good_tree(plain, machine, tree)))
    at = TREE if scenario.tree_at is None else scenario.tree_at
    jump = directory / f"{scenario.name}.jump"
    jump.write_bytes(jump_code(at))
    argv = plain + load(jump, JUMP) + load(machine.kernel, KERNEL) + load(machine.initrd, INITRD)
    argv += ["-device", f"loader,addr={JUMP:#x},cpu-num=0"]
    if scenario.tree_at is None or RAM < at < RAM + 0x08000000:
        argv += load(tree, at)
    return argv


def without_boot(argv):
    """Without what QEMU's boot code would load."""
    result, skip = [], False
    for word in argv:
        if skip or word in ("-kernel", "-initrd", "-append", "-dtb"):
            skip = not skip
            continue
        result.append(word)
    return result


def load(path, address):
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def good_tree(argv, machine, scratch):
    """QEMU's own tree for this machine, with kernel arguments and initrd."""
    subprocess.run([*map(str, argv), "-machine", f"dumpdtb={scratch}"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    tree = fdt.parse(scratch.read_bytes())
    end = INITRD + machine.initrd.stat().st_size
    tree.root.child("chosen").properties.update({
        "bootargs": machine.append.encode() + b"\0",
        "linux,initrd-start": fdt.cells(0, INITRD), "linux,initrd-end": fdt.cells(0, end)})
    return fdt.write(tree)


def jump_code(tree):
    """x0 = tree; x1 = KERNEL; br x1."""
    def move(register, value):
        return [0xd2800000 | (value & 0xffff) << 5 | register,                     # movz
                0xf2a00000 | (value >> 16 & 0xffff) << 5 | register]               # movk, lsl 16
    code = [*move(0, tree), *move(1, KERNEL), 0xd61f0020]
    return struct.pack(f"<{len(code)}I", *code)
