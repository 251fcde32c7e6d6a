# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios of the message core (apps/tests/ipc-*.c): everyday a few, in CI on every board, with every switch, and with
interleavings that repeat."""

from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, counted, ended

VIRT = {"board": "virt", "gic": 2, "mem": "128M"}
SWITCHED_OFF = "trace=off mitigations=off seed=1"


def passes(program, cpus=1, variant="", append="", machine=None, label=EVERYDAY, **more):
    """A program that checks itself."""
    name = "-".join(word for word in (program, variant, f"{cpus}cpu") if word)
    return Scenario(name, {**(machine or VIRT), "cpus": cpus}, label=label,
                    append=f"init={program} {append or 'seed=1'}",
                    expect=(rf"^{program}: all checks passed$", ended(program), all_ended()), **more)


def repeats(program, seed, shift, append="", **more):
    """Four CPUs in an order that seed and shift decide, the same each time (docs/testing.md)."""
    return passes(program, 4, f"seed{seed}-shift{shift}", f"{append} seed={seed}".strip(),
                  {**VIRT, "extra": counted(seed, shift)}, **more)


def rights():
    return [
        passes("ipc-rights", 1),
        passes("ipc-rights", 2, seconds=30, label=CI),
    ]


def registers():
    return [
        passes("ipc-registers", 1),
        passes("ipc-registers", 1, "plain", SWITCHED_OFF, label=CI),
        passes("ipc-registers", 4, seconds=20, label=CI),
        passes("ipc-registers", 4, "plain", SWITCHED_OFF, seconds=20, label=CI),
        repeats("ipc-registers", 1, 6),
        repeats("ipc-registers", 2, 5, label=CI),
    ]


def storm():
    return [
        passes("ipc-storm", 1),
        passes("ipc-storm", 4, seconds=20, label=CI),
        repeats("ipc-storm", 1, 6, seconds=6),
        *(repeats("ipc-storm", seed, shift, seconds=10, label=CI)
          for seed, shift in ((2, 5), (3, 7), (4, 8))),
        *(repeats("ipc-storm", seed, 5 + seed % 4, append="arg=3000", seconds=100, label=LONG)
          for seed in range(11, 15)),
    ]


def bombs():
    return [
        passes("ipc-bombs", 1, seconds=6),
        passes("ipc-bombs", 4, seconds=20, label=CI),
    ]


def others():
    return [
        passes("ipc-ool", 1, seconds=6), passes("ipc-ool", 4, seconds=20, label=CI),
        passes("ipc-bulk", 1, seconds=6), passes("ipc-bulk", 4, label=CI, seconds=20),
        *(repeats("ipc-ool", seed, shift, seconds=20, label=CI) for seed, shift in ((1, 6), (2, 5))),
        passes("ipc-interpose", 1), passes("ipc-interpose", 4, label=CI),
        passes("ipc-names", 1, seconds=6), passes("ipc-names", 2, label=CI, seconds=20),
    ]


def boards(kind):
    """Everything once on the other board, and with the other interrupt controller and level of entry; not in debug
    builds, which have that with one CPU and more on the board of all others."""
    if kind != "release":
        return []
    several = ("ipc-registers", "ipc-storm", "ipc-bombs", "ipc-interpose", "ipc-names", "ipc-ool")
    return [passes(program, 1 if program == "ipc-rights" else 4, name, machine=machine, label=CI, seconds=40)
            for name, machine in (("raspi4b", {"board": "raspi4b"}),
                                  ("gic3-el2", {**VIRT, "gic": 3, "el2": True}))
            for program in ("ipc-rights", *several)]


def all_scenarios(kind):
    return [*rights(), *registers(), *storm(), *bombs(), *others(), *boards(kind)]
