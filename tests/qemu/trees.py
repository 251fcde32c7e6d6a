# SPDX-License-Identifier: BSD-2-Clause
"""Device trees that are wrong, and some that are only unusual, made from the one of QEMU's virt.

Each function takes the good tree as bytes and returns another. What the kernel must say of the
wrong ones stands beside it in SCENARIOS: one sentence on the console if the tree lets one be found;
otherwise silence and a halt, which the harness checks by looking for exceptions in QEMU's log.
"""

import struct

import fdt
import loader
from matrix import BOOT_EXPECT, SELF_TESTS
from scenario import CI, Scenario

MACHINE = {"board": "virt", "gic": 2, "cpus": 1, "mem": "128M"}
RAM = 0x40000000
SILENT = 1.5


def change(edit):
    """A function on bytes from one that edits the parsed tree."""
    def changed(data):
        tree = fdt.parse(data)
        edit(tree)
        return fdt.write(tree)
    return changed


def header(field, value):
    """Overwrites the header's 32-bit word number `field`."""
    return lambda data: data[:4 * field] + struct.pack(">I", value) + data[4 * field + 4:]


def without(name):
    def edit(tree):
        assert tree.root.find(name), name
        tree.root.remove(name)
    return change(edit)


def without_property(node, name):
    return change(lambda tree: tree.root.find(node)[0].properties.pop(name))


def with_property(node, name, value):
    return change(lambda tree: tree.root.find(node)[0].properties.update({name: value}))


def truncated(data):
    """Cut in the middle of the structure block, sizes as before."""
    return data[:fdt.HEADER.size + 600] + b"\xff" * (len(data) - fdt.HEADER.size - 600)


def cut_and_honest(data):
    """Cut there, and the header says so."""
    size = fdt.HEADER.size + 600
    return struct.pack(">II", fdt.MAGIC, size) + data[8:size]


def nested(tree):
    node = tree.root
    for _ in range(600):
        node = node.add(fdt.Node("deep"))


def unterminated_name(data):
    """The first property's name lies at the end of the strings, with no NUL behind it."""
    _, total, _, at_strings, *_ = fdt.HEADER.unpack_from(data)
    return data[:at_strings] + b"x" * (len(data) - at_strings) if total == len(data) else data


def two_banks(tree):
    """128 MiB as two banks with a hole between, and two reservations inside them."""
    tree.root.find("memory")[0].properties["reg"] = fdt.cells(
        0, RAM, 0, 0x03000000, 0, RAM + 0x04000000, 0, 0x04000000)
    tree.reserved.append((RAM + 0x01000000, 0x10000))
    holder = tree.root.add(fdt.Node("reserved-memory", {
        "#address-cells": fdt.cells(2), "#size-cells": fdt.cells(2), "ranges": b""}))
    holder.add(fdt.Node("keep@42000000", {"reg": fdt.cells(0, RAM + 0x02000000, 0, 0x100000)}))
    holder.add(fdt.Node("hidden@42400000", {"reg": fdt.cells(0, RAM + 0x02400000, 0, 0x100000),
                                            "no-map": b""}))


def tree_in_unmappable_memory(tree):
    """A no-map reservation over all places where a loader may have put the tree: its own pages stay
    mapped read-only, so its seeds cannot be wiped, and nothing may try."""
    holder = tree.root.add(fdt.Node("reserved-memory", {
        "#address-cells": fdt.cells(2), "#size-cells": fdt.cells(2), "ranges": b""}))
    holder.add(fdt.Node("firmware@%x" % loader.TREE, {
        "reg": fdt.cells(0, loader.TREE, 0, 0x200000), "no-map": b""}))


