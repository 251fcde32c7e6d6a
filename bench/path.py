#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Walks a path instruction by instruction and says what kinds of instructions are on it.

    bench/path.py [--build build/release] [--list] null_trap|yield_switch|yield_switch_same_task

An instruction count alone would reward leaving out barriers, or flushing a whole TLB where one
entry would do. So QEMU's debugger interface steps through one trap, from the SVC to the first
instruction behind it, and each instruction is put into its class. --list prints all of them.
"""

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench  # noqa: E402

OBJDUMP = "aarch64-linux-gnu-objdump"
WARM_UP = 200           # rounds before the one that is looked at
MOST_STEPS = 20000
CLASSES = {
    "tlb": r"tlbi\b", "barrier": r"(dsb|dmb)\b", "isb": r"isb\b", "cache": r"(dc|ic)\b",
    "sysreg write": r"msr\b", "sysreg read": r"mrs\b",
    "exclusive": r"(ldax|ldx|stx|stlx)(r|p)[bh]?\b|cas|swp|ldadd|ldset|ldclr",
    "acquire/release": r"(ldar|stlr|ldapr)[bh]?\b", "vector": r".*\bq\d+", "indirect branch": r"(br|blr)\b",
}
# row -> (kernel arguments, programs, the loop that traps)
PATHS = {
    "null_trap": ("init=bench arg=null_trap", ("bench",), "bench_loop_self"),
    "yield_switch": ("init=bench-yield-a,bench-yield-b", ("bench-yield-a", "bench-yield-b"),
                     "bench_loop_switch"),
    "yield_switch_same_task": ("init=bench arg=yield_switch_same_task", ("bench",), "bench_loop_switch"),
}


class Debugger:
    """As much of GDB's remote protocol as stepping needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.02)
        self.stream = self.socket.makefile("rb")

    def call(self, text):
        body = text.encode()
        self.socket.sendall(b"$" + body + b"#%02x" % (sum(body) % 256))
        while self.stream.read(1) != b"$":
            pass
        answer = bytearray()
        while (byte := self.stream.read(1)) not in (b"#", b""):
            answer += byte
        self.stream.read(2)
        self.socket.sendall(b"+")
        return answer.decode()

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.call("p20")), "little")


def disassembly(paths):
    """Address -> text of the instruction; and (file, function) -> addresses of its SVCs."""
    text, traps = {}, {}
    for path in paths:
        function = None
        for line in subprocess.run([OBJDUMP, "-d", path], text=True, check=True,
                                   stdout=subprocess.PIPE).stdout.splitlines():
            if head := re.match(r"[0-9a-f]+ <(\S+)>:", line):
                function = head[1]
            elif found := re.match(r"\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+(.*)", line):
                address = int(found[1], 16)
                words = re.sub(r"\s*//.*|\s*<.*", "", found[2]).replace("\t", " ")
                text[address] = f"{function}: {words}"
                if words.startswith("svc"):
                    traps.setdefault((path.name, function), []).append(address)
    return text, traps


def walk(build, row):
    """The instructions from the SVC to the one that runs after it, as text."""
    arguments, programs, loop = PATHS[row]
    files = [build / "kernel.elf", *(build / "programs" / name for name in programs)]
    text, traps = disassembly(files)
    starts = [traps[name, loop][0] for name in programs]
    argv = bench.command(bench.Run(arguments), build)
    with tempfile.TemporaryDirectory(prefix="wharf-path-") as directory:
        gate = f"{directory}/gdb"
        child = subprocess.Popen([*argv, "-S", "-gdb", f"unix:{gate},server=on,wait=off"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            return step_through(Debugger(gate), starts, text)
        finally:
            child.kill()
            child.wait()


def breakpoints(debugger, letter, addresses):
    for address in addresses:
        debugger.call(f"{letter}1,{address:x},4")


def step_through(debugger, starts, text):
    for _ in range(WARM_UP):
        debugger.call("s")      # off the breakpoint that stopped it
        breakpoints(debugger, "Z", starts)
        debugger.call("c")
        breakpoints(debugger, "z", starts)
    ends = {address + 4 for address in starts}
    path = []
    pc = debugger.pc()
    while pc not in ends:
        path.append(text.get(pc, f"?: unknown instruction at {pc:#x}"))
        if len(path) > MOST_STEPS:
            raise bench.Failure("the path does not come back")
        debugger.call("s")
        pc = debugger.pc()
    return path


def classify(path):
    counts = Counter()
    for line in path:
        words = line.split(": ", 1)[1]
        for name, pattern in CLASSES.items():
            counts[name] += bool(re.match(pattern, words))
    return counts


def by_function(path):
    """Instructions in each function, in the order they are first met."""
    counts = Counter(line.split(": ", 1)[0] for line in path)
    return counts.items()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(bench.ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--list", action="store_true", help="print every instruction")
    parser.add_argument("rows", nargs="+", choices=list(PATHS))
    options = parser.parse_args()
    for row in options.rows:
        path = walk(Path(options.build).resolve(), row)
        print(f"{row}: {len(path)} instructions")
        kinds = ", ".join(f"{n} {name}" for name, n in classify(path).items() if n)
        print("  of them", kinds or "none special")
        for function, count in by_function(path):
            print(f"  {count:6}  {function}")
        if options.list:
            print("\n".join(f"    {line}" for line in path))


if __name__ == "__main__":
    main()
