#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of how a scenario's cards are made and attached, and of what is done when a line comes; without QEMU. Registered
with ctest."""

import sys
import tempfile
import types
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "ci")]

from attendant import Attendant  # noqa: E402
from cards import Card, Error, as_tuple  # noqa: E402
from console import Watch, Weave  # noqa: E402
from nbd import Fault  # noqa: E402
from scenario import Scenario, counted  # noqa: E402
from wharf import boards, card, qemu  # noqa: E402


class Cards(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "image"

    def test_made(self):
        def fill(handle, partitions):
            handle.seek(partitions[1].start)
            handle.write(b"data")

        for table in ("mbr", "gpt"):
            Card("sd", size="256M", swap="16M", table=table, fill=fill).make(self.path)
            with open(self.path, "rb") as handle:
                found = card.read_table(handle)
                self.assertEqual(found, card.layout(256 << 20, 16 << 20))
                handle.seek(found[1].start)
                self.assertEqual(handle.read(5), b"data\0")
        Card("sd", table=None).make(self.path)
        self.assertEqual(self.path.stat().st_size, 128 << 20)
        with open(self.path, "rb") as handle, self.assertRaises(card.TableError):
            card.read_table(handle)

    def line(self, disk, **machine):
        return " ".join(qemu.build_argv(qemu.Machine(kernel="k", disks=[disk], **machine)))

    def test_attached(self):
        self.assertIn(",format=raw,file=IMAGE -device sdhci-pci -device", self.line(Card("sd").disk("IMAGE", "S")))
        self.assertIn("driver=nbd,file.server.type=unix,file.server.path=S -device", self.line(Card("sd", faults=()).disk("IMAGE", "S")))
        self.assertIn("if=sd,id=card0,format=raw,file=IMAGE", self.line(Card("emmc1").disk("IMAGE", "S"), board="raspi4b"))
        with self.assertRaises(boards.BoardError):
            self.line(Card("emmc1").disk("IMAGE", "S"))

    def test_errors(self):
        errors = (Error("write", sector=7, once=True), Error())
        line = self.line(Card("virtio", errors=errors, faults=()).disk("IMAGE", "S"))
        self.assertIn("file.driver=blkdebug,file.inject-error.0.event=none,file.inject-error.0.iotype=write,"
                      "file.inject-error.0.errno=5,file.inject-error.0.once=on,file.inject-error.0.immediately=off,"
                      "file.inject-error.0.sector=7,file.inject-error.1.event=none,file.inject-error.1.iotype=read,", line)
        self.assertIn("file.image.driver=nbd,", line)

    def test_errors_of_the_image(self):
        self.path.write_bytes(b"1234")
        disk = Card("virtio", errors=lambda path: [Error(sector=path.stat().st_size)])
        self.assertIn("sector=4,", self.line(disk.disk(self.path, "S")))
        self.assertNotIn("blkdebug", self.line(disk.disk("not made", "S", without_image=True)))

    def test_as_tuple(self):
        one = Card()
        self.assertEqual((as_tuple(None), as_tuple(one), as_tuple([one, one])), ((), (one,), (one, one)))


class Attendants(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.media = Path(self.folder.name) / "media"

    def attend(self, **scenario):
        return Attendant(Scenario("name", **scenario), self.media)

    def test_nothing_wanted(self):
        with self.attend() as attendant:
            attendant.make_cards(None)
            self.assertEqual((attendant.disks(), attendant.options(), self.media.exists()), ([], [], False))

    def test_cards(self):
        with self.attend(disk=(Card("virtio"), Card("sd", faults=lambda path: [Fault("error", first=path.stat().st_size)]))) as attendant:
            attendant.make_cards(None)
            self.assertEqual([p.name for p in sorted(self.media.iterdir())], ["name-0.img", "name-1.img"])
            self.assertEqual([d.where for d in attendant.disks()], ["virtio", "sd"])
            self.assertEqual(attendant.nbd[1].faults[0].first, 128 << 20)
            self.assertEqual(list(attendant.nbd), [1])
            sockets = attendant.sockets
        self.assertFalse(sockets.exists())
        attendant.remove_cards()
        self.assertEqual(list(self.media.iterdir()), [])

    def test_medium(self):
        """The first card is the medium; what else is wanted on it comes on top."""
        def write(path, wanted):
            card.make(path, *wanted.sizes())

        def fill(handle, partitions):
            handle.seek(partitions[3].start)
            handle.write(b"core")

        with self.attend(medium="scr", disk=Card("sd", fill=fill)) as attendant:
            attendant.make_cards(write)
            with open(attendant.paths[0], "rb") as handle:
                handle.seek(card.read_table(handle)[3].start)
                self.assertEqual(handle.read(4), b"core")
        with self.attend(medium="scr") as attendant:
            self.assertEqual([d.where for d in attendant.disks()], [None])

    def test_monitor(self):
        with self.attend(when=(("x", None),)) as attendant:
            self.assertEqual(attendant.options()[0], "-qmp")


class When(unittest.TestCase):
    def watch(self, **more):
        return Watch(types.SimpleNamespace(**{"expect": (), "anywhere": (), "when": (), "forbidden": list, **more}))

    def test_order(self):
        """One after the other, one a line; the run does not end before all have come."""
        watch = self.watch(when=((r"^go (?P<what>\w+)$", "first"), (r"^go <what>$", "second"), (r"^go", "third")), expect=("^go",))
        watch.line("go there")
        self.assertEqual([watch.due(line) for line in ("stop", "go there", "go back", "go there")],
                         [None, "first", None, "second"])
        self.assertFalse(watch.done())
        self.assertEqual(watch.missing(), "^go")
        self.assertEqual(watch.due("go"), "third")
        self.assertTrue(watch.done())


class Weaves(unittest.TestCase):
    def test_apart(self):
        weave = Weave()
        self.assertEqual([weave.line(text) for text in (
            "on 0", "[   0.100000] mem: free", "o[   2.714388] pager: pages", "[  2.800000] smp: 4", "n 1", "[1] done", "", "$ [   3.000000] off", "wharf: all")],
            ["on 0", "mem: free", "pager: pages", "smp: 4", "on 1", "[1] done", "", "off", "wharf: all"])


class Counted(unittest.TestCase):
    def test_boards(self):
        self.assertIn("dtb-randomness=off", counted(1, 5))
        self.assertNotIn("dtb-randomness=off", counted(1, 5, board="raspi4b"))
        self.assertIn("shift=5,sleep=on", counted(1, 5, "on"))


if __name__ == "__main__":
    unittest.main()
