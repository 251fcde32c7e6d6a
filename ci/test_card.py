#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of cards: partition tables, and what ./wharf image writes, read back by other programs. Registered with ctest.

Needs what ./wharf image needs, and sfdisk and fsck.fat. Firmware and U-Boot are stand-ins here; that the real
ones boot is shown by tests/qemu/cardboot.py.
"""

import io
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "ci"))

from wharf import boards, card, image, packages, system  # noqa: E402
from wharf.boards import BoardError  # noqa: E402

MIB = card.MIB
SEED = int(os.environ.get("WHARF_SEED", "1"))
TYPES = {"mbr": ["c", "83", "82", "da"], "gpt": [str(gpt).upper() for _, gpt in card.TYPES.values()]}


def tool(name, *words):
    done = subprocess.run([packages.which(name) or name, *map(str, words)], text=True, capture_output=True, check=False,
                          env={**os.environ, **image.ENVIRONMENT, "LC_ALL": "C"})
    if done.returncode:
        raise AssertionError(f"{name} {words}: {done.stdout}{done.stderr}")
    return done.stdout


def sfdisk(path):
    """[(start, sectors, type)] as sfdisk reads them."""
    rows = [line.split(":", 1)[1] for line in tool("sfdisk", "-d", path).splitlines() if "start=" in line]
    fields = [dict(part.strip().split("=", 1) for part in row.split(",") if "=" in part) for row in rows]
    return [(int(f["start"]), int(f["size"]), f["type"].upper() if len(f["type"]) > 2 else f["type"].strip()) for f in fields]


class Layout(unittest.TestCase):
    def test_sizes(self):
        for size in (128 * MIB, 256 * MIB, 4096 * MIB, 1 << 40):
            partitions = card.layout(size)
            self.assertEqual([p.name for p in partitions], ["boot", "data", "swap", "dump"])
            self.assertEqual((partitions[0].start, partitions[-1].end), (MIB, size - MIB))
            self.assertEqual(partitions[2].size, size // 4)
            self.assertEqual(partitions[3].size, 8 * MIB)
            for before, after in zip(partitions, partitions[1:]):
                self.assertEqual(before.end, after.start)
                self.assertEqual(after.start % MIB, 0)

    def test_swap(self):
        self.assertEqual(card.layout(128 * MIB, 54 * MIB)[1].size, MIB)
        for swap in (55 * MIB, 0, MIB + 512, -MIB):
            with self.assertRaises(BoardError, msg=str(swap)):
                card.layout(128 * MIB, swap)

    def test_refused(self):
        for size in (0, -1, 64 * MIB, 192 * MIB, 1 << 41):
            with self.assertRaises(BoardError, msg=str(size)):
                card.layout(size)


class Tables(unittest.TestCase):
    def made(self, folder, table, size=256 * MIB):
        path = Path(folder) / table
        return path, card.make(path, size, table=table)

    def test_as_others_read_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for table in ("mbr", "gpt"):
                path, partitions = self.made(folder, table)
                self.assertEqual(sfdisk(path), [(p.start // 512, p.size // 512, kind)
                                                for p, kind in zip(partitions, TYPES[table])])
                tool("sfdisk", "--verify", path)
                with open(path, "rb") as handle:
                    self.assertEqual(card.read_table(handle), partitions)

    def test_as_others_write_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for label in ("dos", "gpt"):
                path = Path(folder) / label
                path.write_bytes(b"")
                os.truncate(path, 64 * MIB)
                subprocess.run([packages.which("sfdisk"), "-q", path], check=True, text=True,
                               input=f"label: {label}\nstart=4096,size=8192\nstart=12288,size=2048,type=S\n")
                with open(path, "rb") as handle:
                    found = card.read_table(handle)
                self.assertEqual([(p.number, p.start, p.size, p.name) for p in found],
                                 [(1, 4096 * 512, 8192 * 512, "data"), (2, 12288 * 512, 2048 * 512, "swap")])

    def test_damaged(self):
        """Whatever is wrong with a table: an answer or a TableError, and what is answered lies on the card."""
        chance = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            for table in ("mbr", "gpt"):
                path, partitions = self.made(folder, table, 128 * MIB)
                good = path.read_bytes()[:34 * 512]
                refused = sum(self.damaged(good, 128 * MIB, chance) for _ in range(3000))
                self.assertGreater(refused, 300, f"seed {SEED}")

    def damaged(self, good, size, chance):
        data = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.choice((chance.randrange(446, 512), chance.randrange(512, 604), chance.randrange(len(data))))
            data[at] = chance.randrange(256)
        try:
            for p in card.read_table(Sparse(bytes(data), size)):
                self.assertTrue(0 < p.start < p.end <= size, f"seed {SEED}: {p}")
        except card.TableError:
            return True
        return False

    def test_nothing(self):
        for data in (b"", bytes(511), bytes(4096)):
            with self.assertRaises(card.TableError):
                card.read_table(io.BytesIO(data))


class Sparse(io.RawIOBase):
    """A card of some size of which only the beginning is not zero."""

    def __init__(self, data, size):
        super().__init__()
        self.data, self.size, self.at = data, size, 0

    def seek(self, offset, whence=0):
        self.at = offset + (self.size if whence == 2 else 0)
        return self.at

    def read(self, count=-1):
        end = min(self.at + count, self.size)
        found = self.data[self.at:end].ljust(max(end - self.at, 0), b"\0")
        self.at = end
        return found


class Images(unittest.TestCase):
    """What is on a card, for each board and way to boot."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        head = bytearray(1000)
        head[16:24] = (0x300000).to_bytes(8, "little")
        head[56:60] = image.IMAGE_MAGIC
        self.kernel, self.initrd = self.root / "kernel.img", self.root / "initrd.cpio"
        self.kernel.write_bytes(head)
        self.initrd.write_bytes(random.Random(SEED).randbytes(700001))
        keep, boards.resolve = boards.resolve, self.resolve
        self.addCleanup(setattr, boards, "resolve", keep)

    def resolve(self, path):
        """A stand-in for what is fetched."""
        stand_in = self.root / "fetched" / path
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        if not stand_in.is_file():
            stand_in.write_bytes(path.encode() * 100)
        return str(stand_in)

    def write(self, board, way, name="card.img", append="init=hello", size="128M", **more):
        path = self.root / name
        self.assertTrue(image.write(board, way, path, self.kernel, self.initrd, append, size=size, **more))
        return path

    def files(self, path):
        names = tool("mdir", "-/", "-b", "-i", f"{path}@@{MIB}", "::").split()
        return {name.removeprefix("::/"): self.content(path, name) for name in names if not name.endswith("/")}

    def content(self, path, name):
        tool("mcopy", "-n", "-o", "-i", f"{path}@@{MIB}", name, self.root / "copy")
        return (self.root / "copy").read_bytes()

    def test_every_card(self):
        for board in boards.names("image"):
            for way in boards.load(board)["image"]["boot"]:
                with self.subTest(board=board, way=way):
                    self.one(board, way)

    def one(self, board, way):
        path = self.write(board, way, swap="16M")
        self.assertEqual([row[2] for row in sfdisk(path)], TYPES["mbr"])
        with open(path, "rb") as handle:
            boot, data, swap, dump = card.read_table(handle)
            self.assertEqual(swap.size, 16 * MIB)
            handle.seek(boot.start)
            (self.root / "boot").write_bytes(handle.read(boot.size))
            handle.seek(data.start)
            empty = dump.end - data.start
            self.assertEqual(handle.read(empty).count(0), empty, "a partition that should be empty is not")
        tool("fsck.fat", "-n", self.root / "boot")
        self.assertEqual((self.root / "boot").read_bytes()[82:87], b"FAT32")
        found = self.files(path)
        self.assertEqual(found["kernel.img"], self.kernel.read_bytes())
        self.assertEqual(found["initrd.cpio"], self.initrd.read_bytes())
        arguments = found[{"scr": "boot.cmd", "extlinux": "extlinux/extlinux.conf", "direct": "cmdline.txt"}[way]]
        self.assertIn(b"init=hello", arguments)
        if board == "rpi4":
            self.firmware(found, way)

    def firmware(self, found, way):
        """All that config.txt names is there, and what the loader in the board's memory looks for."""
        settings = dict(line.split("=", 1) for line in found["config.txt"].decode().splitlines()
                        if "=" in line and not line.startswith("#"))
        self.assertEqual(settings["arm_64bit"], "1")
        self.assertEqual(settings["kernel"], "kernel.img" if way == "direct" else "u-boot.bin")
        for name in ("start4.elf", "fixup4.dat", "LICENCE.firmware", settings["kernel"], settings["device_tree"]):
            self.assertIn(name, found)
        if way != "direct":
            self.assertIn(b"rpi_4/u-boot.bin", found["u-boot.bin"])
            self.assertIn("LICENCE.u-boot", found)
            self.assertEqual(settings["kernel_address"], "0x80000", "where rpi_4's u-boot.bin is linked")

    def test_same_bytes(self):
        first = self.write("rpi4", "scr", "first.img")
        for path in self.root.rglob("*"):
            os.utime(path, (86400, 86400))
        keep = os.environ.get("TZ")
        os.environ["TZ"] = "Pacific/Auckland"
        try:
            second = self.write("rpi4", "scr", "second.img")
        finally:
            os.environ.pop("TZ")
            if keep is not None:
                os.environ["TZ"] = keep
        self.assertEqual(first.read_bytes(), second.read_bytes())
        for line in tool("mdir", "-i", f"{first}@@{MIB}", "::").splitlines():
            if " 20" in line or " 19" in line:
                self.assertIn(" 2025-01-01 ", line)
        third = self.write("rpi4", "scr", "third.img", append="init=other")
        self.assertNotEqual(first.read_bytes(), third.read_bytes())

    def test_written_again(self):
        """Below build/ a card is kept while nothing has changed, and made anew when somebody wrote to it."""
        keep, image.ROOT = image.ROOT, self.root
        self.addCleanup(setattr, image, "ROOT", keep)
        (self.root / "build").mkdir()
        path = self.write("virt", "scr", "build/card.img")
        good, when = path.read_bytes(), path.stat().st_ino
        self.write("virt", "scr", "build/card.img")
        self.assertEqual(path.stat().st_ino, when, "it was written again for nothing")
        with open(path, "r+b") as handle:
            handle.write(b"guest")
        self.write("virt", "scr", "build/card.img")
        self.assertEqual(path.read_bytes(), good)

    # What a system lives on.

    CONTENT = {"bin/tool": system.mkinitrd.ELF + b"code" * 5000, "bin/name": system.mkinitrd.Link(b"/bin/tool"), "usr/share/text": b"words\n"}

    def partition(self, path, number):
        """Of a card, as a file."""
        with open(path, "rb") as handle:
            found = card.read_table(handle)[number - 1]
            handle.seek(found.start)
            (self.root / "partition").write_bytes(handle.read(found.size))
        return self.root / "partition"

    def test_root(self):
        part = self.partition(self.write("virt", "scr", content=self.CONTENT), 2)
        tool("e2fsck", "-fn", part)
        ask = lambda words: tool("debugfs", "-R", words, part)      # noqa: E731
        self.assertEqual(ask("cat /usr/share/text"), "words\n")
        self.assertIn('Fast link dest: "/bin/tool"', ask("stat /bin/name"))
        for path, mode in (("/bin/tool", "0755"), ("/usr/share/text", "0644"), ("/usr", "0755"), ("/dev", "0755"), ("/proc", "0755")):
            self.assertRegex(ask(f"stat {path}"), rf"Mode: +{mode}(?s:.*)User: +0 +Group: +0 ")
        self.assertIn(f"Filesystem volume name:   {system.ROOT_LABEL}\n", tool("dumpe2fs", "-h", part))

    def test_swap(self):
        page = self.partition(self.write("virt", "scr", swap="16M", content={}), 3).read_bytes()[:system.SWAP_PAGE]
        magic, version, page_size, pages, _, _, name = system.SWAP_HEADER.unpack_from(page)
        self.assertEqual((magic, version, page_size, pages), (b"wharf-swap area\0", 1, 4096, 4095))
        self.assertEqual(name.rstrip(b"\0").decode(), system.SWAP_LABEL)
        self.assertEqual(page, system.swap_header(16 * MIB))

    def test_root_same_bytes(self):
        first = self.write("rpi4", "scr", "first.img", content=self.CONTENT)
        keep = os.umask(0o077)
        self.addCleanup(os.umask, keep)
        self.assertEqual(first.read_bytes(), self.write("rpi4", "scr", "second.img", content=self.CONTENT).read_bytes())

    def test_kept(self):
        """What a system has written stays, whatever becomes of the boot partition."""
        path = self.root / "kept" / "card.img"

        def keep(append, content):
            image.keep("virt", "scr", path, self.kernel, self.initrd, append, content)
        keep("init=a", self.CONTENT)
        data = card.layout(256 * MIB)[1]
        with open(path, "r+b") as handle:
            handle.seek(data.start + 100 * MIB)
            handle.write(b"guest")
        for append, content in (("init=a", self.CONTENT), ("init=b", self.CONTENT), ("init=b", {})):
            keep(append, content)
            self.assertEqual(self.partition(path, 2).read_bytes()[100 * MIB:][:5], b"guest")
            self.assertIn(append.encode(), self.files(path)["boot.cmd"])
        tool("e2fsck", "-fn", self.partition(path, 2))

    def test_refused(self):
        for more in ({"size": "100M"}, {"size": "64M"}, {"size": "128M", "swap": "100M"}, {"size": "x"}):
            with self.assertRaises(BoardError, msg=str(more)):
                image.write("virt", "scr", self.root / "no.img", self.kernel, self.initrd, "", **more)
        with self.assertRaises(BoardError):
            image.write("virt", "direct", self.root / "no.img", self.kernel, self.initrd, "")
        self.assertEqual(list(self.root.glob("*no.img*")), [])


if __name__ == "__main__":
    unittest.main()