def console_behind_buses(tree):
    """The console two buses down, each shifting its addresses."""
    pl011 = tree.root.child("pl011")
    tree.root.children.remove(pl011)
    outer = tree.root.add(fdt.Node("outer", {
        "compatible": b"simple-bus\0", "#address-cells": fdt.cells(1), "#size-cells": fdt.cells(1),
        "ranges": fdt.cells(0x1000000, 0, 0x08000000, 0x02000000)}))
    inner = outer.add(fdt.Node("inner", {
        "compatible": b"simple-bus\0", "#address-cells": fdt.cells(2), "#size-cells": fdt.cells(1),
        "ranges": fdt.cells(7, 0, 0x2000000, 0x100000)}))
    pl011.properties["reg"] = fdt.cells(7, 0, 0x1000)
    inner.add(pl011)
    tree.root.child("chosen").properties["stdout-path"] = f"/outer/inner/{pl011.name}\0".encode()


def many_nodes(tree):
    """A thousand devices that the kernel has no use for."""
    for number in range(1000):
        tree.root.add(fdt.Node(f"device@{number:x}", {"compatible": b"nobody,knows\0",
                                                      "reg": fdt.cells(0, number, 0, 1)}))


def cannot(name, tree, sentence, **more):
    return Scenario(f"tree-{name}", MACHINE, append="init=hello", tree=tree,
                    expect=(rf"^wharf: cannot boot: .*{sentence}",),
                    allow=(r"^wharf: cannot boot: ",), **more)


def silent(name, tree, **more):
    return Scenario(f"tree-{name}", MACHINE, append="init=hello", tree=tree, silent_for=SILENT, **more)


def fine(name, tree, **more):
    return Scenario(f"tree-{name}", MACHINE, append=SELF_TESTS, tree=change(tree),
                    expect=BOOT_EXPECT, **more)


SCENARIOS = [
    fine("good", lambda tree: None),
    fine("two-banks", two_banks),
    fine("buses", console_behind_buses),
    fine("unmappable", tree_in_unmappable_memory),
    fine("many-nodes", many_nodes, label=CI),
    silent("none", lambda data: data, tree_at=0),
    # No memory there: the one look at it faults, and that is the end of it.
    silent("elsewhere", lambda data: data, tree_at=0x7ffff000, label=CI, faults=1),
    silent("misaligned", lambda data: data, tree_at=RAM + 0x07000004, label=CI),
    silent("no-magic", header(0, 0x12345678)),
    silent("huge", header(1, 0x40000000), label=CI),
    silent("tiny", header(1, 20), label=CI),
    silent("strings-outside", header(3, 0x00fffff0)),
    silent("structure-outside", header(2, 0x7ffffffc), label=CI),
    silent("old-version", header(5, 2), label=CI),
    silent("truncated", truncated),
    silent("cut", cut_and_honest, label=CI),
    cannot("no-memory", without("memory"), "memory"),
    cannot("empty-memory", with_property("memory", "reg", fdt.cells(0, RAM, 0, 0)), "memory"),
    cannot("odd-memory", with_property("memory", "reg", b"\0\0\0\1\2"), "memory|reg", label=CI),
    cannot("wrapping-memory",
           with_property("memory", "reg", fdt.cells(0xffffffff, 0xfffff000, 0, 0x8000000)),
           "memory|reg", label=CI),
    cannot("other-memory", with_property("memory", "reg", fdt.cells(8, 0, 0, 0x8000000)),
           "memory|kernel", label=CI),
    cannot("no-gic", without("intc"), "interrupt"),
    cannot("short-gic", with_property("intc", "reg", fdt.cells(0, 0x08000000)), "intc|interrupt",
           label=CI),
    cannot("foreign-gic", with_property("intc", "compatible", b"acme,pic\0"), "interrupt", label=CI),
    cannot("no-timer", without("timer"), "timer"),
    cannot("no-cpus", without("cpus"), "[Cc][Pp][Uu]"),
    cannot("bad-mem-word", with_property("chosen", "bootargs", b"mem=lots\0"), "mem="),
    cannot("deep", change(nested), "deep|nest|level"),
]


def entry_refused():
    """Entered at EL3, where Wharf does not run."""
    return Scenario("entry-el3", {**MACHINE, "extra": ["-machine", "secure=on"]},
                    append="init=hello", tree=lambda data: data,
                    expect=(r"^wharf: cannot boot: .*EL3",), allow=(r"^wharf: cannot boot: ",))


def all_scenarios():
    return [*SCENARIOS, entry_refused()]
