# SPDX-License-Identifier: BSD-2-Clause
"""The file server for cards (fs-srv/volume) in trouble: a card that is full, requests that fail, a card that is taken out, images that are damaged; and random work on
it, after which the host's tools look at what is there."""

import tempfile
from pathlib import Path

from cards import Card
from console import Failed
from powercuts import tool
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended

MIB = 1 << 20
MAKE = {"ext4": ("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-J", "size=4"), "fat": ("mkfs.fat",)}
CHECK = {"ext4": ("e2fsck", "-fn"), "fat": ("fsck.fat", "-n")}


def filled(kind, size):
    """For a Card: a file system of so many MiB on all of it, empty."""
    def fill(handle, _):
        handle.truncate(size * MIB)
        handle.flush()
        tool(*MAKE[kind], handle.name)
    return fill


def whole(kind):
    """A check: the host's tools find nothing."""
    def check(attendant):
        tool(*CHECK[kind], attendant.paths[0])
    return check


def on_volume(name, program, kind, words="", size=24, expect=(), label=EVERYDAY, cpus=1, seconds=20, where="virtio", mem="256M", **more):
    """One program with the card at /tmp."""
    more.setdefault("check", whole(kind))
    return Scenario(name, {**VIRT, "mem": mem, "cpus": cpus}, label=label, seconds=seconds, only=True,
                    append=f"init=bootstrap arg=system=volume.conf arg=test={program} arg=format={kind} {words}",
                    disk=Card(where, table=None, fill=filled(kind, size), drive="cache=unsafe"),
                    expect=(*expect, rf"^{program}: all checks passed$", ended("bootstrap"), all_ended()), **more)


def full():
    """apps/tests/full-disk.c"""
    return [on_volume("volume-full-ext4", "full-disk", "ext4", size=16), on_volume("volume-full-fat", "full-disk", "fat", size=16),
            on_volume("volume-full-ext4-4cpu", "full-disk", "ext4", size=32, label=CI, cpus=4, seconds=40)]


def all_scenarios():
    return full()
