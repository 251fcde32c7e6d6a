# SPDX-License-Identifier: BSD-2-Clause
"""The driver of QEMU's educational device, which is behind PCI (apps/tests/edu.c): alone; with a second one, whose driver is idle, at the same
line (slots 1 and 5); and so with a host controller for cards, whose driver listens only while it waits."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^edu-test: all checks passed$"


def uses(name, *slots, also=()):
    devices = [word for slot in slots for word in ("-device", f"edu,addr={slot}")] + list(also)
    return Scenario(f"edu-{name}", {**VIRT, "cpus": 2, "extra": devices}, append="arg=system=edu.conf", seconds=10,
                    expect=(PASSED, ended("bootstrap"), all_ended()))


def all_scenarios():
    return [uses("alone", 1), uses("shared-line", 1, 5),
            uses("shared-with-sd", 1, also=("-device", "sdhci-pci,addr=5"))]
