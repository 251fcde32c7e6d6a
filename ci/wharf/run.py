# SPDX-License-Identifier: BSD-2-Clause
"""./wharf run: build, boot in QEMU, relay the console, end with the first program's status."""

import os
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from . import boards, build, card, deps, image, packages, qemu, shell, steps, system, uboot
from .boards import ROOT
from .qemu import Disk, Machine
from .steps import Failure

STAMP = rb"^(?:\[ *\d+\.\d+\] )?"       # time of a log line
END = re.compile(STAMP + rb"wharf: all programs have ended, status (-?\d+)")
END_OF_LINE = re.compile(rb"wharf: all programs have ended, status (-?\d+)$")
FATAL = re.compile(STAMP + rb"(PANIC:|wharf: cannot boot: )")
KERNEL_LINE = re.compile(rb"^(\[ *\d+\.\d+\] |wharf: )")
SCRATCH = ROOT / "build" / "card.img"
CARDS = ROOT / "build" / "cards"        # that systems live on, one for each board
PANIC_STATUS, CUT_SHORT, TIMED_OUT = 70, 71, 124
PANIC_SECONDS = 2.0     # a panic prints its report after its first line
SILENCE_SECONDS = 0.5   # after the kernel's last line, where the machine does not go off
PANIC_REPORT = re.compile(STAMP + rb"panic: ")


def add_machine_arguments(sub):
    """Options that describe a machine; shared with debug."""
    sub.add_argument("--board", default="virt", choices=boards.names("qemu"))
    sub.add_argument("--cpus", type=int, metavar="N")
    sub.add_argument("--mem", metavar="SIZE", help="64M, 512M, 8G")
    sub.add_argument("--gic", type=int, choices=(2, 3))
    sub.add_argument("--el2", action="store_true", help="enter the kernel at EL2")
    sub.add_argument("--cpu", metavar="NAME", help="cortex-a72 or max")
    sub.add_argument("--boot", choices=("direct", "uboot"), help="who loads the kernel (direct: QEMU; but for a shell at the console it is U-Boot, from "
                     "a card that the system lives on, unless --sd or --add is given)")
    sub.add_argument("--append", default="", metavar="ARGS", help="kernel arguments")
    places = "; ".join(f"{name}: {', '.join(boards.load(name)['qemu']['disks'])}" for name in boards.names("qemu"))
    sub.add_argument("--line", metavar="SOCKET", help="the board's next serial line is this unix socket (docs/debugging.md)")
    sub.add_argument("--disk", "--card", metavar="WHERE", help=f"attach a disk there ({places})")
    sub.add_argument("--sd", metavar="FILE", help="the image of that disk (./wharf image); without it, with --boot direct, "
                     "build/card.img: made when missing, and kept")


def add_arguments(sub):
    add_machine_arguments(sub)
    sub.add_argument("--preset", default="release", choices=build.TARGET_PRESETS)
    sub.add_argument("--medium", default="scr", choices=("scr", "extlinux"),
                     help="what U-Boot finds on the boot medium")
    sub.add_argument("--timeout", type=float, metavar="S", help="give up after S seconds")
    sub.add_argument("--add", action="append", default=[], metavar="HOSTFILE:/PATH",
                     help="put a file, or a folder with all that is in it, into the initrd; more than once for more")
    sub.add_argument("--fresh", action="store_true", help="a new card for the shell at the console; what is on the old one is lost")
    sub.add_argument("--exec", metavar="'COMMANDS'",
                     help="have /bin/sh run them, print their output only, end with their status")


def _use_shell(options, m):
    """What the kernel is told, and the initrd, so that a shell runs: for who sits here, unless he said what is to run, or for --exec."""
    commands = getattr(options, "exec", None)
    if m.initrd is None or (m.append and not commands):
        return
    m.append = f"{m.append} {shell.once(steps.Settings.verbose) if commands else shell.INTERACTIVE}".strip()
    m.initrd = shell.with_userland(m.initrd)
    if commands and not steps.Settings.dry:
        m.initrd = shell.with_commands(m.initrd, commands, m.initrd.with_name("initrd-exec.cpio"))


def _lives_on_card(options):
    """A person is going to sit at a system that keeps what he writes, rather than at one that is tried out."""
    return hasattr(options, "exec") and not (options.boot == "direct" or options.append or options.exec or options.sd or options.add)


