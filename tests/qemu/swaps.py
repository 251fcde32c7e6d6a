# SPDX-License-Identifier: BSD-2-Clause
"""More memory than there is, on swap partitions (apps/systems/swap*.conf): every page says what it is, and is looked at."""

from cards import Card
from disks import NAMES
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended

SMALL = {**VIRT, "mem": "64M"}
WORK = (r"^swap-load: \d+ pages were looked at", r"^swap-load: all checks passed$", ended("bootstrap"), all_ended())


def words(system, where, **more):
    told = {"disk": f"block.{NAMES[where][0]}", **more}
    return f"init=bootstrap arg=system={system}.conf " + " ".join(f"arg={key}={value}" for key, value in told.items())


def load(name, where, cpus, build="release", label=EVERYDAY, seconds=30, table="mbr", **more):
    """Twice the memory in several tasks. Instructions are counted where there are several CPUs, for much of it is one waiting for another."""
    extra = {"extra": counted(cpus, 3)} if cpus > 1 else {}
    return Scenario(f"swap-load-{name}", {**SMALL, "cpus": cpus, **extra}, disk=Card(where, size="512M", table=table),
                    append=words("swap", where, **more), expect=WORK, label=label, build=build, seconds=seconds)


def kills(name, where, count, seed, victim="default-pager", also="default-pager", cpus=1, build="release", label=EVERYDAY, seconds=60, **more):
    """The pager and the card's driver die while memory is out."""
    machine = {**SMALL, "cpus": cpus, "extra": counted(seed, 3)}
    return Scenario(f"swap-kills-{name}", machine, disk=Card(where, size="512M"), build=build, label=label, seconds=seconds,
                    append=words("swap-kills", where, victim=victim, also=also, kills=count, seed=seed, **more),
                    anywhere=(r"^kills: all checks passed$",), expect=WORK)


def all_scenarios():
    return [
        kills("driver", "virtio", 40, 2, victim="vd0", also="vd0"), kills("pager", "virtio", 40, 1),
        kills("both-4cpu", "virtio", 40, 3, also="vd0", cpus=4, label=CI), kills("sd", "sd", 40, 4, also="sd0", label=CI),
        load("virtio-1cpu", "virtio", 1), load("virtio-4cpu", "virtio", 4, table="gpt"),
        load("virtio-card-4cpu", "virtio", 4, tier=0, soft=0, label=CI),
        load("virtio-debug", "virtio", 4, build="debug", seconds=60, label=CI),
        load("sd", "sd", 1, seconds=60), load("sd-card", "sd", 1, tier=0, soft=0, seconds=60, label=CI),
        load("virtio-off", "virtio", 1, away=1, percent=70, rounds=10),
    ]
