# SPDX-License-Identifier: BSD-2-Clause
"""The process server and what libsys makes of it (apps/tests/process-{test,storm}.c)."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^process-test: all checks passed$"


def of(name, cpus):
    return Scenario(f"process-{name}-{cpus}", {**VIRT, "cpus": cpus}, append=f"arg=system=process.conf arg=test={name}", seconds=30,
                    expect=(PASSED, ended("bootstrap"), all_ended()))


def under_load(name, cpus):
    """What crashes on purpose says so."""
    return Scenario(f"process-load-{name}-{cpus}", {**VIRT, "cpus": cpus}, append=f"arg=system=process-storm.conf arg=test={name}", seconds=60,
                    expect=(r"^process-storm: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [of(name, cpus) for name in ("fork", "signals", "bomb") for cpus in (1, 4)] + \
        [under_load(name, cpus) for name in ("threads", "storm", "misuse", "bomb") for cpus in (1, 4)] + \
        [under_load(name, cpus) for name, cpus in (("sessions", 4), ("queues", 1), ("stopped", 4))]
