# SPDX-License-Identifier: BSD-2-Clause
"""Regions of tasks' memory (kern/map.h)."""

from . import who
from .machine import Bad, USER_END
from .records import Record, said, tree

READ, WRITE, EXECUTE = 1, 2, 4
PAGE_KIB = 4


def regions(task):
    """Entries of its map, by address."""
    return tree(task.address_of("map.entries"), "struct map_entry", "node")


def letters(prot):
    return "".join(letter if prot & bit else "-" for letter, bit in (("r", READ), ("w", WRITE), ("x", EXECUTE)))


def _pager(thing, known):
    """Whose port a paged object's pages come from."""
    paged = Record("struct paged_object", thing)
    state = said("enum paged_state", paged.state, "PAGED_")
    if not paged.port:
        return f"paged, {state}"
    port = Record("struct port", paged.port)
    whose = who.describe_space(port.space, known) if port.space else "nobody at the moment"
    return f"paged by {whose}, {state}"


def describe(region, known):
    """What is behind a region's pages."""
    what = []
    if region.object:
        thing = Record("struct memory_object", region.object)
        kind = said("enum memory_object_kind", thing.kind, "OBJECT_")
        if kind == "paged":
            what.append(f"{_pager(region.object, known)}, from page {region.object_page}")
        elif kind == "window":
            what.append("frame window")
        else:
            what.append(f"{kind} memory at {thing.base + region.object_page * PAGE_KIB * 1024:#x}")
    if region.amap or not region.object:
        what.append("anonymous" if region.amap else "anonymous, untouched")
    return " under ".join(reversed(what))


def show(task):
    known = who.spaces()
    yield f"memory of {who.describe_task(task)}"
    yield f"{'START':>12} {'END':>12} {'KIB':>9} NOW MAX INHERIT FLAGS  WHAT"
    end = 0
    for region in regions(task):
        try:
            if not end <= region.start < region.end <= USER_END:
                raise Bad(f"a region from {region.start:#x} to {region.end:#x} behind one that ends at {end:#x}")
            end = region.end
            what = describe(region, known)
        except Bad as bad:
            what = f"? {bad}"
        flags = ("s" if region.shared else "-") + ("c" if region.committed else "-") + ("w" if region.wired else "-")
        yield (f"{region.start:#12x} {region.end:#12x} {(region.end - region.start) // 1024:>9} {letters(region.prot)} "
               f"{letters(region.max_prot)} {said('enum vm_inherit', region.inherit, 'VM_INHERIT_'):<7} {flags:<6} {what}")
    yield "flags: s shared, c committed, w wired"
