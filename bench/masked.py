#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The longest stretch of instructions with interrupts masked.

    bench/masked.py [--build build/release] [--cpus 4] [--longest 5] 'init=self-check' ['init=...' ...]

The kernel runs with interrupts masked from entry to exit, but for its preemption points: there it looks
whether one is pending (ISR_EL1), and leaves if so. So a stretch is what a CPU executes in the kernel between
two of: ERET, such a look, WFI. QEMU writes down every block of instructions that it translates and every block that
it executes (-d in_asm,exec), as far as they are the kernel's; nothing in the kernel knows of it, and any image can be
measured. Counting begins with the first ERET: before it nobody waits for interrupts. A block that an exception leaves
early counts in full, so that the figure may be a block (some ten instructions) too high.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench  # noqa: E402

ADDR2LINE = "aarch64-linux-gnu-addr2line"
KERNEL = "0xffffffff80000000+0x40000000"    # arch/aarch64/kernel.ld
RUN_SECONDS = 500
INSTRUCTION = re.compile(r"0x[0-9a-f]+:\s+([0-9a-f]{8}) ")
# mrs Xt, isr_el1; wfi; eret (Arm ARM, C5.2 and C6.2)
READ_ISR, WFI, ERET = 0xd538c100, 0xd503207f, 0xd69f03e0


@dataclass
class Block:
    count: int = 0
    ends: bool = False      # a look for interrupts, a sleep, or the way out is in it
    leaves: bool = False    # the latter


@dataclass
class Processor:
    now: int = 0            # instructions of the present stretch
    blocks: list = field(default_factory=list)  # their addresses and lengths


@dataclass
class Stretches:
    """The longest, by where they begin and end."""

    found: dict = field(default_factory=dict)   # (begin, end) -> (length, blocks)

    def add(self, cpu):
        where = cpu.blocks[0][0], cpu.blocks[-1][0]
        if cpu.now > self.found.get(where, (0,))[0]:
            self.found[where] = cpu.now, cpu.blocks

    def longest(self, count):
        return sorted(self.found.values(), key=lambda one: -one[0])[:count]


def measure(build, runs, cpus):
    """All stretches of some boots, one after the other."""
    stretches = Stretches()
    for arguments in runs:
        boot(build, arguments, cpus, stretches)
    return stretches


def boot(build, arguments, cpus, stretches):
    with tempfile.TemporaryDirectory(prefix="wharf-masked-") as directory:
        pipe = f"{directory}/log"
        os.mkfifo(pipe)
        argv = [*bench.command(bench.Run(arguments, cpus=cpus), build), "-no-reboot",
                "-d", "in_asm,exec,nochain", "-dfilter", KERNEL, "-D", pipe]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, errors="replace")
        console = []
        reader = threading.Thread(target=lambda: watch(child, console))
        reader.start()
        watchdog = threading.Timer(RUN_SECONDS, child.kill)
        watchdog.start()
        with open(pipe, errors="replace") as log:
            read(log, stretches)
        watchdog.cancel()
        child.kill()
        child.wait()
        reader.join()
        if not any("all programs have ended" in line for line in console):
            raise bench.Failure(f"'{arguments}' did not end:\n" + "".join(console[-5:]))


def watch(child, console):
    """The machine is stopped by what the kernel says last."""
    for line in child.stdout:
        console.append(line)
        if "all programs have ended" in line:
            child.kill()


def read(log, stretches):
    blocks, fresh, cpus = {}, Block(), {}
    started = False
    for line in log:
        if line.startswith("Trace "):
            # Trace CPU: BLOCK [CS_BASE/PC/FLAGS/CFLAGS]
            words = line.split()
            if fresh.count:
                blocks[words[2]], fresh = fresh, Block()
            block = blocks[words[2]]
            cpu = cpus.setdefault(words[1], Processor())
            cpu.now += block.count
            cpu.blocks.append((words[3].split("/")[1], block.count))
            if block.ends:
                if started:
                    stretches.add(cpu)
                started = started or block.leaves
                cpu.now, cpu.blocks = 0, []
        elif line.startswith("0x"):
            word = int(INSTRUCTION.match(line)[1], 16)
            fresh.count += 1
            fresh.ends |= word & ~0x1f == READ_ISR or word in (WFI, ERET)
            fresh.leaves |= word == ERET
        elif line.startswith("Stopped") and cpu.blocks:
            cpu.now -= cpu.blocks.pop()[1]     # it will be executed again


def functions(build, addresses):
    """Names of the functions that these addresses are in, and where."""
    text = subprocess.run([ADDR2LINE, "-f", "-s", "-e", build / "kernel.elf", *addresses], text=True,
                          check=True, stdout=subprocess.PIPE).stdout.splitlines()
    return list(zip(text[::2], text[1::2]))


def show(build, length, blocks):
    names = functions(build, [address for address, _ in blocks])
    print(f"{length:8}  {names[0][0]} ({names[0][1]}) to {names[-1][0]} ({names[-1][1]})")
    most = Counter()
    for (name, _), (_, count) in zip(names, blocks):
        most[name] += count
    print("          " + ", ".join(f"{n} {name}" for name, n in most.most_common(6)))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(bench.ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--longest", type=int, default=5, metavar="N", help="how many to show")
    parser.add_argument("runs", nargs="+", metavar="ARGUMENTS", help="of the kernel, for one boot each")
    options = parser.parse_args()
    build = Path(options.build).resolve()
    try:
        stretches = measure(build, options.runs, options.cpus)
    except (bench.Failure, OSError) as error:
        sys.exit(f"masked: {error}")
    for length, blocks in stretches.longest(options.longest):
        show(build, length, blocks)


if __name__ == "__main__":
    main()
