# SPDX-License-Identifier: BSD-2-Clause
"""File systems that are damaged (volume_damage.sh): each is mounted, read and written to, or is not, and it is said why. No server may end by it, nor any call; a good one in between is as good
as ever. What becomes of which damage byte by byte is tested on the host (tests/host/ext4, tests/host/fat)."""

import random
import struct
import tempfile
from functools import partial
from pathlib import Path

from cards import Card
from powercuts import tool
from scenario import CI, LONG, Scenario
from shell import EXEC, VIRT
from volumes_trouble import MIB, SCRIPTED, script

SIZE = 8 * MIB
# What the script says: it is refused, or mounted; then what cannot be had is an error, and what can be had is there.
NO_SUCH = "mount: /data: Invalid argument$"
DAMAGED = "mount: /data: the file system is damaged$"
UNKNOWN = "mount: /data: the file system has features that are not known here$"
WHOLE = "mounted; $"
BROKEN = "mounted; I/O error;No such file or directory;Read-only file system;$"     # found while it was read
ORPHANS = "mounted; No such file or directory;Read-only file system;$"              # found when it was mounted
LIVES = ""
GOOD = (lambda data: data, WHOLE)


def files(folder):
    """What is in a good one."""
    some = random.Random(1)
    (folder / "folder" / "deeper").mkdir(parents=True)
    for name in ("good", "bad"):
        (folder / name).write_bytes(some.randbytes(40000))
    for number in range(10):
        (folder / "folder" / f"file{number}").write_bytes(some.randbytes(number * 300))


def with_links(folder):
    files(folder)
    (folder / "link").symlink_to("good")
    (folder / "long").symlink_to("folder/" + "x" * 100)


# ---- ext4 ----

def ext4(*options):
    """An image, block size 1024."""
    with tempfile.TemporaryDirectory(prefix="wharf-damage-") as name:
        root, image = Path(name) / "files", Path(name) / "image"
        root.mkdir()
        with_links(root)
        with open(image, "wb") as handle:
            handle.truncate(SIZE)
        tool("mke2fs", "-q", "-t", "ext4", "-b", 1024, "-J", "size=1", "-N", 256, "-O", "^resize_inode", "-d", root, *options, image)
        return bytearray(image.read_bytes())


def debugfs(*commands):
    """Damage that debugfs does; it makes the sums right."""
    def damage(data):
        with tempfile.TemporaryDirectory(prefix="wharf-damage-") as name:
            image, text = Path(name) / "image", Path(name) / "commands"
            image.write_bytes(data)
            text.write_text("".join(f"{command}\n" for command in commands))
            tool("debugfs", "-w", "-f", text, image)
            return bytearray(image.read_bytes())
    return damage


def at(offset, form, *values):
    def damage(data):
        struct.pack_into(form, data, offset, *values)
        return data
    return damage


def in_block_of(path, offset, form, *values):
    """Of a folder's or the journal's first block."""
    def damage(data):
        with tempfile.TemporaryDirectory(prefix="wharf-damage-") as name:
            image = Path(name) / "image"
            image.write_bytes(data)
            block = int(tool("debugfs", "-R", f"bmap {path} 0", image))
        struct.pack_into(form, data, block * 1024 + offset, *values)
        return data
    return damage


def noise(seed, places, count=40):
    """Some words are anything. places(data): ranges of bytes."""
    def damage(data):
        some = random.Random(seed)
        for _ in range(count):
            place = some.choice(places(data))
            struct.pack_into("<I", data, some.randrange(place.start, place.stop) & ~3, some.getrandbits(32) >> some.choice((0, 8, 16, 24)))
        return data
    return damage


