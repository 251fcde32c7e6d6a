# SPDX-License-Identifier: BSD-2-Clause
"""The driver template, and virtio's source of random numbers (apps/tests/fw-cfg.c)."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^fw-cfg-test: all checks passed$"
GIVEN = ["-fw_cfg", "name=opt/wharf/test,string=abcdefghijklmnopqrstuvwxyz", "-device", "virtio-rng-device"]


def uses(name, *extra, **others):
    return Scenario(f"template-{name}", {**VIRT, "extra": [*GIVEN, *extra], **others},
                    append="arg=system=template.conf", build="debug", seconds=10,
                    expect=(PASSED, ended("bootstrap"), all_ended()))


def all_scenarios():
    return [uses("virt"), uses("modern", "-global", "virtio-mmio.force-legacy=false", gic=3, cpus=4)]