def machine(options, preset):
    """Installs, fetches and builds what the machine needs, and returns its description."""
    lives = _lives_on_card(options)
    m = Machine(board=options.board, boot=options.boot or ("uboot" if lives else "direct"), cpus=options.cpus, mem=options.mem,
                gic=options.gic, el2=options.el2, cpu=options.cpu, append=options.append,
                kernel=build.tree(preset) / "kernel.img", initrd=build.tree(preset) / "initrd.cpio")
    description = qemu.check(m)
    way = description["boot"][m.boot]
    file = CARDS / f"{options.board}.img" if lives else _disk_file(options, preset, way)
    m.disks = [Disk(file, options.disk)] if file else []
    if options.line:
        m.extra = [*m.extra, "-serial", f"unix:{options.line},server=on,wait=off"]
    place = qemu.place(description, m.board, options.disk)
    _prepare(way, place)
    build.build(preset)
    if lives:
        m.append = system.BOOTARGS
        m.initrd, content = image.parts(build.tree(preset))
        _keep_card(options, m, file, content)
        return m
    if not m.initrd.is_file() and not steps.Settings.dry:
        m.initrd = None
    m.initrd = _with_added(m.initrd, options, preset)
    _use_shell(options, m)
    if way.get("disk") and not options.sd:
        image.write(m.board, _medium(options), file, m.kernel, m.initrd, qemu.bootargs(m))
    elif file and not steps.Settings.dry:
        _check_disk(file, place)
    return m


def _keep_card(options, m, file, content):
    if options.fresh and not steps.Settings.dry:
        file.unlink(missing_ok=True)
    image.keep(m.board, _medium(options), file, m.kernel, m.initrd, qemu.bootargs(m), content)


def _with_added(initrd, options, preset):
    """The initrd; with --add a copy beside the tree's that has the files too."""
    entries = [f"{name}={path}" for what in getattr(options, "add", []) for name, path in added(what)]
    if not entries:
        return initrd
    made = build.tree(preset) / "initrd-added.cpio"
    argv = [ROOT / "tools" / "mkinitrd.py", "-o", made, *(["--onto", initrd] if initrd else []), *entries]
    if steps.call(argv):
        raise Failure("the initrd with the added files could not be made.")
    return made


def added(what):
    """[(name in the archive, file)] for HOSTFILE:/PATH, sorted. In the archive a name with a slash is a path from the root."""
    host, colon, place = what.rpartition(":")
    parts = [part for part in place.split("/") if part]
    if not colon or not host or not place.startswith("/") or ".." in parts or "." in parts:
        raise Failure(f"--add takes HOSTFILE:/PATH, not '{what}'.")
    host = Path(host)
    if host.is_dir():
        files = [(parts + list(path.relative_to(host).parts), path) for path in sorted(host.rglob("*")) if path.is_file()]
    elif host.is_file():
        files = [(parts if not place.endswith("/") else [*parts, host.name], host)]
    else:
        raise Failure(f"--add: there is no file {host}.")
    for names, path in files:
        if len(names) < 2 or "=" in "".join(names):
            raise Failure(f"--add: {path} would be '/{'/'.join(names)}'; it must lie in a folder, and have no '=' in its name.")
    return [("/".join(names), path) for names, path in files]


def _prepare(way, place):
    """Set-up for a way to boot with a disk in this place."""
    ready_made = "bios" in way and "bios" not in place
    packages.ensure("build", "qemu", *(["uboot"] if ready_made else []), *(["image"] if way.get("disk") else []))
    deps.ensure("libfdt", "lz4", "e2fsprogs", *(["dtbs"] if way.get("dtb") else []),
                *(["u-boot-rpi"] if "u-boot-rpi" in way.get("kernel", "") else []))
    if "bios" in way and not ready_made:
        uboot.ensure()


def _medium(options):
    return getattr(options, "medium", "scr")


def _disk_file(options, preset, way):
    """The image of the disk; None where there is none."""
    if options.sd:
        return options.sd
    if way.get("disk"):
        return build.tree(preset) / f"{options.board}-{_medium(options)}.img"
    return SCRATCH if options.disk else None


def _check_disk(file, place):
    """Makes the scratch card. Failure with a sentence for a file that QEMU would not take."""
    if file == SCRATCH and not file.is_file():
        card.make(file, boards.mem_bytes(image.SIZE))
        steps.say(f"{file.relative_to(ROOT)}: an empty card of {image.SIZE}")
    if not os.path.isfile(file):
        raise Failure(f"there is no file {file}; ./wharf image writes one.")
    size = os.path.getsize(file)
    if place.get("power_of_two") and size & (size - 1) or not size:
        raise Failure(f"{file} has {size} bytes; QEMU takes cards of a power of two only: truncate -s makes it larger.")


def main(options):
    m = machine(options, options.preset)
    steps.LOGS.mkdir(parents=True, exist_ok=True)
    log = steps.LOGS / "qemu.log"
    # With a person at it ^C is typed, not a signal; ^A x ends QEMU.
    argv = qemu.build_argv(m, serial="mon:stdio" if os.isatty(0) else "stdio", log=log)
    if steps.Settings.dry or steps.Settings.verbose:
        steps.show(argv)
    if steps.Settings.dry:
        return 0
    status = _Console(argv, options.timeout, bool(options.exec), m.boot == "uboot", by_shell=shell.ONCE in m.append).run()
    # U-Boot itself makes such accesses: only a direct boot says something about the kernel.
    if m.boot == "direct" and log.is_file() and log.stat().st_size and not options.exec:
        lines = len(log.read_bytes().splitlines())
        steps.say(f"QEMU reported {lines} questionable accesses of the guest: {log.relative_to(boards.ROOT)}")
    return status


