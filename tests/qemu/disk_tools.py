# SPDX-License-Identifier: BSD-2-Clause
"""/dev/disk and the programs for file systems, e2fsprogs and dosfstools (disk_tools.sh): what they leave is looked at by those of the host; and a card that is
taken out (disk_removal.sh). Ports: release only."""

import subprocess
from pathlib import Path

from cards import Card
from console import Failed
from disks import NAMES, PI
from scenario import CI, LONG, Scenario, all_ended
from shell import EXEC, VIRT
from wharf import card, packages, userland

HERE = Path(__file__).resolve().parent
SIZE = "256M"
CHECKERS = {1: ("fsck.fat", "-n"), 2: ("e2fsck", "-f", "-n")}    # partition -> who says that it is whole


def initrd(script, where, disk_tools):
    """The shell runs a script of this folder, which finds the disk's name in DISK."""
    commands = f"DISK={NAMES[where][0]}\n. /samples/{script}\n"

    def make(build):
        return userland.onto((build / "initrd.cpio").read_bytes(), {"etc/exec": commands.encode(), f"samples/{script}": (HERE / script).read_bytes()},
                             disk_tools=disk_tools)
    return make


def are_whole(attendant):
    """The host's tools find nothing."""
    path = attendant.paths[0]
    for partition in card.layout(*attendant.cards[0].sizes()):
        if partition.number not in CHECKERS:
            continue
        copy = path.with_suffix(f".p{partition.number}")
        with open(path, "rb") as image:
            image.seek(partition.start)
            copy.write_bytes(image.read(partition.size))
        program, *options = CHECKERS[partition.number]
        done = subprocess.run([packages.which(program), *options, copy], capture_output=True, text=True, check=False)
        copy.unlink()
        if done.returncode != 0:
            raise Failed(f"{program} of the host says of partition {partition.number}: {done.stdout}{done.stderr}")


def tools(name, where, machine, seconds, label=CI):
    return Scenario(f"disk-tools-{name}", machine, append=EXEC, disk=Card(where, size=SIZE), label=label, seconds=seconds,
                    initrd=initrd("disk_tools.sh", where, True), check=are_whole,
                    expect=(r"^disk tools: 0 are wrong$", r"^supervisor: init ended with status 0$", all_ended()))


def removal():
    return Scenario("disk-tools-removal", {**VIRT, "cpus": 2}, append=EXEC, disk=Card("sd"), label=CI, seconds=20, initrd=initrd("disk_removal.sh", "sd", False),
                    when=((r"^take it out$", lambda attendant: attendant.eject()), (r"^put it in$", lambda attendant: attendant.insert())),
                    expect=(r"^disk removal: 0 are wrong$", r"^supervisor: init ended with status 0$", all_ended()))


def all_scenarios(kind):
    if kind != "release":
        return []
    return [tools("virtio", "virtio", {**VIRT, "cpus": 4}, 30), tools("raspi4b", "emmc2", PI, 60, LONG), removal()]
