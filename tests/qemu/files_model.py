# SPDX-License-Identifier: BSD-2-Clause
"""Random calls in a folder of a file server, against a model of it (apps/tests/files-model.c)."""

from programs import VIRT
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, ended

PASSED = (r"^files-model: seed \d+: \d+ operations, ", r"^files-model: all checks passed$", ended("bootstrap"), all_ended())


def memory(seed, cpus, workers, operations, build, label, seconds):
    """On files in memory."""
    return Scenario(f"files-model-memfs-seed{seed}-{cpus}cpu", {**VIRT, "mem": "256M", "cpus": cpus}, build=build, label=label, seconds=seconds,
                    append=f"arg=system=files-model.conf arg=seed={seed} arg=workers={workers} arg=operations={operations}", expect=PASSED)


def all_scenarios():
    return [memory(1, 1, 1, 2000, "debug", EVERYDAY, 15), memory(2, 1, 4, 1000, "release", EVERYDAY, 15),
            memory(3, 2, 4, 2000, "release", CI, 60), memory(3, 4, 4, 2000, "release", LONG, 60)]
