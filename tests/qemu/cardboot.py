# SPDX-License-Identifier: BSD-2-Clause
"""Booting from cards, and with cards attached: what ./wharf image writes, and what the harness can do to a card.

Drivers have scenarios of their own; here U-Boot is the only one that reads, so all that is shown of the machine's
cards is shown by what it loads. Mostly that is an initrd of one program, for U-Boot takes half a minute for the whole one
on raspi4b; card-boot-raspi4b-emmc2 and card-boot-virt-virtio-* have that.
"""

import initrds
from cards import Card, Error
from console import Failed
from matrix import BOOT_EXPECT, SELF_TESTS
from nbd import SECTOR, Fault
from scenario import CI, EVERYDAY, Scenario, all_ended, ended
from wharf import card

VIRT = {"board": "virt", "gic": 2, "mem": "64M", "boot": "uboot"}
HELLO = (r"^hello: this is hello with 0 arguments$", ended("hello"), all_ended())
STARTED = r"^start: hello, "
CPIO = b"070701"


def boots(name, where, medium="scr", label=CI, build="release", size="128M", **machine):
    """The kernel's self-tests and self-check, from a card."""
    machine = {**VIRT, "cpus": 1, **machine}
    expect = list(BOOT_EXPECT)
    expect[2] = expect[2].replace(r"(?P<cpus>\d+)", str(machine["cpus"]))
    return Scenario(f"card-boot-{name}", machine, medium, append=SELF_TESTS, disk=Card(where, size), expect=tuple(expect),
                    label=label, build=build, initrd=initrds.of("self-check") if where == "sd" else None)


def virt():
    """From 64 MiB on, whatever U-Boot finds; everyday the least machine and the other of all."""
    everyday = {("scr", 2, 1, "64M"), ("extlinux", 3, 4, "64M")}
    return [
        boots(f"virt-sd-{medium}-gic{gic}-{cpus}cpu-{mem}", "sd", medium, EVERYDAY if row in everyday else CI, gic=gic, cpus=cpus,
              mem=mem, build="debug" if cpus == 4 else "release")
        for row in (("scr", 2, 1, "64M"), ("scr", 3, 4, "64M"), ("scr", 2, 4, "1G"), ("scr", 3, 1, "1G"),
                    ("extlinux", 3, 4, "64M"), ("extlinux", 2, 1, "64M"), ("extlinux", 3, 1, "1G"), ("extlinux", 2, 4, "1G"))
        for medium, gic, cpus, mem in (row,)
    ] + [boots("virt-sd-el2", "sd", el2=True, cpus=2), boots("virt-sd-sdhc", "sd", size="4G"),
         boots("virt-virtio-legacy", "virtio-legacy"), boots("virt-virtio-pci", "virtio-pci")]


def raspi4b():
    """The card for the real board, as far as QEMU has one: it reads no firmware and no config.txt."""
    def one(name, where, label, medium="scr", whole=False, **machine):
        return Scenario(f"card-{name}-{where}", {"board": "raspi4b", **machine}, medium, image="rpi4", append="init=hello seed=1",
                        disk=Card(where), expect=HELLO, label=label, seconds=12 if machine else 4, check=has_partitions,
                        initrd=initrds.of("hello") if machine and not whole else None)

    return [one("boot-raspi4b", "emmc1", CI, boot="uboot"), one("boot-raspi4b", "emmc2", CI, whole=True, boot="uboot"),
            one("boot-raspi4b-extlinux", "emmc2", CI, "extlinux", boot="uboot"),
            one("attached-raspi4b", "emmc1", EVERYDAY), one("attached-raspi4b", "emmc2", EVERYDAY)]


def has_partitions(attendant):
    """After the run the card is as it was written."""
    with open(attendant.paths[0], "rb") as handle:
        if card.read_table(handle) != card.layout(128 << 20):
            raise Failed("the card's partitions are not those that were written")


def sector_of(path, what):
    """Where on a medium the first file begins that has these first bytes."""
    data = path.read_bytes()
    at = data.index(what)
    while at % SECTOR:
        at = data.index(what, at + 1)
    return at // SECTOR


def flipped_initrd(path):
    at = sector_of(path, CPIO)
    return [Fault("flip", times=None, sectors=range(at, at + 1))]


def unreadable_initrd(path):
    return [Error("read", sector=sector_of(path, CPIO))]


def stop_and_go(attendant):
    attendant.stop()
    if attendant.qmp("query-status")["status"] != "paused":
        raise Failed("the machine has not stopped")
    attendant.resume()


def out_and_in(attendant):
    attendant.throttle(iops=50)
    attendant.throttle()
    attendant.eject()
    attendant.insert()
    if not attendant.inserted():
        raise Failed("the card is not back")


def out_and_in_served(attendant):
    attendant.eject()
    attendant.insert()
    if not attendant.inserted()["file"].startswith("nbd"):
        raise Failed("the card that is back is not served any more")


def reads_were_served(attendant):
    if attendant.nbd[0].count["read"] < 1000:
        raise Failed(f"only {attendant.nbd[0].count['read']} reads came: the card was not read through the server")


def harness():
    """That cards can be made to lie, to stall and to go away."""
    def one(name, disk, medium="scr", expect=HELLO, machine=None, **more):
        return Scenario(f"card-{name}", machine or VIRT, medium, append="init=hello seed=1 end=halt", disk=disk, expect=expect,
                        initrd=initrds.of("hello") if medium else None, **more)

    plain = {**VIRT, "boot": "direct"}
    slow = [Fault("stall", first=20, seconds=0.5), Fault("stall", first=60, seconds=0.5)]
    no_program, allow = r"^wharf: cannot boot: no program could be started", (r"^wharf: cannot boot: ",)
    lies = {"expect": (r"the initrd is not a whole cpio archive", no_program), "allow": allow}
    fails = {"expect": (r"^wharf: there is no initrd to take programs from", no_program), "allow": allow}
    return [
        one("served", Card("sd", faults=()), check=reads_were_served),
        one("stalls", Card("sd", faults=slow), check=reads_were_served, label=CI, seconds=8),
        one("lies", Card("sd", faults=flipped_initrd), **lies),
        one("lies-virtio", Card("virtio", faults=flipped_initrd), label=CI, **lies),
        one("errors", Card("virtio", errors=unreadable_initrd), label=CI, **fails),
        *(one(f"hands-{where}", Card(where), None, machine={**machine, "boot": "direct"}, label=label,
              when=((STARTED, stop_and_go), (HELLO[0], out_and_in)))
          for machine, where, label in ((plain, "sd", EVERYDAY), ({"board": "raspi4b"}, "emmc1", CI),
                                        ({"board": "raspi4b"}, "emmc2", CI))),
        one("hands-served", Card("sd", faults=()), None, machine=plain, when=((STARTED, out_and_in_served),), label=CI),
        one("gpt-large", (Card("virtio", table="gpt"), Card("sd", size="4G")), None, machine=plain, label=CI),
    ]


def all_scenarios(kind):
    """U-Boot takes seconds on raspi4b, whatever kernel comes after it: only with one of them."""
    return [s for s in (*virt(), *raspi4b(), *harness())
            if kind == "release" or s.machine["board"] != "raspi4b" or s.machine.get("boot") != "uboot"]
