# SPDX-License-Identifier: BSD-2-Clause
"""Disks through their drivers (apps/systems/disk-*.conf): work that verifies every block, while nothing happens and while drivers are
killed again and again."""

from cards import Card
from programs import VIRT
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, counted, ended

PI = {"board": "raspi4b"}
WORK = (r"^disk-load: block\.\S+, seed \d+: .* 0 wrong, ", r"^disk-load: all checks passed$", ended("bootstrap"), all_ended())
# Where the card is -> the disk's name, what else is on the way to it.
NAMES = {"virtio": ("vd0", ""), "virtio-legacy": ("vd0", ""), "sd": ("sd0", "pci0"), "emmc1": ("sd1", ""), "emmc2": ("sd0", "")}


def words(system, where, **more):
    name, also = NAMES[where]
    told = {"disk": f"block.{name}", "victim": name, **({"also": also} if also else {}), **more}
    return f"init=bootstrap arg=system={system}.conf " + " ".join(f"arg={key}={value}" for key, value in told.items())


def load(name, where, machine=None, label=EVERYDAY, build="release", seconds=8, cpus=4):
    """Without trouble."""
    machine = {**VIRT, "cpus": cpus} if machine is None else machine
    return Scenario(f"disk-load-{name}", machine, disk=Card(where), append=words("disk-load", where), expect=WORK,
                    label=label, build=build, seconds=seconds)


def kills(name, where, count, seed, shift=5, machine=None, label=EVERYDAY, build="release", seconds=30, cpus=1):
    """Under counted instructions, so that the same seed kills at the same instructions."""
    machine = {**VIRT, "cpus": cpus} if machine is None else machine
    extra = counted(seed, shift, board=machine["board"])
    return Scenario(f"disk-kills-{name}-{count}-seed{seed}", {**machine, "extra": extra}, disk=Card(where),
                    append=words("disk-kills", where, kills=count, seed=seed), seconds=seconds, label=label, build=build,
                    anywhere=(r"^kills: all checks passed$",), expect=WORK)


def greedy():
    """A client that takes what it can get takes nothing from others."""
    return Scenario("disk-greedy", {**VIRT, "cpus": 4}, disk=Card("virtio"), append=words("disk-greedy", "virtio"), build="debug",
                    seconds=15, label=EVERYDAY, anywhere=(r"^disk-greedy: all checks passed$",), expect=WORK)


def all_scenarios():
    return [
        greedy(),
        load("virtio", "virtio"), load("virtio-legacy", "virtio-legacy", cpus=1, build="debug"),
        load("sd", "sd", seconds=15), load("sd-1cpu", "sd", cpus=1, build="debug", seconds=30),
        load("raspi4b-emmc1", "emmc1", PI, seconds=40), load("raspi4b-emmc2", "emmc2", PI, seconds=40),
        kills("virtio", "virtio", 50, 1), kills("sd", "sd", 200, 1, seconds=60),
        kills("sd-4cpu", "sd", 40, 2, cpus=4, seconds=60, label=CI), kills("sd-4cpu", "sd", 100, 2, cpus=4, seconds=100, label=LONG),
        kills("raspi4b", "emmc2", 25, 1, machine=PI, seconds=60),
    ]
