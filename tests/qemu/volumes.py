# SPDX-License-Identifier: BSD-2-Clause
"""Files on cards (docs/volumes.md): programs that work on ext4 and FAT, also while the server is killed again and again. Afterwards the host finds nothing wrong with the file system."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from cards import Card
from console import Failed
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended

SIZE = 64 << 20
MAKE = {"ext4": ("mke2fs", "-q", "-t", "ext4"), "fat": ("mkfs.fat", "-F", "32")}
LOOK = {"ext4": ("e2fsck", "-fn"), "fat": ("fsck.fat", "-n")}


def tool(*words):
    path = shutil.which(str(words[0])) or f"/usr/sbin/{words[0]}"
    done = subprocess.run([path, *map(str, words[1:])], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{words[0]}: status {done.returncode}: {done.stdout}{done.stderr}")


def empty(kind):
    def fill(handle, _):
        with tempfile.TemporaryDirectory(prefix="wharf-volume-") as name:
            image = Path(name) / "image"
            with open(image, "wb") as made:
                made.truncate(SIZE)
            tool(*MAKE[kind], image)
            handle.write(image.read_bytes())
    return fill


def is_whole(kind):
    def check(attendant):
        with tempfile.TemporaryDirectory(prefix="wharf-volume-") as name:
            image = Path(name) / "image"
            with open(attendant.paths[0], "rb") as card:
                image.write_bytes(card.read(SIZE))
            tool(*LOOK[kind], image)
    return check


def work(name, kind, test, expect, system="volume", cpus=1, label=EVERYDAY, seconds=30, anywhere=(), words="", build="release"):
    append = f"init=bootstrap arg=system={system}.conf arg=test={test} arg=format={kind} {words}"
    return Scenario(f"volume-{name}-{kind}-{cpus}cpu", {**VIRT, "cpus": cpus}, append=append, label=label, seconds=seconds, build=build, only=True,
                    disk=Card("virtio", table=None, fill=empty(kind)), check=is_whole(kind), anywhere=anywhere,
                    expect=(*expect, ended("bootstrap"), all_ended()))


def posix(cpus, label):
    return work("posix", "ext4", "posix-files", (r"^posix-files: all checks passed$",), cpus=cpus, label=label)


def model(kind, operations, seed, cpus, label, workers=1):
    return work("model", kind, "files-model", (r"^files-model: all checks passed$",), cpus=cpus, label=label, seconds=60,
                words=f"arg=operations={operations} arg=seed={seed} arg=workers={workers}")


def kills(kind, count, seed, cpus, label, build="release"):
    """The model goes on until the server has been killed that often. What has no name any more ends with the server on FAT (docs/volumes.md)."""
    return work(f"kills-{count}", kind, "files-model", (r"^files-model: all checks passed$",), system="volume-kills", cpus=cpus, label=label, seconds=90,
                anywhere=(r"^kills: all checks passed$",), build=build,
                words=f"arg=operations=500 arg=while=kills arg=seed={seed} arg=kills={count} arg=unlinked={'no' if kind == 'fat' else 'yes'}")


def all_scenarios():
    return [posix(1, EVERYDAY), posix(4, CI), model("ext4", 2000, 1, 1, EVERYDAY), model("fat", 2000, 1, 1, EVERYDAY), model("ext4", 1500, 2, 2, CI, workers=3),
            kills("ext4", 200, 1, 2, EVERYDAY), kills("fat", 100, 1, 1, EVERYDAY), kills("fat", 100, 51, 4, CI), kills("fat", 20, 3, 2, CI, build="debug")]