class _Console:
    """Relays QEMU's output and watches for the line that ends the run.

    With commands for the shell (by_shell) whatever comes is theirs, but for the kernel's last words. They may print the same words: a line is the kernel's if
    nothing comes after it, and a panic if its report does. Such a line is kept back until that is known.
    """

    def __init__(self, argv, timeout, only_program, firmware, by_shell=False):
        self.argv, self.only_program = argv, only_program
        self.by_shell = by_shell        # the log is not on the line
        self.deadline = time.monotonic() + timeout if timeout else None
        self.timeout = timeout
        self.started = not firmware     # with --exec, what the firmware prints is not shown
        self.firmware_ends = False      # the line before was its last one with a text
        self.line = b""
        self.status = None
        self.kept = None                # by_shell: the line that may be the last

    def run(self):
        steps.LOGS.mkdir(parents=True, exist_ok=True)
        said = steps.LOGS / "qemu-stderr.log"
        terminal = termios.tcgetattr(0) if os.isatty(0) else None
        with open(said, "wb") as errors:
            child = subprocess.Popen([str(a) for a in self.argv], stdout=subprocess.PIPE,
                                     stderr=None if steps.Settings.verbose else errors)
        try:
            self._relay(child.stdout.fileno())
        finally:
            code = _exit_status(child) if self.status is None else None
            child.kill()
            child.wait()
            if terminal:        # QEMU had put it into raw mode
                termios.tcsetattr(0, termios.TCSADRAIN, terminal)
        if self.status is None:
            print(steps.tail(said, 5), file=sys.stderr)
            steps.say(f"QEMU ended (status {code}) before the programs did; with -v its command line is shown.")
            return CUT_SHORT
        return self.status

    def _relay(self, fd):
        while True:
            late = None if self.deadline is None else self.deadline - time.monotonic()
            if late is not None and late <= 0:
                self._late()
                return
            wait = late if self.kept is None else min(SILENCE_SECONDS, late or SILENCE_SECONDS)
            if not select.select([fd], [], [], wait)[0]:
                if self.kept is None:
                    continue
                self._last()
                return
            data = os.read(fd, 65536)
            if self._take(data) or not data:
                if self.kept is not None:
                    self._last()
                return

    def _late(self):
        if self.status is not None:
            return
        self.status = TIMED_OUT
        if self.only_program and self.started:
            _write((self.kept or b"") + self.line)
        steps.say(f"no end after {self.timeout:g} s, stopped; --timeout sets the limit.")

    def _take(self, data):
        """Shows the data; True when the run has ended."""
        if not self.only_program:
            _write(data)
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            after_firmware, self.firmware_ends = self.firmware_ends, not self.started and b"Starting kernel" in line
            if after_firmware and not line:     # U-Boot's last
                continue
            if self._shells(line) if self.by_shell else self._line(line):
                return True
        return False

    def _line(self, line):
        end, fatal = END.match(line), FATAL.match(line)
        if fatal and self.status is None:
            self._panic()
        if self.only_program and self.started and (self.status or not KERNEL_LINE.match(line)):
            _write(line + b"\n")
        if b"Starting kernel" in line:
            self.started = True
        if end:
            self._ended(end)
        return bool(end)

    def _shells(self, line):
        """A line of the commands' output, or of the kernel's end. True: it was the last."""
        show = self.started and self.only_program
        if self.kept is not None:
            if self.kept.startswith(b"PANIC:") and PANIC_REPORT.match(line):
                self._panic()
            if show:
                _write(self.kept + b"\n")
            self.kept = None
        if self.started and self.status is None and (END_OF_LINE.search(line) or line.startswith(b"PANIC:")):
            self.kept = line
            return False
        if show:
            _write(line + b"\n")
        if b"Starting kernel" in line:
            self.started = True
        return False

    def _last(self):
        """Nothing came after the line that is kept."""
        end = END_OF_LINE.search(self.kept)
        if end:
            if self.only_program and not END.match(self.kept):      # the output did not end its last line
                _write(self.kept[:end.start()])
            self._ended(end)
        else:
            self._panic()
            _write(self.kept + b"\n")

    def _ended(self, end):
        number = int(end.group(1))
        self.status = number if 0 <= number <= 255 else 1

    def _panic(self):
        self.status = PANIC_STATUS
        self.deadline = time.monotonic() + PANIC_SECONDS


def _exit_status(child):
    """Status of a QEMU that has closed its output."""
    try:
        return child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return None


def _write(data):
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise Failure("the output was closed.") from None
