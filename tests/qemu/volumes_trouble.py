# SPDX-License-Identifier: BSD-2-Clause
"""Files on cards (docs/volumes.md) in trouble: a card that is full (apps/tests/full-disk.c), requests that fail (volume_failing.sh), a card that is taken out (volume_removal.sh).
Afterwards the host looks at what is on it. Those with a shell need ports: release only."""

import random
import tempfile
from functools import partial
from hashlib import md5
from pathlib import Path

from cards import Card
from nbd import SECTOR, Fault
from powercuts import tool
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended
from shell import EXEC, initrd
from wharf import card

HERE = Path(__file__).resolve().parent
MIB, KIB, PAGE = 1 << 20, 1 << 10, 4096
MAKE = {"ext4": ("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-J", "size=4"), "fat": ("mkfs.fat",)}
SCRIPTED = (r"^supervisor: init ended with status 0$", all_ended())


# ---- file systems, made and looked at by the host ----

def make(kind, path, size, files=None):
    """A file system of so many bytes with these files: {name: bytes}."""
    with open(path, "wb") as handle:
        handle.truncate(size)
    with tempfile.TemporaryDirectory(prefix="wharf-trouble-") as name:
        for file, content in (files or {}).items():
            (Path(name) / file).write_bytes(content)
        if kind == "ext4":
            tool(*MAKE[kind], "-d", name, path)
            return
        tool(*MAKE[kind], path)
        for file in files or {}:
            tool("mcopy", "-i", path, Path(name) / file, f"::/{file}")


def put(handle, at, kind, size, files=None):
    """The same, in an image."""
    with tempfile.TemporaryDirectory(prefix="wharf-trouble-") as name:
        make(kind, Path(name) / "made", size, files)
        handle.seek(at)
        handle.write((Path(name) / "made").read_bytes())


def look(kind, path, at=0, size=-1, repaired=False):
    """The host's tools find nothing. repaired: a FAT was not unmounted once, and says so until it has been looked at."""
    with tempfile.TemporaryDirectory(prefix="wharf-trouble-") as name:
        image = Path(name) / "image"
        with open(path, "rb") as source:
            source.seek(at)
            image.write_bytes(source.read(size))
        if kind == "fat" and repaired:
            tool("fsck.fat", "-a", image, good=(0, 1))
        tool(*(("e2fsck", "-fn") if kind == "ext4" else ("fsck.fat", "-n")), image)


def whole(kind, **more):
    """A check."""
    return lambda attendant: look(kind, attendant.paths[0], **more)


def script(name, **words):
    """An initrd whose shell runs a script of this folder, with volume_words.sh. Nothing is mounted."""
    names = ("volume_words.sh", name)
    commands = [f"{key}='{value}'" for key, value in words.items()] + [f". /samples/{one}" for one in names]
    return initrd({"etc/fstab": b"", "etc/exec": "".join(f"{line}\n" for line in commands).encode(), **{f"samples/{one}": (HERE / one).read_bytes() for one in names}})


def steps(*what):
    """What is done to the card before the script goes on."""
    def then(step, attendant):
        step(attendant)
        attendant.type("\r")
    return tuple((rf"^step {number}$", partial(then, step)) for number, step in enumerate(what, 1))


# ---- full ----

def full(kind):
    def fill(handle, _):
        handle.truncate(16 * MIB)
        put(handle, 0, kind, 16 * MIB)

    return Scenario(f"volume-full-{kind}", {**VIRT, "cpus": 1}, label=EVERYDAY, seconds=30, only=True,
                    append=f"init=bootstrap arg=system=volume.conf arg=test=full-disk arg=format={kind}", disk=Card("virtio", table=None, fill=fill, drive="cache=unsafe"),
                    check=whole(kind), expect=(r"^full-disk: all checks passed$", ended("bootstrap"), all_ended()))


# ---- requests that fail ----

def noise(size, seed):
    return random.Random(seed).randbytes(size)


GOOD, BAD, OVER, LATER = (noise(size * KIB, number) for number, size in enumerate((128, 256, 64, 64)))
BAD_PAGES = (17, 40)


def sectors(content, first, size):
    """A function of an image's path: where a part of a file is, which lies in one piece."""
    def find(path):
        at = Path(path).read_bytes().find(content) + first
        return range(at // SECTOR, (at + size) // SECTOR)
    return find


def failing(kind, refused):
    def fill(handle, _):
        handle.truncate(16 * MIB)
        put(handle, 0, kind, 16 * MIB, {"good": GOOD, "bad": BAD, "over": OVER, "later": LATER})

    def at_first(path):
        return [Fault("error", times=None, sectors=sectors(BAD, page * PAGE, SECTOR)(path)) for page in BAD_PAGES]

    def well(attendant):
        attendant.nbd[0].clear()

    def lose(attendant):
        attendant.nbd[0].add(Fault("error", "write", times=None, sectors=sectors(OVER, 0, len(OVER))(attendant.paths[0])))

    def fail(attendant):
        attendant.nbd[0].add(Fault("error", "write", times=None))

    return Scenario(f"volume-failing-{kind}", {**VIRT, "cpus": 2}, append=EXEC, label=CI, seconds=15, disk=Card("virtio", table=None, fill=fill, faults=at_first),
                    initrd=script("volume_failing.sh", DISK="vd0", REFUSED=refused, GOOD=md5(GOOD).hexdigest(), LATER=md5(LATER).hexdigest()), when=steps(well, lose, well, fail, well), check=whole(kind, repaired=True),
                    expect=(r"^volume failing: 0 are wrong$", *SCRIPTED))


# ---- a card that is taken out ----

def removal():
    def fill(which):
        def filled(handle, partitions):
            for kind, partition in zip(("fat", "ext4"), partitions):
                put(handle, partition.start, kind, partition.size, {"which": which, "good": GOOD})
        return filled

    def another_path(attendant):
        return attendant.paths[0].with_suffix(".another")

    def another(attendant):
        path = another_path(attendant)
        Card("sd", fill=fill(b"second\n")).make(path)
        attendant.insert(path=path)

    def check(attendant):
        for path, repaired in ((attendant.paths[0], True), (another_path(attendant), False)):
            for kind, partition in zip(("fat", "ext4"), card.layout(128 * MIB)):
                look(kind, path, partition.start, partition.size, repaired)
        another_path(attendant).unlink()

    def out(attendant):
        attendant.eject()

    def back(attendant):
        attendant.insert()

    return Scenario("volume-removal", {**VIRT, "cpus": 2}, append=EXEC, label=CI, seconds=20, disk=Card("sd", fill=fill(b"first\n")),
                    initrd=script("volume_removal.sh", DISK="sd0"), when=tuple((rf"^step {n}$", step) for n, step in enumerate((out, another, out, back), 1)),
                    check=check, expect=(r"^volume removal: 0 are wrong$", *SCRIPTED))


def all_scenarios(kind):
    found = [full("ext4"), full("fat")]
    if kind == "release":
        found += [failing("ext4", "Read-only file system"), failing("fat", "I/O error"), removal()]
    return found
