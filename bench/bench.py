#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures Wharf in executed instructions and sets the figures beside other systems'.

    bench/bench.py [--build build/release] [--json FILE] [-R REGEX]

QEMU counts instructions (-icount shift=0) and its counter ticks once for each, so figures repeat
exactly. How, and what the rows mean: docs/performance.md. The others' figures: bench/peers.json.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))

from wharf import card, packages, qemu  # noqa: E402

STEP = 2                # rows of peers.json that the present stage of the project has to show
HANG_SECONDS = 300
DISK_SIZE = 128 << 20
LARGE = 16 << 20        # bench-volume.c
CPU = "cortex-a72,cntfrq=1000000000"
COUNTING = ["-icount", "shift=0,sleep=off", "-M", "dtb-randomness=off", "-seed", "1"]
STAMP = r"^(?:\[ *\d+\.\d+\] )?"     # of what goes by the supervisor's log
LINE = re.compile(STAMP + r"(?:\S+: )?bench: (\S+) (\S+) (\d+) (\d+) (\d+) (\d+)$")
END = re.compile(STAMP + r"(?:\S+: )?bench: done$")
BAD = re.compile(r"^(\[ *\d+\.\d+\] )?(PANIC|FAILED |wharf: cannot boot|wharf: \S+ crashed)")


@dataclass
class Run:
    """One boot. rename: other names for its rows ({} keeps all)."""

    programs: str
    mem: str = "1G"
    append: str = "mitigations=off trace=off"
    rename: dict | None = None      # old name -> new name; rows that it lacks are dropped
    cpus: int = 1
    disk: str | None = None         # where a card is: sd, virtio
    counting: list | None = None    # instead of COUNTING
    disk_size: int = DISK_SIZE
    table: bool = True              # the card has partitions
    files: bool = False             # it is an ext4 file system with `large` in it, and has none


@dataclass
class Row:
    name: str
    unit: str
    min: float
    median: float
    max: float


RUNS = [
    Run("init=bench"),
    Run("init=bench arg=null_trap", append="trace=off", rename={"null_trap": "null_trap_mitigated"}),
    Run("init=bench-exception"),
    Run("init=bench-irq"),
    Run("init=bench-object"),
    Run("init=bench-rpc"),
    Run("init=bench-rpc arg=rpc_0", append="trace=off", rename={"rpc_0": "rpc_0_mitigated"}),
    Run("init=bench-rpc arg=rpc_0", append="mitigations=off", rename={"rpc_0": "rpc_0_traced"}),
    Run("init=bench-memory"),
    Run("init=bench-vm"),
    Run("init=bench-ool"),
    Run("init=bootstrap arg=system=bench-files.conf"),
    Run("init=bootstrap arg=system=bench-process.conf"),
    Run("init=bench-pager"),
    Run("init=bench-posix"),
    Run("init=bench-yield-a,bench-yield-b"),
    Run("init=bench-yield-a,bench-yield-b arg=fp"),
    Run("init=bench-yield-a,bench-yield-b", append="mitigations=off",
        rename={"yield_switch": "yield_switch_traced"}),
    Run("init=bench-yield-a,bench-yield-b", append="trace=off",
        rename={"yield_switch": "yield_switch_mitigated"}),
    Run("init=bench-boot", rename={"boot_first_user": "boot_first_user", "kernel_text": "kernel_text",
                                   "kernel_memory": "kernel_memory_1g"}),
    Run("init=bench-boot", append="mitigations=off trace=off log=quiet",
        rename={"boot_first_user": "boot_first_user_quiet"}),
    Run("init=bench-boot", mem="64M", rename={"boot_first_user": "boot_first_user_64m",
                                              "kernel_memory": "kernel_memory_64m"}),
    Run("init=bench-boot", mem="8G", rename={"boot_first_user": "boot_first_user_8g",
                                             "kernel_memory": "kernel_memory_8g"}),
]
# Disks, by their drivers. Programs count instructions: while a device is at work the CPU is idle, and time goes on.
DISK = "init=bootstrap arg=system=bench-block.conf"
SWAP = "init=bootstrap arg=system=bench-swap.conf"
VOLUME = "init=bootstrap arg=system=volume.conf arg=test=bench-volume"
VOLUME_ROWS = ("read_cached_mib", "file_fault_resident", "file_fault_pager", "file_fault_pager_run", "card_read_mib",
               "card_write_mib", "card_create_file", "card_create_file_unsynced", "card_append_sync",
               *(f"card_{what}_{part}" for what in ("read", "write", "create", "append")
                 for part in ("reads", "bytes_read", "writes", "bytes_written", "flushes")))
