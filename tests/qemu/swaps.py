# SPDX-License-Identifier: BSD-2-Clause
"""More memory than there is, on swap partitions (apps/systems/swap*.conf): every page says what it is, and is looked at."""

from cards import Card, Error
from disks import NAMES, PI
from nbd import Fault
from programs import VIRT
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, counted, ended

SMALL = {**VIRT, "mem": "64M"}
WORK = (r"^swap-load: \d+ pages were looked at", r"^swap-load: all checks passed$", ended("bootstrap"), all_ended())


def words(system, where, **more):
    told = {"disk": f"block.{NAMES[where][0]}", **more}
    return f"init=bootstrap arg=system={system}.conf " + " ".join(f"arg={key}={value}" for key, value in told.items())


def starved(name, where, cpus, build, label, seconds=60, **more):
    """The n-th allocation on page-out's path fails, for each n."""
    machine = {**SMALL, "cpus": cpus, "extra": counted(cpus, 3, "on")}
    return Scenario(f"swap-failures-{name}", machine, disk=Card(where, size="512M"), build=build, only=True, label=label, seconds=seconds,
                    append=words("swap-failures", where, seed=cpus, **more),
                    anywhere=(r"^page-out-failures: all checks passed$",), expect=WORK)


def load(name, where, cpus, build="release", label=EVERYDAY, seconds=30, table="mbr", **more):
    """Twice the memory in several tasks. Instructions are counted where there are several CPUs, for much of it is one waiting for another."""
    extra = {"extra": counted(cpus, 3, "on")} if cpus > 1 else {}
    return Scenario(f"swap-load-{name}", {**SMALL, "cpus": cpus, **extra}, disk=Card(where, size="512M", table=table),
                    append=words("swap", where, **more), expect=WORK, label=label, build=build, seconds=seconds)


def kills(name, where, count, seed, victim="default-pager", also="default-pager", cpus=1, build="release", label=EVERYDAY, seconds=60, **more):
    """The pager and the card's driver die while memory is out."""
    machine = {**SMALL, "cpus": cpus, "extra": counted(seed, 3, "on")}
    return Scenario(f"swap-kills-{name}", machine, disk=Card(where, size="512M"), build=build, label=label, seconds=seconds,
                    append=words("swap-kills", where, **{"victim": victim, "also": also, "third": also, "fourth": also, "kills": count, "seed": seed, **more}),
                    anywhere=(r"^kills: all checks passed$",), expect=WORK)


SWAP = (512 - 9) << 20 >> 9     # of a torture's card: the first block of the swap partition, and how many it has
BLOCKS = 512 << 20 >> 9


def torture(name, where, times, seed, runs, last, board=None, label=CI, seconds=40, system="swap", sleep="on", card=None, anywhere=(), only=True, **more):
    """So many times the memory in 8 tasks, which fork, send each other memory, and share some. Time does not jump while the disk works: on a busy host it
    would be half a minute in a moment, which is as long as anybody waits for a page."""
    machine = {**(board or SMALL), "cpus": 4, "extra": counted(seed, 3, sleep, (board or SMALL)["board"])}
    told = {"workers": 8, "percent": 100 * times, "seed": seed, "runs": runs, "last": last, "mix": 1, **more}
    return Scenario(f"swap-torture-{name}", machine, disk=Card(where, size="1G", swap="512M", **(card or {})), label=label, only=only, seconds=seconds,
                    append=words(system, where, **told) + (" mem=64M" if board else ""), anywhere=anywhere, expect=WORK)


def killed(name, where, seed, count, times=2, **more):
    """All that stands between a page and the card dies while memory is out."""
    victims = dict(zip(("victim", "also", "third", "fourth"), (NAMES[where][0], "default-pager", NAMES[where][1] or "pci0", "device-manager")))
    return torture(f"kills-{name}", where, times, seed, 0, 20, system="swap-kills", kills=count, anywhere=(r"^kills: all checks passed$",),
                   **victims, **more)


def bad(io, count=20):
    """Blocks of the swap partition that fail: not of its beginning, where the pages of other programs are, which do nothing and leave first."""
    first, end = 32 << 20 >> 9, 96 << 20 >> 9
    return tuple(Error(io, sector=SWAP + first + (end - first) // count * i) for i in range(count))


def failures():
    """The card fails. Pages that are lost are lost to their worker, and counted; there is nothing in memory, and none is wanted by two."""
    alone = {"mix": 0, "tier": 0, "soft": 0, "same": 0}
    flips = [Fault("flip", first=50 + 40 * i, bit=1000 + 13 * i, sectors=range(SWAP + 8, SWAP + BLOCKS)) for i in range(40)]
    stalls = [Fault("stall", io, first=100 + 300 * i, seconds=5, sectors=range(SWAP, SWAP + BLOCKS)) for i in range(2) for io in ("read", "write")]
    return [
        torture("read-errors", "virtio", 2, 7, 200, 100, card={"errors": bad("read")}, lost=1, **alone),
        torture("write-errors", "virtio", 2, 8, 200, 100, card={"errors": bad("write")}, failing=1, **alone),
        torture("flips", "virtio", 2, 9, 200, 100, card={"faults": flips}, lost=10, **alone),
        torture("flips-sd", "sd", 2, 10, 50, 20, card={"faults": flips}, lost=10, label=LONG, **alone),
        torture("stalls", "virtio", 2, 11, 40, 5, card={"faults": stalls}),
    ]


def tortures():
    return [
        torture("virtio-2", "virtio", 2, 1, 300, 100, label=EVERYDAY, only=False), torture("virtio-4", "virtio", 4, 2, 300, 30, label=LONG),
        torture("virtio-8", "virtio", 8, 3, 200, 10),
        torture("sd-2", "sd", 2, 4, 60, 20, label=LONG), torture("raspi4b-2", "emmc2", 2, 5, 50, 10, board=PI),
        torture("off", "virtio", 2, 6, 300, 30, away=1, second=2),
        killed("virtio", "virtio", 12, 40, only=False), killed("sd", "sd", 13, 40),
        *failures(),
    ]


def all_scenarios():
    return [
        *tortures(),
        kills("driver", "virtio", 40, 2, victim="vd0", also="vd0"), kills("pager", "virtio", 40, 1),
        kills("both-4cpu", "virtio", 40, 3, also="vd0", cpus=4, label=CI), kills("sd", "sd", 40, 4, also="sd0", label=LONG),
        starved("alone", "virtio", 1, "release", EVERYDAY, workers=1, tier=0, most=8), starved("1cpu", "virtio", 1, "release", CI, times=6),
        starved("1cpu-long", "virtio", 1, "release", LONG, seconds=200), starved("4cpu", "virtio", 4, "debug", CI),
        load("virtio-1cpu", "virtio", 1), load("virtio-4cpu", "virtio", 4, table="gpt"),
        load("virtio-card-4cpu", "virtio", 4, tier=0, soft=0, label=CI),
        load("virtio-debug", "virtio", 4, build="debug", seconds=60, label=CI),
        load("sd", "sd", 1, seconds=60, label=LONG), load("sd-card", "sd", 1, tier=0, soft=0, seconds=60, label=LONG),
        load("virtio-off", "virtio", 1, away=1, percent=70, rounds=10),
        # What is promised would fit, but for what the kernel itself uses.
        load("virtio-off-tight", "virtio", 1, away=1, percent=84, rounds=4), load("virtio-off-tight-long", "virtio", 1, label=LONG, away=1, percent=84, rounds=10),
    ]
