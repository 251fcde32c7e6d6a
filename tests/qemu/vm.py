# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios of memory (apps/tests/vm-*.c): everyday on one CPU and on four, in CI on every board, and with interleavings that
repeat."""

from ipc import VIRT, passes, repeats
from scenario import CI, LONG, counted


def everyday():
    return [
        passes("vm-fork", 1, seconds=8), passes("vm-fork", 4, seconds=12),
        passes("vm-ranges", 1), passes("vm-ranges", 4),
        passes("vm-shootdown", 1, seconds=6), passes("vm-shootdown", 4, seconds=12),
        *sync(),
        passes("vm-wire", 1, seconds=6), passes("vm-wire", 4, seconds=10),
    ]


def sync():
    """With little patience for the pager where time is counted in instructions, as one of them never fetches; with the usual patience, and without that one, on
    CPUs that run at the same time, which the host may hold up."""
    return [passes("vm-sync", 1, append="pager=1000 seed=1", machine={**VIRT, "extra": counted(1, 4)}, seconds=6),
            repeats("vm-sync", 2, 5, append="pager=1000", seconds=10), passes("vm-sync", 4, append="arg=fetched seed=1", seconds=10)]


def several_orders():
    return [
        *(repeats("vm-fork", seed, 5 + seed % 3, append="arg=6", seconds=20, label=CI) for seed in (1, 2)),
        *(repeats("vm-wire", seed, 5 + seed % 3, append="arg=20", seconds=20, label=CI) for seed in (1, 2)),
        *(repeats("vm-shootdown", seed, 5 + seed % 3, append="arg=12", seconds=20, label=CI) for seed in (1, 2, 3)),
        *(repeats("vm-fork", seed, 5 + seed % 4, append="arg=100", seconds=200, label=LONG) for seed in (11, 12)),
        passes("vm-shootdown", 4, "many", "arg=3000 seed=1", seconds=120, label=LONG),
    ]


def boards(kind):
    """On the other board, and with the other interrupt controller and level of entry; not in debug builds."""
    if kind != "release":
        return []
    return [passes(program, 4, name, machine=machine, label=CI, seconds=40)
            for name, machine in (("raspi4b", {"board": "raspi4b"}), ("gic3-el2", {**VIRT, "gic": 3, "el2": True}))
            for program in ("vm-fork", "vm-ranges", "vm-shootdown", "vm-wire")]


def all_scenarios(kind):
    return [*everyday(), *several_orders(), *boards(kind)]