VIRTIO_COUNTING = ["-icount", "shift=0,sleep=on", "-M", "dtb-randomness=off", "-seed", "1"]
KILLS = "init=bootstrap arg=system=disk-kills.conf arg=disk=block.sd0 arg=victim=sd0 arg=also=sd0 arg=kills=100 arg=pause=2000 arg=bench=1"
RUNS += [
    Run(f"{DISK} arg=disk=block.sd0 arg=rows=sd", append="mitigations=off trace=off pmu=user", disk="sd",
        rename={"sd_read_4k": "sd_read_4k", "sd_read_mib": "sd_read_mib"}),
    Run(f"{DISK} arg=disk=block.vd0 arg=rows=virtio", append="mitigations=off trace=off pmu=user", disk="virtio",
        rename={"virtio_read_4k": "virtio_read_4k", "virtio_read_mib": "virtio_read_mib"},
        counting=VIRTIO_COUNTING),
    Run(VOLUME, append="mitigations=off trace=off pmu=user", disk="virtio", files=True, counting=VIRTIO_COUNTING,
        rename={name: name for name in VOLUME_ROWS}),
    Run(f"{SWAP} arg=disk=block.sd0 arg=rows=swap arg=tier=0", append="mitigations=off trace=off pmu=user", disk="sd", mem="128M", disk_size=1 << 30, table=False,
        rename={name: name for name in ("swap_fill_page", "swap_card_bytes_per_page", "swap_fault_random", "swap_fault_slowest")}),
    Run(f"{SWAP} arg=disk=block.sd0 arg=rows=tier arg=tier=25 arg=soft=1 arg=percent=120", append="mitigations=off trace=off pmu=user", disk="sd", mem="128M",
        disk_size=1 << 30, table=False, rename={"tier_fault_random": "swap_fault_compressed", "tier_fault_slowest": "swap_fault_compressed_slowest",
                                   "tier_card_bytes_per_page": "swap_card_bytes_per_page_tier", "tier_fill_page": "swap_fill_page_tier"}),
    Run(KILLS, disk="sd", rename={"driver_recovery_p99": "driver_recovery_p99"}),
]
# What is run to find the longest stretch with interrupts masked (masked.py), on so many CPUs each.
MASKED_RUNS = ("init=self-check", "init=exceptions", "init=bench-memory arg=50", "init=ipc-ool arg=largest")
MASKED_CPUS = {"irqs_off_max": 1, "irqs_off_max_4cpus": 4}


class Failure(Exception):
    """The figures cannot be had; the text says why."""


# Rows that are sizes of programs.
TEXTS = {"hello_text": "hello-puts", "hello_printf_text": "hello-printf"}


def main():
    options = arguments()
    build = Path(options.build).resolve()
    peers = json.loads((ROOT / "bench" / "peers.json").read_text())["rows"]
    try:
        rows = measure(build, re.compile(options.regex), options.verbose)
    except (Failure, OSError) as error:
        sys.exit(f"bench: {error}")
    if options.json:
        text = json.dumps({"rows": [vars(row) for row in rows.values()]}, indent=1)
        Path(options.json).write_text(text + "\n")
    missed = table(rows, peers, re.compile(options.regex))
    show_classes(build, rows)
    return 1 if missed and options.check else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("-R", "--regex", default="", metavar="REGEX", help="only rows whose name matches")
    parser.add_argument("--check", action="store_true", help="fail if a target is missed or not measured")
    parser.add_argument("-v", "--verbose", action="store_true", help="show command lines and consoles")
    return parser.parse_args()


def measure(build, wanted, verbose):
    """All rows whose name matches, by name."""
    rows = {}
    for run in RUNS:
        if run.rename and not any(wanted.search(name) for name in run.rename.values()):
            continue
        for row in boot(run, build, verbose):
            name = row.name if run.rename is None else run.rename.get(row.name)
            if name and wanted.search(name):
                row.name = name
                rows[name] = row
    for name, cpus in MASKED_CPUS.items():
        if wanted.search(name):
            import masked   # it needs this module
            longest = masked.measure(build, MASKED_RUNS, cpus).longest(1)[0][0]
            rows[name] = Row(name, "instructions", longest, longest, longest)
    for name, program in TEXTS.items():
        if wanted.search(name):
            size = text_size(build / "programs" / program)
            rows[name] = Row(name, "bytes", size, size, size)
    calibration = rows.get("calibration_1000_nops")
    if calibration and calibration.median != 1001:
        raise Failure(f"1000 instructions were counted as {calibration.median:g}: "
                      "QEMU does not count them one by one")
    return rows


