# SPDX-License-Identifier: BSD-2-Clause
"""Power cuts of the whole system: a program works on files (apps/tests/power-work.c) while QEMU notes every write and flush of the card; then what a cut at any of them would have left
is made, recovered and looked at by e2fsprogs and dosfstools, and what was synced has to be there.

WHARF_CUTS: how many of the moments are looked at, chosen at random with the seed, the last one always. CUTS without.
"""

import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import writelog
from cards import Card
from console import Failed
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended

LONGEST, CUTS, PAGE = 60000, 30, 4096
# A commit block of which sectors were not written: the transaction has not been, and e2fsck looks at all, which it tells of in three lines.
RECOVERED = re.compile(r".*/image:? (Journal transaction \d+ was corrupt, replay was aborted\.|recovering journal|Clearing orphaned inode .*|Truncating orphaned inode .*|clean, .*|Setting free .*|contains a file system with errors, check forced\.|\d+/\d+ files .*)$")
# The last four: a rename between blocks that Wharf has not looked at since (docs/fat.md); `current` lies before `next`.
CLUSTERS_LOST = re.compile(r"^(fsck\.fat .*|Reclaimed \d+ unused clusters? .*|Dirty bit is set.*|.* Automatically removing dirty bit\.|"
                           r"Free cluster summary wrong.*| *Auto-correcting\.|FATs differ.*| *Using first FAT\.|/.*| *File size is .*| *Truncating file .*|Orphaned long file name part .*| *Auto-.*|There are differences between boot sector and its backup\.|\*\*\* Filesystem was changed \*\*\*|Writing changes\.|Leaving filesystem unchanged\.|"
                           r".*: \d+ files, \d+/\d+ clusters|/CURRENT  and|/NEXT|  share clusters\.|  Truncating second to 0 bytes\.|Fs was not properly unmounted.*|)$")