EXT4 = {
    "no magic": (at(1024 + 0x38, "<H", 0), NO_SUCH),
    "more blocks than the card": (debugfs("ssv blocks_count 99999999"), DAMAGED),
    "no inodes in a group": (debugfs("ssv inodes_per_group 0"), DAMAGED),
    "large blocks": (debugfs("ssv log_block_size 12"), UNKNOWN),
    "small inodes": (debugfs("ssv inode_size 3"), DAMAGED),
    "block bitmap elsewhere": (debugfs("set_bg 0 block_bitmap 99999999"), DAMAGED),
    "inode table elsewhere": (debugfs("set_bg 0 inode_table 0"), DAMAGED),
    "root is no folder": (debugfs("sif <2> mode 0100644"), DAMAGED),
    "root is not there": (debugfs("sif <2> block[5] 4000000"), "mounted; I/O error;$"),
    "no journal": (debugfs("sif <8> mode 0"), DAMAGED),
    "journal is none": (in_block_of("<8>", 0, "<I", 0), DAMAGED),
    "orphans in a circle": (debugfs("sif <14> links_count 0", "sif <14> dtime 14", "ssv last_orphan 14"), ORPHANS),
    "orphan that is a folder": (debugfs("ssv last_orphan 2"), ORPHANS),
    "entry of no length": (in_block_of("/folder", 24 + 4, "<H", 0), BROKEN),
    "entry that goes beyond": (in_block_of("/folder", 24 + 4, "<H", 5000), BROKEN),
    "name longer than its entry": (in_block_of("/folder", 24 + 6, "<B", 255), BROKEN),
    "entry of no inode": (in_block_of("/folder", 24, "<I", 1 << 30), BROKEN),
    "entry of the journal": (in_block_of("/folder", 24, "<I", 8), BROKEN),
    "folder in itself": (debugfs("ln / /folder/deeper/up"), WHOLE),
    "extent beyond the card": (debugfs("sif /bad block[5] 4000000"), BROKEN),
    "extent over metadata": (debugfs("sif /bad block[5] 3"), BROKEN),
    "extents of five levels": (debugfs(f"sif /bad block[1] {5 << 16 | 4}"), BROKEN),
    "extents without magic": (debugfs("sif /bad block[0] 0"), BROKEN),
    "more extents than fit": (debugfs(f"sif /bad block[0] {0xfff << 16 | 0xf30a}"), BROKEN),
    "endless file": (debugfs("sif /bad size 0xfffffffffffffff"), WHOLE),
    "folder of a terabyte": (debugfs("sif /folder size 0x10000000000"), WHOLE),
    "file of an unknown kind": (debugfs("sif /bad mode 0170644"), "mounted; I/O error;$"),
    "long link without a block": (debugfs("sif /long block[5] 0"), ORPHANS),
    "unknown feature": (debugfs("ssv feature_incompat 0xff0000"), UNKNOWN),
    **{f"noise {seed}": (noise(seed, lambda data: (range(2048, 90 << 10),)), LIVES) for seed in range(6)},
}

SUMS = {"superblock's sum": (at(1024 + 0x78, "<I", 0x12345678), DAMAGED)}


# ---- FAT ----

def fat():
    with tempfile.TemporaryDirectory(prefix="wharf-damage-") as name:
        root, image = Path(name) / "files", Path(name) / "image"
        root.mkdir()
        files(root)
        with open(image, "wb") as handle:
            handle.truncate(SIZE)
        tool("mkfs.fat", "-F", 16, "-s", 1, image)
        tool("mcopy", "-s", "-i", image, *sorted(root.iterdir()), "::/")
        return bytearray(image.read_bytes())


class Fat:
    """Where things are in an image."""

    def __init__(self, data):
        reserved, count, root, _, _, size = struct.unpack_from("<HBHHBH", data, 14)
        self.tables = [(reserved + size * number) * 512 for number in range(count)]
        self.root = (reserved + size * count) * 512
        self.data = self.root + root * 32

    def entry(self, data, name):
        """Of the root, by its short name."""
        return data.index(name.ljust(11), self.root, self.data)

    def cluster(self, data, name):
        return struct.unpack_from("<H", data, self.entry(data, name) + 26)[0]

    def used(self):
        """Ranges where there is something."""
        return range(self.tables[0], self.tables[0] + 600), range(self.root, self.root + 512), range(self.data, self.data + 4096)

    def place(self, number):
        return self.data + (number - 2) * 512


def chained(name, skip, what):
    """The table's entry of a file's cluster: what(first) -> its value."""
    def damage(data):
        where = Fat(data)
        first = where.cluster(data, name)
        for table in where.tables:
            struct.pack_into("<H", data, table + 2 * (first + skip), what(first))
        return data
    return damage