def text_size(program):
    """Bytes of a program that cannot be written: what `size` calls text."""
    lines = subprocess.run(["aarch64-linux-gnu-size", program], capture_output=True, text=True, check=True).stdout.splitlines()
    return int(lines[1].split()[0])


def command(run, build):
    kernel, initrd = build / "kernel.img", build / "initrd.cpio"
    for path in (kernel, initrd):
        if not path.is_file():
            raise Failure(f"{path} is missing; build the release preset first (./wharf bench does)")
    machine = qemu.Machine(board="virt", cpus=run.cpus, mem=run.mem, gic=2, cpu=CPU, kernel=kernel,
                           initrd=initrd, append=f"{run.append} {run.programs} seed=1".strip(),
                           extra=run.counting or COUNTING, disks=disks(run, build))
    return [str(word) for word in qemu.build_argv(machine)]


def disks(run, build):
    """An empty card for each run: what drivers read does not change what they execute."""
    if not run.disk:
        return []
    path = build / f"bench-{run.disk}.img"
    if run.files:
        make_files(path, run.disk_size)
    else:
        card.make(path, run.disk_size, table="mbr" if run.table else None)
    return [qemu.Disk(path, run.disk)]


def make_files(path, size):
    """A file system as mke2fs makes it, with a file of LARGE bytes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "large").write_bytes(bytes(number % 251 for number in range(LARGE)))
        path.unlink(missing_ok=True)
        argv = [packages.which("mke2fs") or "mke2fs", "-q", "-F", "-t", "ext4", "-d", folder, path, f"{size // 1024}k"]
        made = subprocess.run(argv, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failure(f"mke2fs: {made.stderr.strip()}")


def boot(run, build, verbose):
    """The rows that one boot prints."""
    argv = command(run, build)
    if verbose:
        print("+", *argv)
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                             errors="replace")
    watchdog = threading.Timer(HANG_SECONDS, child.kill)
    watchdog.start()
    try:
        return read_rows(child.stdout, run, verbose)
    finally:
        watchdog.cancel()
        child.kill()
        child.communicate()


def read_rows(console, run, verbose):
    rows = []
    for line in (text.rstrip() for text in console):
        if verbose:
            print("   ", line)
        if BAD.search(line):
            raise Failure(f"'{run.append} {run.programs}' went wrong: {line}")
        found = LINE.search(line)
        if found:
            name, unit = found.group(1, 2)
            divisor, *values = (int(v) for v in found.group(3, 4, 5, 6))
            rows.append(Row(name, unit, *(value / divisor for value in values)))
        if END.search(line):
            return rows
    raise Failure(f"'{run.append} {run.programs}' did not end within {HANG_SECONDS} s or stopped "
                  "early; -v shows its console")


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:,.1f}"


def verdict(row, target):
    if target is None:
        return ""
    if row is None:
        return "NOT MEASURED"
    return "pass" if row.median <= target else "MISS"


def table(rows, peers, wanted):
    """Prints the table; returns how many targets are missed or not measured."""
    known = {peer["name"]: peer for peer in peers}
    due = [p["name"] for p in peers if p["step"] <= STEP and wanted.search(p["name"])]
    names = due + [name for name in rows if name not in due]
    missed = 0
    print(f"{'row':28}{'unit':>13}{'Wharf':>12}{'min..max':>22}{'seL4':>12}{'Linux':>13}{'target':>12}")
    for name in names:
        row, peer = rows.get(name), known.get(name, {})
        result = verdict(row, peer.get("target"))
        missed += result in ("MISS", "NOT MEASURED")
        spread = "" if row is None or row.min == row.max else f"{number(row.min)}..{number(row.max)}"
        print(f"{name:28}{row.unit if row else peer['unit']:>13}{number(row and row.median):>12}"
              f"{spread:>22}{number(peer.get('sel4')):>12}{number(peer.get('linux')):>13}"
              f"{number(peer.get('target')):>12}  {result}")
    return missed


def show_classes(build, rows):
    """Beside the counts: what costs more on hardware than one instruction in a row of them."""
    import path     # it needs this module
    print("\non the path once:")
    for name in [name for name in path.SHOWN if name in rows]:
        steps, _ = path.walk(build, name)
        kinds = [f"{n} {kind}" for kind, n in path.classify(steps).items() if n]
        print(f"  {name:26}{len(steps):>6} instructions, of them {', '.join(kinds) or 'none special'}")


if __name__ == "__main__":
    sys.exit(main())
