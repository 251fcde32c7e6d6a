# SPDX-License-Identifier: BSD-2-Clause
"""The main job: programs of others, built with the SDK, work on files of an ext4 card that Linux' tools have made; a data set, four times as large as memory on `virt` with four CPUs, is sorted, checked
and packed, with swap on the same card, while the card's driver is killed again and again. The host compares checksums, and e2fsck looks at the card. mksh, busybox, Lua and
lz4 are ports: release only.

On most machines the card is mounted on /data of a system that is all in the initrd; where memory is least the system lives on the card, too (roots.py)."""

import hashlib
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

from cards import Card
from console import Failed
from ports import PORTS
from programs import STATUS
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, counted
from shell import EXEC, initrd
from wharf import boards, card, system

SCRIPTS = Path(__file__).parent / "main-job"
DATA = 1                        # of card.layout()
LINE, KEY = 1024, 16            # bytes of a line, hexadecimal digits that it begins with
PROGRAMS = ("lua/lua", "lz4/lz4")

JOB = """
SWAP || echo no swap
cd FOLDER
(kills=0; trap 'echo $kills kills; exit 0' TERM; while :; do sleep PAUSE; svc fault DRIVER && kills=$((kills + 1)); done) & killer=$!
mkdir work && bin/lua job/sort.lua records sorted work PIECE && bin/lua job/check.lua sorted
bin/lz4 -q -1 sorted packed.lz4 && rm sorted && bin/lz4 -q -d packed.lz4 sorted && echo unpacked
kill -TERM $killer; wait $killer
swapon -s
cd /; LAST && echo "on the card"
"""
ON_DATA = {"SWAP": "mkswap DISKp3 > /dev/null && swapon DISKp3", "FOLDER": "/data", "LAST": "umount /data"}
ON_ROOT = {"SWAP": f"swapon LABEL={system.SWAP_LABEL}", "FOLDER": "/home", "LAST": "sync"}


def tool(*words):
    path = shutil.which(str(words[0])) or f"/usr/sbin/{words[0]}"
    done = subprocess.run([path, *map(str, words[1:])], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{words[0]}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def records(size, seed=1):
    """Lines of LINE bytes, in no order."""
    chance = random.Random(seed)
    for _ in range(size // LINE):
        key = f"{chance.getrandbits(4 * KEY):0{KEY}x}".encode()
        yield (key * (LINE // KEY))[:LINE - 1] + b"\n"


def sum_of_sorted(size):
    total = hashlib.sha256()
    for line in sorted(records(size)):
        total.update(line)
    return total.hexdigest()


def files(size):
    """What is in the folder: path -> content."""
    return {**{f"bin/{Path(program).name}": (PORTS / program).read_bytes() for program in PROGRAMS},
            **{f"job/{script.name}": script.read_bytes() for script in SCRIPTS.iterdir()}, "records": b"".join(records(size))}


def fill(size):
    """A function for Card.fill: an ext4 file system with the programs, the scripts and the data."""
    def write(handle, partitions):
        with tempfile.TemporaryDirectory(prefix="wharf-job-") as name:
            root = Path(name)
            for path, content in files(size).items():
                (root / path).parent.mkdir(exist_ok=True)
                (root / path).write_bytes(content)
                (root / path).chmod(0o755)
            data = partitions[DATA]
            tool("mke2fs", "-q", "-t", "ext4", "-d", root, "-E", f"offset={data.start}", handle.name, f"{data.size >> 10}k")
    return write


def on_card(size, folder=""):
    def check(attendant):
        data = card.layout(Path(attendant.paths[0]).stat().st_size)[DATA]
        place = f"{attendant.paths[0]}?offset={data.start}"
        tool("e2fsck", "-fn", place)
        with tempfile.TemporaryDirectory(prefix="wharf-job-") as name:
            tool("debugfs", "-R", f"dump {folder}/sorted {name}/sorted", place)
            found = hashlib.sha256(Path(name, "sorted").read_bytes()).hexdigest()
        if found != sum_of_sorted(size):
            raise Failed("what is on the card is not what was to be sorted")
    return check


def commands(places, disk, driver, piece, pause):
    """The job as a script for /etc/exec."""
    script = JOB
    for word, value in (*places.items(), ("DISK", disk), ("DRIVER", driver), ("PIECE", boards.mem_bytes(piece)), ("PAUSE", pause)):
        script = script.replace(word, str(value))
    return {"etc/exec": f"{{ {script} }} > /tmp/out 2>&1; cat /tmp/out\n".encode()}


def expected(size):
    return (rf"^sort: {size // LINE} lines$", rf"^check: {size // LINE} lines are in order$", "^unpacked$", r"^[1-9]\d* kills$", "^on the card$", all_ended())


def job(name, machine, where, disk, driver, size, piece, pause, label, seconds):
    size, table = boards.mem_bytes(size), f"{disk}p2 /data ext4 mkdir\n"
    return Scenario(f"main-job-{name}", machine, append=EXEC, disk=Card(where, size="2G", swap="256M", fill=fill(size)), label=label, seconds=seconds,
                    initrd=initrd({**commands(ON_DATA, disk, driver, piece, pause), "etc/fstab": table.encode()}), check=on_card(size), allow=STATUS,
                    expect=expected(size))


def job_on_root(name, machine, where, disk, size, piece, pause, label, seconds):
    """The programs, their data and all of the shell's utilities are on the card whose driver is killed."""
    size = boards.mem_bytes(size)
    return Scenario(f"main-job-{name}", machine, "scr", append=f"{EXEC} arg=root=LABEL={system.ROOT_LABEL}", disk=Card(where, size="512M", swap="64M"), label=label,
                    seconds=seconds, allow=STATUS, check=on_card(size, "/home"), expect=expected(size),
                    root=lambda: {**commands(ON_ROOT, disk, disk, piece, pause), **{f"home/{path}": content for path, content in files(size).items()}})


def all_scenarios(kind):
    if kind != "release":
        return []
    virt = {"board": "virt", "gic": 2, "mem": "64M"}
    # CPUs that take turns: with fewer processors in the host than CPUs, one waits for another most of the time otherwise.
    four = {**virt, "cpus": 4, "extra": counted(4, 3, "on")}
    pi = {"board": "raspi4b", "mem": "64M", "extra": counted(4, 3, "on", "raspi4b")}
    return [job("virtio-1cpu", {**virt, "cpus": 1}, "virtio", "vd0", "vd0", "64M", "8M", 1, CI, 30),
            job("virtio-4cpu", four, "virtio", "vd0", "vd0", "256M", "16M", 2, EVERYDAY, 200),
            job("sd-4cpu", four, "sd", "sd0", "sd0", "64M", "8M", 2, LONG, 120),
            job("raspi4b", pi, "emmc2", "sd0", "sd0", "64M", "8M", 2, LONG, 120),
            job_on_root("sd-32m", {**virt, "cpus": 1, "mem": "32M"}, "sd", "sd0", "64M", "1M", 4, CI, 100)]
