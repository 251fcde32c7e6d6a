# SPDX-License-Identifier: BSD-2-Clause
"""QEMU command lines, made from board/NAME/board.json.

`./wharf run`, `./wharf debug`, the test harness and the benchmarks all start QEMU with the list
that build_argv() returns, so that every run of a board is the same machine. Nothing is executed
here and no file is opened but the board's description.

    m = Machine(board="virt", cpus=4, mem="64M", gic=3, kernel=K, initrd=I, append="log=info")
    subprocess.Popen(build_argv(m, serial="stdio", log="qemu.log"))

A board without a choice of CPUs or memory (raspi4b) gets them as kernel arguments (maxcpus=,
mem=): bootargs() gives the full text, and the makers of boot media write it into their scripts.
"""

from dataclasses import dataclass, field

from . import boards
from .boards import BoardError

QEMU = "qemu-system-aarch64"


@dataclass
class Disk:
    """A disk or card. QEMU's monitor knows the first one as card0, the next as card1."""

    file: object                    # its image's path, or QEMU's description of a block device (a dict)
    where: str | None = None        # of the board's "disks"; None: the one that it boots from
    options: str = ""               # further ones of the device, such as rerror=report
    drive: str = ""                 # further ones of -drive, such as throttling.iops-total=100


@dataclass
class Machine:
    """What to start. None means: what the board's description says."""

    board: str = "virt"
    boot: str = "direct"            # direct: QEMU loads the kernel; uboot: from a boot medium
    cpus: int | None = None
    mem: str | None = None          # 64M, 512M, 8G
    gic: int | None = None          # 2 or 3
    el2: bool = False               # enter the kernel at EL2 where the board leaves a choice
    cpu: str | None = None          # cortex-a72, max
    kernel: str | None = None       # kernel.img, for boot=direct
    initrd: str | None = None       # initrd.cpio, for boot=direct
    disks: list = field(default_factory=list)   # of Disk; with boot=uboot the first is the boot medium
    dtb: str | None = None          # instead of the board's own
    append: str = ""                # kernel arguments
    extra: list = field(default_factory=list)   # further QEMU options, last


def bootargs(m):
    """The kernel arguments with what the board cannot set by QEMU options."""
    qemu = boards.load(m.board)["qemu"]
    words = []
    if qemu["cpus"]["how"] == "bootargs" and m.cpus is not None:
        words.append(f"maxcpus={m.cpus}")
    if qemu["mem"]["how"] == "bootargs" and m.mem is not None:
        words.append(f"mem={m.mem}")
    if m.append:
        words.append(m.append)
    return " ".join(words)


def check(m):
    """Raises BoardError, with a sentence, when the board has no such machine."""
    board = boards.load(m.board)
    if "qemu" not in board:
        raise BoardError(f"QEMU has no machine for board '{m.board}'; it is for real hardware only.")
    qemu = board["qemu"]
    if m.boot not in qemu["boot"]:
        known = ", ".join(qemu["boot"])
        raise BoardError(f"board '{m.board}' does not boot by '{m.boot}'; it boots by: {known}.")
    low, high = qemu["cpus"]["min"], qemu["cpus"]["max"]
    if m.cpus is not None and not low <= m.cpus <= high:
        raise BoardError(f"board '{m.board}' has {low} to {high} CPUs, not {m.cpus}.")
    if m.mem is not None:
        most = qemu["mem"].get("max")
        if boards.mem_bytes(m.mem) > (boards.mem_bytes(most) if most else 1 << 62):
            raise BoardError(f"board '{m.board}' has {most} of memory at most, not {m.mem}.")
    if "{gic}" not in qemu["machine"] and m.gic not in (None, qemu["defaults"]["gic"]):
        raise BoardError(f"board '{m.board}' has a GICv{qemu['defaults']['gic']} only.")
    if m.cpu not in (None, qemu["defaults"]["cpu"]) and not qemu["cpu_option"]:
        raise BoardError(f"board '{m.board}' has a {qemu['defaults']['cpu']} only.")
    for disk in m.disks:
        place(qemu, m.board, disk.where)
    return qemu


