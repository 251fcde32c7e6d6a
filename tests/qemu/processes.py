# SPDX-License-Identifier: BSD-2-Clause
"""The process server and what libsys makes of it (apps/tests/process-{test,storm}.c)."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^process-test: all checks passed$"
CRASH = (r"^process-test \(process \d+\) crashed: thread \d+ cannot write 0x10: ", r"^  x0 ", r"^    #0 +0x[0-9a-f]+ \w+\+0x",
         r"^    #1 +0x[0-9a-f]+ \w+\+0x", r"^  ports: ")


def of(name, cpus):
    return Scenario(f"process-{name}-{cpus}", {**VIRT, "cpus": cpus}, append=f"arg=system=process.conf arg=test={name}", seconds=30,
                    expect=(*(CRASH if name == "signals" else ()), PASSED, ended("bootstrap"), all_ended()))


def under_load(name, cpus):
    """What crashes on purpose says so."""
    return Scenario(f"process-load-{name}-{cpus}", {**VIRT, "cpus": cpus}, append=f"arg=system=process-storm.conf arg=test={name}", seconds=60,
                    expect=(r"^process-storm: all checks passed$", ended("bootstrap"), all_ended()))


def death(cpus):
    """Its sessions end with it, and the next one comes; the last lines are what is left of kernel objects."""
    return Scenario(f"process-death-{cpus}", {**VIRT, "cpus": cpus}, append="arg=system=process-death.conf", seconds=30,
                    expect=(r"^process-death: all checks passed$", ended("bootstrap"), all_ended()))


def proc(cpus):
    return Scenario(f"procfs-{cpus}", {**VIRT, "cpus": cpus}, append="arg=system=procfs.conf", seconds=30,
                    expect=(r"^procfs-test: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [of(name, cpus) for name in ("fork", "signals", "bomb") for cpus in (1, 4)] + \
        [under_load(name, cpus) for name in ("threads", "storm", "misuse", "bomb") for cpus in (1, 4)] + \
        [make(cpus) for make in (death, proc) for cpus in (1, 4)] + \
        [under_load(name, cpus) for name, cpus in (("sessions", 4), ("queues", 1), ("stopped", 4))]