def tool(*words, good=(0,)):
    path = shutil.which(str(words[0])) or f"/usr/sbin/{words[0]}"
    done = subprocess.run([path, *map(str, words[1:])], check=False, capture_output=True, text=True)
    if done.returncode not in good:
        raise Failed(f"{words[0]}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


# What power-work.c writes.

def length_of(number, seed):
    return (number * 2654435761 + seed * 40503) % (1 << 32) % LONGEST


def content_of(number, seed):
    return bytes((i * 7 + number * 31 + seed + i // 256) & 255 for i in range(length_of(number, seed)))


class Ext4:
    name = "ext4"
    # The superblock. One that is torn Wharf mends at the next mount (docs/ext4.md); e2fsck and Linux take neither half for one.
    whole = (1024, 2048)

    @staticmethod
    def make(path):
        tool("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-J", "size=4", path)

    @staticmethod
    def recover(image):
        """As Linux would: the journal, files that had no name any more, and nothing else; then nothing is wrong."""
        for line in tool("e2fsck", "-p", image, good=(0, 1)).splitlines():
            if not RECOVERED.match(line):
                raise Failed(f"e2fsck: {line}")
        tool("e2fsck", "-fn", image)

    @staticmethod
    def files(image, to):
        tool("debugfs", "-R", f"rdump / {to}", image)
        return {path.name: path.read_bytes() for path in Path(to).iterdir() if path.is_file()}


class Fat:
    name, whole = "fat", (0, 0)

    @staticmethod
    def make(path):
        tool("mkfs.fat", "-F", "16", path)

    @staticmethod
    def recover(image):
        """Lost clusters are all that a cut may leave (docs/fat.md)."""
        for line in tool("fsck.fat", "-a", image, good=(0, 1)).splitlines():
            if not CLUSTERS_LOST.match(line):
                raise Failed(f"fsck.fat: {line}")
        tool("fsck.fat", "-n", image)

    @staticmethod
    def files(image, to):
        tool("mcopy", "-n", "-i", image, "::/*", to, good=(0, 1))     # 1: there is none
        return {path.name: path.read_bytes() for path in Path(to).iterdir()}


def judge(files, seed):
    """What is there tells how far it had got: all that had to be on the card before that has to be there."""
    numbers = sorted(int(name[1:]) for name in files if re.match(r"f\d{5}$", name))
    lines = files.get("log", b"").split(b"\n")[:-1]
    if lines != [b"%05u" % (at + 1) for at in range(len(lines))]:
        raise Failed(f"the log says {lines}")
    current = 0
    if "current" in files:
        if not re.match(rb"\d{5}\n$", files["current"]):
            raise Failed(f"`current` says {files['current']!r}")
        current = int(files["current"])
    begun = max([0, *numbers])                       # its file has been made: all before is done
    done = max(len(lines), current, begun - 1)       # its file is on the card
    if current < begun - 1 or current < len(lines) or len(lines) < begun - 1 or len(lines) < current - 1:
        raise Failed(f"file {begun} is there, `current` says {current} and the log {len(lines)}")
    for number in range(1, begun + 1):
        found, wanted = files.get(f"f{number:05}"), content_of(number, seed)
        remover = number + 3 if number % 3 == 0 else None    # the round that removes it
        if found is None and remover is not None and remover <= max(len(lines), begun):
            continue
        if remover is not None and remover < begun and found is not None:
            raise Failed(f"file {number} is there, though it was removed")
        if number <= done and found != wanted:
            raise Failed(f"file {number} is not what it was when it was synced")
        slot = files.get("mapped", b"")[number * PAGE:(number + 1) * PAGE]
        if number <= max(len(lines), begun - 1) and slot != bytes([number]) * PAGE:
            raise Failed(f"page {number} of `mapped` is not what it was when it was synced")
        if number > done and (found is None or not wanted.startswith(found)):
            raise Failed(f"file {number} is neither old nor new")


def at_cuts(kind, seed):
    """A check: cuts of what was written."""
    def check(attendant):
        path = attendant.paths[0]
        log = writelog.path_of(path)
        requests = writelog.read(log)
        cutter = writelog.Cutter(Path(f"{path}.before").read_bytes(), requests, seed, kind.whole)
        wanted = int(os.environ.get("WHARF_CUTS", CUTS))
        moments = range(len(requests)) if wanted > len(requests) else random.Random(seed).sample(range(len(requests)), wanted)
        for moment in (*sorted(moments), len(requests)):
            with tempfile.TemporaryDirectory(prefix="wharf-cut-") as name:
                image = Path(name) / "image"
                image.write_bytes(cutter.cut(moment))
                try:
                    kind.recover(image)
                    (Path(name) / "files").mkdir()
                    judge(kind.files(image, Path(name) / "files"), seed)
                except Failed as failed:
                    raise Failed(f"power cut after {moment} of {len(requests)} requests: {failed}") from failed
        log.unlink()
        Path(f"{path}.before").unlink()
    return check


def work(kind, seed, rounds, label=EVERYDAY, cpus=1, where="virtio"):
    def fill(handle, _):
        with tempfile.TemporaryDirectory(prefix="wharf-cut-") as name:
            image = Path(name) / "image"
            with open(image, "wb") as made:
                made.truncate(32 << 20)
            kind.make(image)
            handle.write(image.read_bytes())
            Path(f"{handle.name}.before").write_bytes(image.read_bytes())

    words = f"init=bootstrap arg=system=volume.conf arg=test=power-work arg=format={kind.name} arg=rounds={rounds} arg=seed={seed}"
    return Scenario(f"power-cuts-{kind.name}-seed{seed}", {**VIRT, "cpus": cpus}, append=words, label=label, seconds=30,
                    disk=Card(where, table=None, fill=fill, logged=True), check=at_cuts(kind, seed), only=True,
                    expect=(rf"^power-work: {rounds} rounds, seed {seed}$", "^power-work: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [work(Ext4, 1, 24), work(Fat, 1, 24), work(Ext4, 2, 40, CI, cpus=4), work(Fat, 2, 40, CI, cpus=4)]
