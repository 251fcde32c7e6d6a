# SPDX-License-Identifier: BSD-2-Clause
"""The driver of QEMU's educational device, which is behind PCI (apps/tests/edu.c): alone, and with a second one, whose driver is idle, at the same
line (slots 1 and 5)."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^edu-test: all checks passed$"


def uses(name, *slots):
    devices = [word for slot in slots for word in ("-device", f"edu,addr={slot}")]
    return Scenario(f"edu-{name}", {**VIRT, "cpus": 2, "extra": devices}, append="arg=system=edu.conf", seconds=10,
                    expect=(PASSED, ended("bootstrap"), all_ended()))


def all_scenarios():
    return [uses("alone", 1), uses("shared-line", 1, 5)]
