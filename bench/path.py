#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Walks a path instruction by instruction and says what kinds of instructions are on it.

    bench/path.py [--build build/release] [--list] [--inlined] [--steps] [--stores] ROW...

An instruction count alone would reward leaving out barriers, or flushing a whole TLB where one
entry would do. So QEMU's debugger interface steps through one operation, and each instruction is put
into its class. For a trap that is from the SVC to the first instruction behind it; for a call, from
the stub's first instruction to its return, with whatever runs in between; for an exception, from the
access that faults until it is repeated. --list prints all of them; --inlined counts by function as written
in the source, one part of the path (what lies between two changes of mode) after the other; --steps sums that
up as docs/ipc-budget.md does; --stores tells which cache lines are written, by whom.
"""

import argparse
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bench  # noqa: E402

OBJDUMP = "aarch64-linux-gnu-objdump"
ADDR2LINE = "aarch64-linux-gnu-addr2line"
THREAD_SIZE = 0x800     # bytes, no less than a struct thread has
WARM_UP = 200           # rounds before the one that is looked at
MOST_STEPS = 20000
CLASSES = {
    "tlb": r"tlbi\b", "barrier": r"(dsb|dmb)\b", "isb": r"isb\b", "cache": r"(dc|ic)\b",
    "sysreg write": r"msr\b", "sysreg read": r"mrs\b",
    "exclusive": r"(ldax|ldx|stx|stlx)(r|p)[bh]?\b|cas|swp|ldadd|ldset|ldclr",
    "acquire/release": r"(ldar|stlr|ldapr)[bh]?\b", "vector": r".*\bq\d+", "indirect branch": r"(br|blr)\b",
}
LINE = 64               # bytes of a cache line
KERNEL = 1 << 63        # addresses from here on are the kernel's


@dataclass
class Path:
    """Where a row's path is: in `function` of each program, its SVC or, of a call, all of it, or its access that
    faults, a load or a store of a byte."""

    arguments: str
    programs: tuple
    function: str
    is_call: bool = False
    is_fault: bool = False


def rpc(row, function):
    return Path(f"init=bench-rpc arg={row}", ("bench-rpc",), function, True)


def exception(row):
    return Path(f"init=bench-exception arg={row}", ("bench-exception",), "faults", is_fault=True)


def fault(row, function):
    return Path(f"init=bench-vm arg={row}", ("bench-vm",), function, is_fault=True)


def pager(row, function):
    return Path(f"init=bench-pager arg={row}", ("bench-pager",), function, is_fault=True)


def mapping(row, function):
    return Path(f"init=bench-vm arg={row}", ("bench-vm",), function, True)


PATHS = {
    "null_trap": Path("init=bench arg=null_trap", ("bench",), "bench_loop_self"),
    "yield_switch": Path("init=bench-yield-a,bench-yield-b", ("bench-yield-a", "bench-yield-b"),
                         "bench_loop_switch"),
    "yield_switch_same_task": Path("init=bench arg=yield_switch_same_task", ("bench",),
                                   "bench_loop_switch"),
    "null_object_call": Path("init=bench-object arg=null_object_call", ("bench-object",), "clock_now", True),
    "task_call": Path("init=bench-object arg=task_call", ("bench-object",), "port_type", True),
    "port_create_destroy": Path("init=bench-object arg=port_create_destroy", ("bench-object",),
                                "create_destroy", True),
    "thread_create_terminate": Path("init=bench-object arg=thread_create_terminate", ("bench-object",),
                                    "create_terminate", True),
    "async_send_receive": Path("init=bench-object arg=async_send_receive", ("bench-object",),
                               "send_receive", True),
    "rpc_0": rpc("rpc_0", "rpc_null"),
    "rpc_32": rpc("rpc_32", "rpc_words4"),
    "rpc_64": rpc("rpc_64", "rpc_words8"),
    "rpc_512": rpc("rpc_512", "rpc_short_block"),
    "rpc_4096_8": rpc("rpc_4096_8", "rpc_long_block"),
    "rpc_port": rpc("rpc_port", "rpc_give_port"),
    "rpc_port_back": rpc("rpc_port_back", "rpc_pass_port"),
    "reply_kept": rpc("reply_kept", "rpc_kept"),
    "reply_kept_apart": rpc("reply_kept_apart", "rpc_kept_apart"),
    "notify_waiter": rpc("notify_waiter", "rpc_notify"),
    "rpc_64_fp": rpc("rpc_64_fp", "rpc_words8_fp"),
    "exception_round_trip": exception("exception_round_trip"),
    "exception_state": exception("exception_state"),
    "fault_anon": fault("fault_anon", "read_each"),
    "fault_cow": fault("fault_cow", "break_each"),
    "fault_reuse": fault("fault_reuse", "reuse_each"),
    "fault_object": pager("fault_object", "show_each"),
    "fault_pager": pager("fault_pager", "fault_each"),
    "map_unmap": mapping("map_unmap", "allocate_deallocate"),
    "map_touch_unmap": mapping("map_touch_unmap", "allocate_touch_deallocate"),
    "protect": mapping("protect", "make_read_only"),
}
# Steps of the fast way of messages, by function of the source. What is not named is the stub's or the server's.
STEPS = {
    "entry": "arch_vectors",
    "shape of the trap": "kern_msg_fast has_shape",
    "name": "space_peek find_entry memory_of_sends",
    "right": "fast_call fast_answer arch_thread_has_fp arch_thread_wants_fp",
    "port lock": "lock_entry spin_trylock arch_ticket_try spin_unlock",
    "receiver": "take_off_list list_push_back list_insert_between",
    "reply and context": "lend claim_client sched_effective call_port answer_port wait_again",
    "header": "arch_message_set arch_message_leave",
    "thread": "arch_thread_switch_light switch_registers publish_switch",
    "address space": "pmap_activate_user arch_mmu_activate arch_mmu_activate_noted",
    "last look": "leave_to arch_fence",
    "exit": "arch_message_exit message_body message_cleared",
}
STEP_OF = {name: step for step, names in STEPS.items() for name in names.split()}
# What ./wharf bench shows below its table.
SHOWN = ("null_trap", "yield_switch", "yield_switch_same_task", "null_object_call", "rpc_0", "rpc_64")


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

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.call(f"p{number:x}")), "little")

    def pc(self):
        return self.register(32)


@dataclass
class Step:
    """One instruction, and where it stores, if it does."""

    address: int
    text: str                   # FUNCTION: INSTRUCTION
    store: int | None = None    # address
    own: int = 0                # the stack pointer then: the frame of the thread that entered


class Code:
    """The instructions of the kernel and of some programs."""

    def __init__(self, build, programs):
        self.kernel = build / "kernel.elf"
        self.programs = [build / "programs" / name for name in programs]
        self.text = {}      # address -> FUNCTION: INSTRUCTION
        self.traps = {}     # (file, function) -> addresses of its SVCs
        self.loads = {}     # the same of its loads and stores of bytes
        self.first = {}     # (file, function) -> address
        for path in (self.kernel, *self.programs):
            self.read(path)

    def read(self, path):
        function = None
        for line in subprocess.run([OBJDUMP, "-d", path], text=True, check=True,
                                   stdout=subprocess.PIPE).stdout.splitlines():
            if head := re.match(r"([0-9a-f]+) <(\S+)>:", line):
                function = head[2]
                self.first[path.name, function] = int(head[1], 16)
            elif found := re.match(r"\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+(.*)", line):
                address = int(found[1], 16)
                words = re.sub(r"\s*//.*|\s*<.*", "", found[2]).replace("\t", " ")
                self.text[address] = f"{function}: {words}"
                if words.startswith("svc"):
                    self.traps.setdefault((path.name, function), []).append(address)
                if words.startswith(("ldrb", "strb")):
                    self.loads.setdefault((path.name, function), []).append(address)

    def start(self, program, path):
        key = program, path.function
        return self.first[key] if path.is_call else (self.loads if path.is_fault else self.traps)[key][0]

    def sources(self, addresses):
        """Address -> the function of the source that it comes from, inlined or not."""
        names = {}
        for path, wanted in ((self.kernel, [a for a in addresses if a >= KERNEL]),
                             (self.programs[0], [a for a in addresses if a < KERNEL])):
            text = subprocess.run([ADDR2LINE, "-f", "-i", "-a", "-e", path], text=True, check=True,
                                  input="".join(f"{a:#x}\n" for a in wanted), stdout=subprocess.PIPE).stdout
            for block in re.split(r"^0x", text, flags=re.MULTILINE)[1:]:
                lines = block.splitlines()
                names[int(lines[0], 16)] = lines[1]
        return {a: name if name != "??" else self.text[a].split(":")[0] for a, name in names.items()}


def walk(build, row, stores=False):
    """The steps of a row's path, and the code they are in."""
    path = PATHS[row]
    code = Code(build, path.programs)
    starts = [code.start(name, path) for name in path.programs]
    argv = bench.command(bench.Run(path.arguments), build)
    if path.is_fault:   # QEMU that counts does not come back from a step after one that faulted
        at = argv.index("-icount")
        del argv[at:at + 2]
    with tempfile.TemporaryDirectory(prefix="wharf-path-") as directory:
        gate = f"{directory}/gdb"
        child = subprocess.Popen([*argv, "-S", "-gdb", f"unix:{gate},server=on,wait=off"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            return step_through(Debugger(gate), starts, path, code, stores), code
        finally:
            child.kill()
            child.wait()


def breakpoints(debugger, letter, addresses):
    for address in addresses:
        debugger.call(f"{letter}1,{address:x},4")


def step_through(debugger, starts, kind, code, stores):
    for _ in range(WARM_UP):
        debugger.call("s")      # off the breakpoint that stopped it
        breakpoints(debugger, "Z", starts)
        debugger.call("c")
        breakpoints(debugger, "z", starts)
    ends = {debugger.register(30)} if kind.is_call else {address + 4 for address in starts}
    if kind.is_fault:
        ends = set(starts)
    path = []
    pc = debugger.pc()
    while not path or pc not in ends or (kind.is_fault and pc == path[0].address and path[-1].address < KERNEL):
        if path and pc in ends:
            path = []   # this one did not fault
        step = Step(pc, code.text.get(pc, f"?: unknown instruction at {pc:#x}"))
        if stores and pc >= KERNEL:
            step.store = store_address(debugger, step.text.split(": ", 1)[1])
            step.own = debugger.register(31)
        path.append(step)
        if len(path) > MOST_STEPS:
            raise bench.Failure("the path does not come back")
        debugger.call("s")
        pc = debugger.pc()
    return path


def store_address(debugger, words):
    """Where an instruction is about to store; None: it does not."""
    found = re.match(r"st\w+ .*\[(\w+)(?:, (#?-?\w+)(?:, \w+(?: #(\d+))?)?)?\](.*)", words)
    if not found:
        return None

    def value(name):
        return debugger.register(31 if name == "sp" else int(name[1:]))

    base, offset, shift, _ = found.groups()
    address = value(base)
    if offset and offset.startswith("#"):
        address += int(offset[1:], 0)
    elif offset and offset not in ("xzr", "wzr"):
        address += value(offset) << int(shift or 0)
    return address


def classify(path):
    counts = Counter()
    for step in path:
        words = step.text.split(": ", 1)[1]
        for name, pattern in CLASSES.items():
            counts[name] += bool(re.match(pattern, words))
    return counts


def by_function(path):
    """Instructions in each function, in the order they are first met."""
    return Counter(step.text.split(": ", 1)[0] for step in path).items()


def parts(path):
    """The path cut where it enters or leaves the kernel."""
    cut = [[]]
    for step in path:
        if cut[-1] and (cut[-1][-1].address >= KERNEL) != (step.address >= KERNEL):
            cut.append([])
        cut[-1].append(step)
    return cut


def show_inlined(path, code):
    names = code.sources({step.address for step in path})
    for part in parts(path):
        print("  " + ("kernel" if part[0].address >= KERNEL else "user") + f": {len(part)}")
        for name, count in Counter(names[step.address] for step in part).items():
            print(f"  {count:6}  {name}")


def steps_of(part, names):
    """Instructions by step of one part of the path; the assembly at both ends has one name."""
    counts, inside = Counter(), "entry"
    for step in part:
        name = names[step.address]
        if name == "user_message":
            counts[inside] += 1
            continue
        inside = "exit" if name in STEP_OF and name != "arch_vectors" else inside
        counts[STEP_OF.get(name, "others")] += 1
    return counts


def show_steps(path, code):
    names = code.sources({step.address for step in path})
    cut = parts(path)
    columns = [steps_of(part, names) for part in cut if part[0].address >= KERNEL]
    for step in [*STEPS, "others"]:
        if any(step in column for column in columns):
            print(f"  {step:20}" + "".join(f"{column[step]:8}" for column in columns))
    print(f"  {'kernel':20}" + "".join(f"{sum(column.values()):8}" for column in columns))
    print("  user: " + ", ".join(str(len(part)) for part in cut if part[0].address < KERNEL))


def show_stores(path, code):
    """Lines that the kernel writes: in the CPU's record, its stack, a thread (by the frame it entered with), others."""
    names = code.sources({step.address for step in path})
    kernel = [part for part in parts(path) if part[0].address >= KERNEL]
    threads = []
    for part in kernel:
        if part[0].own not in threads:
            threads.append(part[0].own)
    lines = {}
    for part in kernel:
        for step in part:
            if step.store is not None:
                lines.setdefault(step.store // LINE, []).append((step.store % LINE, names[step.address]))
    for line, writers in sorted(lines.items()):
        owner = next((f"thread {i} + {line * LINE - base:#x}" for i, base in enumerate(threads)
                      if 0 <= line * LINE - base < THREAD_SIZE), "")
        what = ", ".join(dict.fromkeys(f"{name}+{at:#x}" for at, name in writers))
        print(f"  {line * LINE:#x}  {len(writers):3} stores  {owner}  {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(bench.ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--list", action="store_true", help="print every instruction")
    parser.add_argument("--inlined", action="store_true", help="count by function of the source")
    parser.add_argument("--steps", action="store_true", help="count by step of the message path")
    parser.add_argument("--stores", action="store_true", help="print the lines the kernel writes")
    parser.add_argument("rows", nargs="+", choices=list(PATHS))
    options = parser.parse_args()
    for row in options.rows:
        path, code = walk(pathlib.Path(options.build).resolve(), row, options.stores)
        show(row, path, code, options)


def show(row, path, code, options):
    print(f"{row}: {len(path)} instructions")
    kinds = ", ".join(f"{n} {name}" for name, n in classify(path).items() if n)
    print("  of them", kinds or "none special")
    if options.inlined:
        show_inlined(path, code)
    elif options.steps:
        show_steps(path, code)
    else:
        for function, count in by_function(path):
            print(f"  {count:6}  {function}")
    if options.stores:
        show_stores(path, code)
    if options.list:
        print("\n".join(f"    {step.text}" for step in path))


if __name__ == "__main__":
    main()
