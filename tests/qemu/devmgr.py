# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios of the device manager (drivers-srv/device-manager, apps/tests/devices.c): what it says of every node, strange questions, and its own deaths,
after each of which it says the same as before."""

from cards import Card
from ipc import VIRT
from scenario import CI, Scenario, all_ended, counted, ended

RNG = ["-device", "virtio-rng-device"]
# What has to be explained, with what the driver is told.
DISK = (r"^    driver: virtio-blk, for virtio,mmio, as vd0, service block\.vd0$",
        r"^    state: running$")
CONSOLE = (r"^    arguments: service=tty\.tty0 node=/pl011@9000000 compatible=arm,pl011 console=1 clock=24000000$",)
EMPTY = (r"^    no driver: its register 0x8 holds 0x0: no driver that matches virtio,mmio knows that$",)
PCI = (r"^    driver: sdhci, for pci-class:080501, as sd0, service block\.sd0$",
       r"^    arguments: service=pci\.pci0 node=/pcie@10000000 compatible=pci-host-ecam-generic window\.0=1000000:0:10000:1 ")
PI = (r"overlay rpi4-clocks\.dtbo is on the tree",
      r"^    arguments: service=block\.sd1 node=/soc/mmc@7e300000 compatible=brcm,bcm2835-sdhci bus-width=4 non-removable=1",
      r"^    arguments: service=block\.sd0 node=/emmc2bus/mmc@7e340000 compatible=brcm,bcm2711-emmc2 bus-width=4 broken-cd=1")


def explains(variant, machine, anywhere, append="seed=1", **more):
    return Scenario(f"device-manager-{variant}", machine, append=f"init=bootstrap arg=system=devices.conf {append}",
                    expect=(r"^devices: the manager was killed 5 times$", r"^devices: 0 failures$", ended("bootstrap"), all_ended()),
                    anywhere=anywhere, **more)


def all_scenarios(kind):
    disk = Card("virtio")
    return [
        explains("1cpu", {**VIRT, "cpus": 1, "extra": RNG}, DISK + CONSOLE + EMPTY, disk=disk, seconds=6),
        explains("gic3-4cpu", {**VIRT, "gic": 3, "cpus": 4, "extra": RNG}, DISK + CONSOLE, disk=disk, seconds=10, label=CI),
        explains("pci", {**VIRT, "cpus": 2}, CONSOLE + PCI, disk=Card("sd"), seconds=10),
        explains("raspi4b", {"board": "raspi4b"}, PI, disk=Card("emmc1"), seconds=20),
        *(explains(f"seed{seed}", {**VIRT, "cpus": 4, "extra": counted(seed, 5)}, CONSOLE, f"seed={seed}", seconds=20, label=CI)
          for seed in (1, 2)),
    ]
