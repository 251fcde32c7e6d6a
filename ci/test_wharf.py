#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of ./wharf itself: what needs neither network nor QEMU. Registered with ctest."""

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "ci"), str(ROOT / "tools")]

import mkinitrd  # noqa: E402
import size  # noqa: E402
from wharf import image, packages, qemu, reference, run, sources, test as tests, uboot  # noqa: E402
from wharf.boards import BoardError  # noqa: E402
from wharf.qemu import Disk, Machine  # noqa: E402
from wharf.steps import Failure  # noqa: E402

DEB822 = """Types: deb
URIs: http://mirror.test/debian
# a comment inside
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://other.test/tools
Suites: nodistro
Components: main
"""
ONE_LINE = """# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg trusted=yes] http://mirror.test/debian bookworm main contrib # why
deb-src http://mirror.test/debian bookworm main
deb http://vendor.test/debian bookworm stable
"""


def lint_module(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "ci" / "lint" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Sources(unittest.TestCase):
    def entries(self, text, suffix):
        with tempfile.TemporaryDirectory() as folder:
            etc = Path(folder)
            (etc / "sources.list.d").mkdir()
            (etc / "sources.list.d" / f"a{suffix}").write_text(text)
            return sources.machine_entries(etc)

    def test_deb822(self):
        text = sources.derive(self.entries(DEB822, ".sources"), "bookworm", "deb", ["bookworm-backports"])
        self.assertIn("URIs: http://mirror.test/debian\nSuites: bookworm-backports\n", text)
        self.assertIn("Signed-By: /usr/share/keyrings/a.gpg", text)
        self.assertIn("Suites: bookworm-security\nComponents: main\n", text)
        self.assertNotIn("off.test", text)
        self.assertNotIn("other.test", text)

    def test_one_line(self):
        text = sources.derive(self.entries(ONE_LINE, ".list"), "bookworm", "deb deb-src", ["bookworm"])
        self.assertEqual(text.count("Types:"), 1)
        self.assertIn("Types: deb deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm\n", text)
        self.assertIn("Signed-By: /k.gpg\nTrusted: yes", text)
        self.assertNotIn("Arch", text)

    def test_none(self):
        with self.assertRaises(Failure):
            sources.derive(self.entries(ONE_LINE, ".list"), "trixie", "deb", ["trixie"])

    def test_major(self):
        self.assertEqual(packages.major("1:10.0.2+ds-2"), 10)
        self.assertEqual(packages.major("7.2"), 7)
        self.assertEqual(packages.major(""), 0)


class Qemu(unittest.TestCase):
    def test_virt(self):
        argv = qemu.build_argv(Machine(kernel="k", initrd="i", cpus=8, mem="64M", gic=3, el2=True,
                                       append="a b"), log="L")
        line = " ".join(argv)
        self.assertIn("-M virt,gic-version=3,virtualization=on -cpu cortex-a72 -smp 8 -m 64M", line)
        self.assertIn("-serial stdio -kernel k -initrd i -append a b -d guest_errors,unimp -D L", line)

    def test_raspi4b_takes_sizes_as_arguments(self):
        m = Machine(board="raspi4b", kernel="k", cpus=2, mem="64M", append="x")
        argv = qemu.build_argv(m, serial="S")
        self.assertNotIn("-smp", argv)
        self.assertEqual(argv[argv.index("-append") + 1], "maxcpus=2 mem=64M x")
        self.assertEqual(argv[argv.index("-serial"):][:4], ["-serial", "null", "-serial", "S"])

    def test_disks(self):
        line = " ".join(qemu.build_argv(Machine(kernel="k", disks=[Disk("a,b", "sd"), Disk({"driver": "nbd", "x": [{"on": True}]},
                                                                                        options="serial=7", drive="bps=1")])))
        self.assertIn("-drive if=none,id=card0,format=raw,file=a,,b -device sdhci-pci -device sd-card,drive=card0", line)
        self.assertIn("-drive if=none,id=card1,format=raw,file.driver=nbd,file.x.0.on=on,bps=1 -global", line)
        self.assertIn("virtio-blk-device,drive=card1,rerror=report,werror=report,serial=7", line)

    def test_firmware_that_reads_the_disk(self):
        usual = qemu.build_argv(Machine(boot="uboot", disks=[Disk("f")]))
        sd = qemu.build_argv(Machine(boot="uboot", disks=[Disk("f", "sd")]))
        self.assertIn("/usr/lib/u-boot/qemu_arm64/u-boot.bin", usual)
        self.assertIn(str(ROOT / "build/deps/u-boot-virt/u-boot.bin"), sd)
        both = [qemu.build_argv(Machine(board="raspi4b", boot="uboot", disks=[Disk("f", w)])) for w in ("emmc1", "emmc2")]
        self.assertIn("if=sd,id=card0,format=raw,file=f", both[0])
        self.assertIn("sd-card,drive=card0,bus=/generic-sdhci/sd-bus", both[1])

    def test_refused(self):
        for m in (Machine(cpus=9), Machine(cpus=0), Machine(mem="64X"), Machine(mem="0M"), Machine(boot="tape"),
                  Machine(board="raspi4b", mem="4G"), Machine(board="raspi4b", gic=3),
                  Machine(board="rpi4"), Machine(board="none"), Machine(boot="uboot"),
                  Machine(disks=[Disk("f", "emmc1")]), Machine(board="raspi4b", disks=[Disk("f", "sd")])):
            with self.assertRaises(BoardError, msg=str(m)):
                qemu.build_argv(m)


class Console(unittest.TestCase):
    def console(self, text, only=False, firmware=False, by_shell=False):
        console = run._Console([], None, only, firmware, by_shell)
        shown = []
        run._write, keep = shown.append, run._write
        try:
            for at in range(0, len(text), 7):       # lines arrive in pieces
                if console._take(text[at:at + 7]):
                    break
            if console.kept is not None:
                console._last()
        finally:
            run._write = keep
        return console.status, b"".join(shown)

    def test_end(self):
        status, _ = self.console(b"[0000.000001] boot: x\r\nwharf: all programs have ended, status 3\r\nrest\n")
        self.assertEqual(status, 3)

    def test_end_with_time(self):
        self.assertEqual(self.console(b"[   2.5] wharf: all programs have ended, status 0\n")[0], 0)

    def test_not_in_the_middle_of_a_line(self):
        self.assertIsNone(self.console(b"say wharf: all programs have ended, status 3\n")[0])

    def test_panic_and_refusal(self):
        self.assertEqual(self.console(b"PANIC: why\nmore\n")[0], run.PANIC_STATUS)
        self.assertEqual(self.console(b"wharf: cannot boot: no memory\n")[0], run.PANIC_STATUS)

    def test_program_output_only(self):
        text = b"U-Boot\nStarting kernel ...\n[0000.000001] boot: x\nhello\nwharf: all programs have ended, status 0\n"
        self.assertEqual(self.console(text, only=True, firmware=True), (0, b"hello\n"))

    def shell(self, text, firmware=False):
        return self.console(text, only=True, firmware=firmware, by_shell=True)

    def test_commands(self):
        end = b"wharf: all programs have ended, status 3\n"
        self.assertEqual(self.shell(b"hello\r\n" + end), (3, b"hello\n"))
        self.assertEqual(self.shell(b"half" + end), (3, b"half"))
        self.assertEqual(self.shell(b"U-Boot\nStarting kernel ...\nhello\n" + end, firmware=True), (3, b"hello\n"))

    def test_commands_that_say_what_the_kernel_says(self):
        text = b"wharf: all programs have ended, status 0\n[1.5] boot: x\nPANIC: why\nhello\n"
        self.assertEqual(self.shell(text + b"wharf: all programs have ended, status 4\n"), (4, text))
        self.assertEqual(self.shell(text), (None, text))

    def test_panic_at_commands(self):
        text = b"hello\nPANIC: why\n"
        self.assertEqual(self.shell(text), (run.PANIC_STATUS, text))
        text += b"[1.5] panic: cpu 0\nwharf: all programs have ended, status 0\n"
        self.assertEqual(self.shell(text), (run.PANIC_STATUS, text))


class Image(unittest.TestCase):
    def test_fill(self):
        text = "timeout 1\nappend @BOOTARGS@\n"
        self.assertEqual(image._fill(text, {"@BOOTARGS@": ""}), "timeout 1\n")
        self.assertEqual(image._fill(text, {"@BOOTARGS@": "a b"}), "timeout 1\nappend a b\n")
        for bad in ('a"b', "$x", "a\\b", "a\nb"):
            with self.assertRaises(Failure):
                image._fill(text, {"@BOOTARGS@": bad})

    def test_memory_size(self):
        with tempfile.NamedTemporaryFile() as file:
            head = bytearray(64)
            head[16:24] = (0x200001).to_bytes(8, "little")
            head[56:60] = image.IMAGE_MAGIC
            Path(file.name).write_bytes(head)
            self.assertEqual(image._memory_size(file.name), 0x400000)
            Path(file.name).write_bytes(bytes(64))
            with self.assertRaises(Failure):
                image._memory_size(file.name)


class UBoot(unittest.TestCase):
    def test_missing(self):
        options = "# why\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x; y\"\n"
        self.assertEqual(uboot.missing(options, 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x; y"\nCONFIG_D=1\n'), [])
        self.assertEqual(uboot.missing(options, 'CONFIG_A=m\nCONFIG_B=y\n'),
                         ["CONFIG_A=y", "# CONFIG_B is not set", 'CONFIG_C="x; y"'])


class DiskFiles(unittest.TestCase):
    def test_sizes(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "f"
            for size, place, good in ((512, {}, True), (1536, {}, True), (0, {}, False), (1536, {"power_of_two": True}, False),
                                      (1024, {"power_of_two": True}, True)):
                file.write_bytes(bytes(size))
                if good:
                    run._check_disk(file, place)
                else:
                    with self.assertRaises(Failure, msg=f"{size} {place}"):
                        run._check_disk(file, place)
            with self.assertRaises(Failure):
                run._check_disk(Path(folder) / "none", {})


class Added(unittest.TestCase):
    """--add, and the archive that it makes."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "sub").mkdir()
        (self.folder / "one").write_bytes(b"1")
        (self.folder / "sub" / "two").write_bytes(b"\x7fELF2")

    def test_names(self):
        one, two = self.folder / "one", self.folder / "sub" / "two"
        self.assertEqual(run.added(f"{one}:/bin/first"), [("bin/first", one)])
        self.assertEqual(run.added(f"{one}:/bin/"), [("bin/one", one)])
        self.assertEqual(run.added(f"{self.folder}:/usr//all"), [("usr/all/one", one), ("usr/all/sub/two", two)])

    def test_refused(self):
        one = self.folder / "one"
        for what in (f"{one}", f"{one}:bin/x", f"{one}:/", f"{one}:/x", f"{one}:/a/../x", ":/bin/x", f"{one}2:/bin/x", f"{one}:/a/b=c"):
            with self.subTest(what=what), self.assertRaises(Failure):
                run.added(what)

    def test_archive(self):
        first = mkinitrd.archive({"b": b"\x7fELF1", "a": b"x"})
        both = mkinitrd.archive({"usr/c": b"\x7fELF3"}, first)
        self.assertTrue(both.startswith(first[:mkinitrd.end_of(first)]))
        self.assertEqual(both.count(b"TRAILER!!!"), 1)
        self.assertEqual(both.index(b"\x7fELF3") % 4096, 0)
        self.assertEqual(mkinitrd.archive({}, first), first)
        for bad in (b"x", first[:50], first[:-len(first) + 120]):
            with self.assertRaises(ValueError):
                mkinitrd.archive({}, bad)


SECTIONS = """There are 6 section headers, starting at offset 0x1000:

  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
  [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
  [ 1] .text             PROGBITS        0000000000001000 001000 000100 00  AX  0   0 64
  [ 2] .rodata           PROGBITS        0000000000002000 002000 000040 00   A  0   0 16
  [ 3] .data             PROGBITS        0000000000003000 003000 000020 00  WA  0   0 16
  [ 4] .bss              NOBITS          0000000000004000 003020 000200 00  WA  0   0 16
  [ 5] .debug_info       PROGBITS        0000000000000000 003020 009999 00      0   0  1
"""
SYMBOLS = """0000000000001000 0000000000000080 T one\t/root/kernel/ipc/send.c:12
0000000000001000 0000000000000080 T alias_of_one\t/root/kernel/ipc/send.c:12
0000000000001080 0000000000000010 t two\t/root/arch/aarch64/trap/trap.c:3
0000000000003000 0000000000000008 D three\t/root/build/deps/libfdt/fdt.c:9
0000000000004000 0000000000000100 b four\t/root/build/release/generated/x.c:1
0000000000004100 0000000000000010 b five
0000000000009000 A absolute
0000000000009999 0000000000000010 A nowhere
"""


def elf(*segments):
    """A program with these (type, flags, bytes in the file, bytes in memory)."""
    body = b"".join(size.SEGMENT.pack(kind, flags, 0, 0, 0, n, m, 0) for kind, flags, n, m in segments)
    return size.ELF_HEADER.pack(b"\x7fELF\2\1", 2, 183, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0) + body


class Reference(unittest.TestCase):
    """The list of interfaces that ./wharf reference writes."""

    PAGE = """<!-- SPDX-License-Identifier: BSD-2-Clause -->
# Interface one

What it is | for. More
of it.

Version 3, base 0x1700. Made from `one.defs`.{kernel}

## 1: first
"""

    def test_list(self):
        with tempfile.TemporaryDirectory() as name:
            home, output = Path(name) / "generated", Path(name) / "reference"
            home.mkdir()
            output.mkdir()
            (output / "gone.md").write_text("of an interface that is no more")
            (home / "one.md").write_text(self.PAGE.format(kernel=""))
            (home / "two.md").write_text(self.PAGE.format(kernel=" The kernel implements it, for its `struct two`.").replace("0x1700", "0xa00"))
            self.assertEqual(reference.write(home, output), 2)
            lines = (output / "README.md").read_text().splitlines()
            self.assertEqual(lines[-2:], ["| [`two`](two.md) | `0xa00` | 3 | the kernel | What it is \\| for. |",
                                          "| [`one`](one.md) | `0x1700` | 3 | programs | What it is \\| for. |"])
            self.assertEqual((output / "one.md").read_text(), (home / "one.md").read_text())
            self.assertFalse((output / "gone.md").exists())


class Size(unittest.TestCase):
    """What tools/size.py makes of the tools' output, programs and archives."""

    def test_kernel(self):
        areas, total = size.sections(SECTIONS)
        self.assertEqual(dict(total), {"text": 0x100, "rodata": 0x40, "data": 0x20, "bss": 0x200})
        rows = size.by_folder(areas, total, SYMBOLS, "/root")
        self.assertEqual(rows["kernel/ipc"], {"text": 0x80, "rodata": 0, "data": 0, "bss": 0})
        self.assertEqual(rows["arch/aarch64/trap"]["text"], 0x10)
        self.assertEqual(rows["deps/libfdt"]["data"], 8)
        self.assertEqual((rows["(generated)"]["bss"], rows["(no source)"]["bss"]), (0x100, 0x10))
        self.assertEqual(rows["(no symbol)"], {"text": 0x70, "rodata": 0x40, "data": 0x18, "bss": 0xf0})
        for kind in size.COLUMNS:
            self.assertEqual(sum(row[kind] for row in rows.values()), total[kind])

    def test_programs(self):
        data = elf((1, 5, 100, 100), (1, 4, 20, 20), (1, 6, 8, 58), (7, 4, 9, 9))
        archive = mkinitrd.archive({"hello": data, "etc/x": b"four", "link": mkinitrd.Link(b"/bin/a")})
        rows = size.programs(archive)
        self.assertEqual(rows["hello"], {"text": 100, "rodata": 20, "data": 8, "bss": 50, "file": len(data)})
        self.assertEqual(rows["(other files)"]["file"], 10)
        self.assertEqual(mkinitrd.contents(archive)["etc/x"], b"four")
        with self.assertRaises(ValueError):
            size.program(data[:-1])
        with self.assertRaises(ValueError):
            size.programs(b"no archive")

    def test_tables(self):
        new = {"kernel": {"a": dict.fromkeys(size.COLUMNS, 1)}, "programs": {}, "files": {"kernel.img": {"bytes": 70}}}
        old = {"kernel": {"b": dict.fromkeys(size.COLUMNS, 2)}, "files": {"kernel.img": {"bytes": 50}}}
        lines = [line.split() for line in size.report(new).splitlines() if line]
        self.assertIn(["a", "1", "1", "1", "1", "4"], lines)
        self.assertIn(["kernel.img", "70"], lines)
        lines = [line.split() for line in size.report(new, old).splitlines() if line]
        self.assertIn(["b", *["0", "(-2)"] * 4, "0", "(-8)"], lines)
        self.assertIn(["all", *["1", "(-1)"] * 4, "4", "(-4)"], lines)
        self.assertIn(["kernel.img", "70", "(+20)"], lines)


class Scope(unittest.TestCase):
    def test_labels(self):
        import argparse
        import os
        none = {"long": False, "ci": False, "everyday": False}
        keep = os.environ.pop("CI", None)
        try:
            self.assertEqual(tests.scope(argparse.Namespace(**none)), "everyday")
            os.environ["CI"] = "true"
            self.assertEqual(tests.scope(argparse.Namespace(**none)), "ci")
            self.assertEqual(tests.scope(argparse.Namespace(**{**none, "everyday": True})), "everyday")
            self.assertEqual(tests.scope(argparse.Namespace(**{**none, "long": True})), "long")
        finally:
            os.environ.pop("CI", None)
            if keep is not None:
                os.environ["CI"] = keep


class Lint(unittest.TestCase):
    def test_function_sizes(self):
        lines = ["static int f(int a)", "{", "    return a;", "}", "struct s {", "};", "int g(void) {", "}"]
        self.assertEqual(list(lint_module("sizes").c_functions(lines)), [(1, 4), (7, 2)])

    def test_layers(self):
        layers = lint_module("layers")
        self.assertIsNone(layers.verdict(ROOT, "kernel/ipc/a.c", "<", "kern/ipc.h"))
        self.assertIsNotNone(layers.verdict(ROOT, "kernel/ipc/a.c", "<", "machine/x.h"))
        self.assertIsNotNone(layers.verdict(ROOT, "kernel/ipc/a.c", "<", "stdio.h"))
        self.assertIsNotNone(layers.verdict(ROOT, "apps/a.c", "<", "kern/ipc.h"))
        self.assertIsNone(layers.verdict(ROOT, "apps/a.c", "<", "stdio.h"))

    def test_conditionals(self):
        check = lint_module("conditionals")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "kernel").mkdir()
            (root / "kernel" / "a.c").write_text("#ifdef CONFIG_SMP\n#endif\n#ifndef ROW\n#define ROW(a)\n#endif\n")
            self.assertEqual([line for _, line, _ in check.check(root, ["kernel/a.c"])], [1])


if __name__ == "__main__":
    unittest.main()