def of_entry(name, offset, form, what):
    """A field of an entry of the root: what(Fat, data) -> its value."""
    def damage(data):
        where = Fat(data)
        struct.pack_into(form, data, where.entry(data, name) + offset, what(where, data))
        return data
    return damage


def in_folder(offset, form, *values):
    """Of its first cluster; None: that cluster's number."""
    def damage(data):
        where = Fat(data)
        first = where.cluster(data, b"FOLDER")
        struct.pack_into(form, data, where.place(first) + offset, *(first if value is None else value for value in values))
        return data
    return damage


FAT = {
    "sectors of no bytes": (at(11, "<H", 0), NO_SUCH),
    "odd sectors": (at(11, "<H", 333), NO_SUCH),
    "clusters of three": (at(13, "<B", 3), NO_SUCH),
    "nothing reserved": (at(14, "<H", 0), NO_SUCH),
    "no table": (at(16, "<B", 0), NO_SUCH),
    "a table of one sector": (at(22, "<H", 1), "mounted; No such file or directory;$"),
    "more sectors than the card": (at(19, "<HBHHHHII", 0, 0xf8, 32, 32, 2, 0, 0, 99999999), NO_SUCH),
    "chain in a circle": (chained(b"BAD", 3, lambda first: first), WHOLE),
    "chain too short": (chained(b"BAD", 3, lambda first: 0xffff), BROKEN),
    "chain to a free cluster": (chained(b"BAD", 3, lambda first: 0), BROKEN),
    "chain beyond the end": (chained(b"BAD", 3, lambda first: 0xffe0), BROKEN),
    "chain to another file": (chained(b"BAD", 3, lambda first: 2), WHOLE),
    "file of another's clusters": (of_entry(b"BAD", 26, "<H", lambda where, data: where.cluster(data, b"GOOD")), BROKEN),
    "file without clusters": (of_entry(b"BAD", 26, "<H", lambda where, data: 0), BROKEN),
    "file of cluster 1": (of_entry(b"BAD", 26, "<H", lambda where, data: 1), BROKEN),
    "file beyond the end": (of_entry(b"BAD", 26, "<H", lambda where, data: 0xffe0), BROKEN),
    "file of 4 GiB": (of_entry(b"BAD", 28, "<I", lambda where, data: 0xffffffff), BROKEN),
    "folder in a circle": (chained(b"FOLDER", 0, lambda first: first), WHOLE),
    "folder in itself": (in_folder(64, "<11sB14xHI", b"UP         ", 0x10, None, 0), BROKEN),
    "folder that is no folder": (of_entry(b"FOLDER", 26, "<H", lambda where, data: where.cluster(data, b"GOOD")), BROKEN),
    "folder without clusters": (of_entry(b"FOLDER", 26, "<H", lambda where, data: 0), BROKEN),
    "part of a long name": (in_folder(64, "<B", 0x45), WHOLE),
    **{f"noise {seed}": (noise(seed, lambda data: Fat(data).used()), LIVES) for seed in range(6)},
}


# ---- both ----

def damaged(name, base, cases, label=CI):
    cases = {"good": GOOD, **cases, "good again": GOOD}
    images = []

    def fill(handle, _):
        data = bytes(base())
        images[:] = [damage(bytearray(data)) for damage, _ in cases.values()]
        handle.truncate(SIZE)

    def show(number, attendant):
        with open(attendant.paths[0], "r+b") as handle:
            handle.write(images[number])
        attendant.type("\r")

    return Scenario(f"volume-damage-{name}", {**VIRT, "cpus": 2}, append=EXEC, label=label, seconds=25, disk=Card("virtio", table=None, fill=fill),
                    initrd=script("volume_damage.sh", DISK="vd0", COUNT=len(cases)), when=tuple((rf"^step {n}$", partial(show, n)) for n in range(len(cases))),
                    expect=(*(rf"^image {n}: {said}" for n, (_, said) in enumerate(cases.values())), r"^volume damage: all images were tried$", *SCRIPTED))


def all_scenarios(kind):
    if kind != "release":
        return []
    return [damaged("ext4", ext4, {**SUMS, **EXT4}), damaged("ext4-without-sums", partial(ext4, "-O", "^metadata_csum"), EXT4, LONG), damaged("fat", fat, FAT)]
