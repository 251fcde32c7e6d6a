# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios of device ports (apps/tests/device-matrix.c) and of what devices write to (device-dma.c): on one CPU and on four, with either interrupt controller, and on the other board."""

from ipc import VIRT, passes, repeats
from scenario import CI

GIC3 = {**VIRT, "gic": 3}


def all_scenarios(kind):
    return [
        passes("device-matrix", 1, seconds=8), passes("device-matrix", 4, seconds=10),
        passes("device-matrix", 1, "gic3", machine=GIC3, seconds=8, label=CI),
        passes("device-matrix", 4, "gic3", machine={**GIC3, "el2": True}, seconds=10),
        passes("device-matrix", 4, "raspi4b", machine={"board": "raspi4b"}, seconds=20, label=CI),
        passes("device-dma", 1, seconds=10), passes("device-dma", 4, seconds=15),
        passes("device-dma", 4, "8G", machine={**VIRT, "mem": "8G"}, seconds=15, label=CI),
        passes("device-dma", 4, "raspi4b", machine={"board": "raspi4b"}, seconds=20, label=CI),
        *(repeats("device-dma", seed, 4 + seed, seconds=20, label=CI) for seed in (1, 2)),
        *(repeats("device-matrix", seed, 3 + seed, seconds=20, label=CI) for seed in (1, 2)),
    ]
