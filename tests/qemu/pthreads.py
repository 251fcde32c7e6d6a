# SPDX-License-Identifier: BSD-2-Clause
"""Programs that try the POSIX layer: threads, their locks, cancellation, clocks and timers."""

from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended

VIRT = {"board": "virt", "gic": 2, "mem": "128M"}
PTHREADS = ("threads", "locks", "waits", "cancel", "clocks")


def pthreads():
    """As time passes here on one CPU and on four; and, by seed, as instructions make it."""
    found = []
    for name in (f"pthread-{part}" for part in PTHREADS):
        expect = (rf"^{name}: all checks passed$", ended(name), all_ended())
        for cpus, build in ((1, "debug"), (4, "release")):
            found.append(Scenario(f"{name}-{cpus}cpu", {**VIRT, "cpus": cpus}, append=f"init={name} seed=1", build=build,
                                  seconds=10, expect=expect))
        for seed, cpus, shift, label in ((1, 1, 4, EVERYDAY), (2, 4, 5, CI), (3, 4, 3, CI)):
            found.append(Scenario(f"{name}-seed{seed}", {**VIRT, "cpus": cpus, "extra": counted(seed, shift)},
                                  append=f"init={name} seed={seed}", build="debug", label=label, seconds=20, expect=expect))
    return found


def all_scenarios():
    return pthreads()
