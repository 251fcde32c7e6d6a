# SPDX-License-Identifier: BSD-2-Clause
"""Memory that is full (docs/memory-pressure.md): who is ended, and who goes on."""

from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended

ENDED = (ended("bootstrap"), all_ended())


def full():
    """Two programs take all there is; they are ended in the order of the description, and a third only waits meanwhile."""
    def one(cpus, label):
        return Scenario(f"memory-full-{cpus}cpu", {**VIRT, "mem": "64M", "cpus": cpus}, label=label, seconds=15,
                        append="init=bootstrap arg=system=memory-full.conf",
                        expect=(r"memory is full: hog-young is ended$", r"memory is full: hog-old is ended$",
                                r"^memory-full: all checks passed$", *ENDED))
    return [one(1, EVERYDAY), one(4, CI)]


def all_scenarios():
    return full()
