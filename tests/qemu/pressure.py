# SPDX-License-Identifier: BSD-2-Clause
"""Memory that is full (docs/memory-pressure.md): who is ended, and who goes on."""

from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended

ENDED = (ended("bootstrap"), all_ended())


def full():
    """Two programs take all there is; they are ended in the order of the description, and a third only waits meanwhile."""
    def one(cpus, label):
        return Scenario(f"memory-full-{cpus}cpu", {**VIRT, "mem": "64M", "cpus": cpus}, label=label, seconds=15,
                        append="init=bootstrap arg=system=memory-full.conf",
                        expect=(r"memory is full: hog-young is ended$", r"memory is full: hog-old is ended$",
                                r"^memory-full: all checks passed$", *ENDED))
    return [one(1, EVERYDAY), one(4, CI)]


def bombs():
    """Who works beside a task that takes all it may have keeps nine tenths of its throughput, of a release build: a debug build checks and
    poisons what the bomb's ends are made of. Time is instructions, of all CPUs: so there is one."""
    def one(kind):
        return Scenario(f"bomb-throughput-{kind}", {**VIRT, "cpus": 1, "extra": counted(1, 3)}, only=True, seconds=15,
                        append=f"init=bootstrap arg=system=bomb-throughput.conf arg=kind={kind}",
                        expect=(r"throughput: .* of 1000$", r"^throughput: all checks passed$", *ENDED),
                        anywhere=(r"^bomb: refused 4 times",))
    return [one(kind) for kind in ("fork", "memory", "ports", "messages")]


def all_scenarios():
    return [*full(), *bombs()]
