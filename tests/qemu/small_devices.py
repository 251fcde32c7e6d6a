# SPDX-License-Identifier: BSD-2-Clause
"""Drivers of small devices (apps/tests/small-devices.c): clock, pins and PSCI of virt; mailbox, clocks, pins and power block of raspi4b."""

from ipc import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended

PASSED = r"^small-devices: all checks passed$"


def uses(name, machine, label, seconds=10, **others):
    return Scenario(f"small-devices-{name}", machine, append=f"arg=system=small-devices-{name}.conf", build="debug",
                    label=label, seconds=seconds, expect=(PASSED, ended("bootstrap"), all_ended()), **others)


def reboots(name, machine, label, **others):
    """The machine begins anew because a driver was asked for it."""
    began = rf"^supervisor: small-devices-{name}-reboot\.conf: 2 programs$"
    return Scenario(f"small-devices-{name}-reboot", machine, append=f"arg=system=small-devices-{name}-reboot.conf",
                    build="debug", label=label, seconds=20, expect=(began, PASSED, began), **others)


def tty_kills(count, seed, shift=5, cpus=1, label=EVERYDAY, seconds=30):
    """What comes back takes the host's time, so that waiting has to take time, too, and no two runs are the same."""
    return Scenario(f"tty-kills-{count}-seed{seed}-{cpus}cpu", {**VIRT, "cpus": cpus, "extra": counted(seed, shift, sleep="on")}, echo=True,
                    append=f"arg=system=tty-kills.conf arg=kills={count} arg=seed={seed}", label=label, seconds=seconds,
                    anywhere=(r"kills: all checks passed$", r"tty-load: \d+ bytes, \d+ restarts of the driver"),
                    expect=(r"tty-load: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    board = {"board": "raspi4b"}
    return [uses("virt", VIRT, EVERYDAY), uses("raspi4b", board, EVERYDAY, seconds=20),
            reboots("virt", {**VIRT, "cpus": 4}, CI), reboots("raspi4b", board, CI),
            tty_kills(100, 1), tty_kills(500, 2, cpus=4, label=CI, seconds=60)]