def place(qemu, board, name):
    """How a disk is attached: the description of the place `name`, or of the usual one."""
    places = qemu["disks"]
    if name is not None and name not in places:
        raise BoardError(f"board '{board}' has no place '{name}' for a disk; it has: {', '.join(places)}.")
    return places[name or qemu["disk"]]


def bios(qemu, m, way):
    """What QEMU starts instead of a kernel; it may have to be one that can read the place of the disk."""
    at = place(qemu, m.board, m.disks[0].where) if m.disks else {}
    return boards.resolve(at.get("bios", way["bios"]))


def console_serial(board):
    """Index of the -serial option that is the kernel's console (stdout-path of its tree)."""
    return boards.load(board)["qemu"]["console"]


def build_argv(m, serial="stdio", log=None, other_serials=()):
    """The whole command line, as a list.

    serial: QEMU's name of the character device that becomes the console. other_serials: names for
    the board's remaining UARTs in order ('null' where the list is short). log: file for what
    QEMU reports about accesses that the guest should not have made.
    """
    qemu = check(m)
    default = qemu["defaults"]
    machine = qemu["machine"].format(gic=m.gic or default["gic"],
                                     virtualization="on" if m.el2 else "off")
    argv = [QEMU, "-M", machine]
    if qemu["cpu_option"]:
        argv += ["-cpu", m.cpu or default["cpu"]]
    if qemu["cpus"]["how"] == "qemu":
        argv += ["-smp", str(m.cpus or default["cpus"])]
    if qemu["mem"]["how"] == "qemu":
        argv += ["-m", m.mem or default["mem"]]
    argv += ["-nic", "none", "-display", "none", "-monitor", "none"]
    argv += _serials(qemu, serial, list(other_serials))
    argv += _boot(m, qemu)
    for number, disk in enumerate(m.disks):
        argv += _disk(m, qemu, disk, f"card{number}")
    if log:
        argv += ["-d", "guest_errors,unimp", "-D", str(log)]
    return argv + list(m.extra)


def _serials(qemu, console, others):
    argv = []
    for index in range(qemu["serials"]):
        if index == qemu["console"]:
            argv += ["-serial", console]
        else:
            argv += ["-serial", others.pop(0) if others else "null"]
    return argv


def _boot(m, qemu):
    way = qemu["boot"][m.boot]
    files = {"kernel": m.kernel, "initrd": m.initrd}
    argv = []
    if "bios" in way:
        argv += ["-bios", bios(qemu, m, way)]
    if "kernel" in way:
        path = files["kernel"] if way["kernel"] == "kernel" else boards.resolve(way["kernel"])
        if not path:
            raise BoardError(f"booting '{m.board}' directly needs a kernel image.")
        argv += ["-kernel", str(path)]
    if way.get("initrd") and m.initrd:
        argv += ["-initrd", str(m.initrd)]
    if way.get("dtb") or m.dtb:
        argv += ["-dtb", str(m.dtb or boards.resolve(qemu["dtb"]))]
    if way.get("append") and bootargs(m):
        argv += ["-append", bootargs(m)]
    if way.get("disk") and not m.disks:
        raise BoardError(f"booting '{m.board}' through U-Boot needs a boot medium (./wharf image).")
    return argv


def _disk(m, qemu, disk, name):
    at = place(qemu, m.board, disk.where)
    pairs = [("if", at["interface"]), ("id", name), ("format", "raw"), *_flat("file", disk.file)]
    drive = ",".join(f"{key}={value.replace(',', ',,')}" for key, value in pairs)
    options = f",{disk.options}" if disk.options else ""
    return ["-drive", drive + (f",{disk.drive}" if disk.drive else ""),
            *(word.format(id=name, options=options) for word in at["device"])]


def _flat(key, value):
    """QEMU's way to write a structure as options: a.b=x, a.0=y."""
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in _flat(f"{key}.{name}", part)]
    if isinstance(value, (list, tuple)):
        return [pair for number, part in enumerate(value) for pair in _flat(f"{key}.{number}", part)]
    return [(key, {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value))]
