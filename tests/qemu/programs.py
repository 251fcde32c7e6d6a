# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios around user programs: what they do right, how they crash, and how the system ends."""

from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, ended

VIRT = {"board": "virt", "gic": 2, "mem": "128M"}
CRASH = (r"^wharf: \S+ crashed: ", r"^wharf: \S+ ended with status (?!0$)")
STATUS = (r"^wharf: \S+ ended with status (?!0$)",)
HELLO = (r"^hello: this is hello with 0 arguments$", ended("hello"))
ADDRESS = "0x(?P<address>[0-9a-f]+)"


def pagers():
    """Memory that a program supplies; time is counted in instructions, for some pagers are late."""
    return [
        Scenario(f"vm-pager-seed{seed}-{cpus}cpu",
                 {**VIRT, "cpus": cpus, "extra": ["-machine", "dtb-randomness=off", "-icount",
                                                  f"shift={shift},sleep=off", "-seed", str(seed)]},
                 append=f"init=vm-pager pager=1000 dirty=128K seed={seed}", build="debug", label=label, seconds=20,
                 expect=(r"^vm-pager: all checks passed$", ended("vm-pager"), all_ended()))
        for seed, cpus, shift, label in ((1, 1, 4, EVERYDAY), (2, 4, 5, EVERYDAY), (3, 4, 3, CI), (4, 2, 6, CI))
    ]


def swap():
    """More memory than there is; time is counted in instructions, for much of it is one CPU waiting for another."""
    return [
        Scenario(f"vm-swap-{build}-{cpus}cpu",
                 {**VIRT, "mem": "64M", "cpus": cpus, "extra": ["-machine", "dtb-randomness=off", "-icount",
                                                                f"shift={shift},sleep=off", "-seed", str(shift)]},
                 append=f"init=vm-swap seed={shift}", build=build, only=True, label=label, seconds=seconds,
                 expect=(r"^vm-swap: all checks passed$", ended("vm-swap"), all_ended()))
        for build, cpus, shift, label, seconds in (
            ("release", 1, 3, EVERYDAY, 30), ("debug", 4, 4, CI, 60), ("release", 4, 5, LONG, 30))
    ]


def reclaim():
    """Pagers' pages when memory is short."""
    return [
        Scenario(f"vm-reclaim-{build}-{cpus}cpu",
                 {**VIRT, "mem": "64M", "cpus": cpus, "extra": ["-machine", "dtb-randomness=off", "-icount",
                                                                f"shift={shift},sleep=off", "-seed", str(shift)]},
                 append=f"init=vm-reclaim pager=3000 arg={cpus} seed={shift}", build=build, only=True, label=label, seconds=30,
                 expect=(r"^vm-reclaim: all checks passed$", ended("vm-reclaim"), all_ended()))
        for build, cpus, shift, label in (("release", 1, 3, EVERYDAY), ("debug", 4, 4, CI))
    ]


def hostile_pagers():
    """R10: 14 kinds of them, each so many times; 15 in CI, 50 in long runs."""
    return [
        Scenario(f"vm-hostile-{rounds}-{cpus}cpu",
                 {**VIRT, "cpus": cpus, "extra": ["-machine", "dtb-randomness=off", "-icount",
                                                  f"shift={shift},sleep=off", "-seed", str(cpus)]},
                 append=f"init=vm-hostile pager=100 arg={rounds} seed={cpus}", build="debug", label=label,
                 seconds=seconds,
                 expect=(r"^vm-hostile: all checks passed$", ended("vm-hostile"), all_ended()))
        for rounds, cpus, shift, label, seconds in ((3, 1, 4, EVERYDAY, 30), (3, 4, 5, EVERYDAY, 30),
                                                    (15, 1, 4, CI, 120), (15, 4, 5, CI, 120), (50, 1, 4, LONG, 400), (50, 4, 5, LONG, 400))
    ]


def passes(name, cpus=1, about="", **more):
    """A program that checks itself."""
    machine = {**VIRT, "cpus": cpus, **more.pop("machine", {})}
    suffix = f"-{cpus}cpu" if cpus != 1 else ""
    return Scenario(f"{name}{suffix}", machine, append=f"init={name} seed=1", about=about, build="debug",
                    expect=(rf"^{name}: all checks passed$", ended(name), all_ended()), **more)


def crash(name, announced, report, **more):
    """It crashes, the report names the address, its task ends, and another program is not disturbed."""
    name = f"crash-{name}"
    return Scenario(
        name, {**VIRT, "cpus": more.pop("cpus", 1)}, append=f"init={name},hello", allow=CRASH,
        anywhere=(*HELLO, all_ended(139)), build="debug",
        expect=(announced, rf"^wharf: {name} crashed: {report}", ended(name, 139)), **more)


def address_crash(name, verb, what, **more):
    return crash(name, f"^crash: will {verb} {ADDRESS}$", rf".*{what}.*\b(0x)?0*<address>\b", **more)


def crashes():
    return [
        address_crash("null", "read", "read"),
        address_crash("write-rodata", "write", "write"),
        address_crash("exec-data", "execute", "execut"),
        address_crash("kernel-address", "read", "read"),
        crash("stack-overflow", r"^crash: stack near 0x(?P<stack>[0-9a-f]+)[0-9a-f]{5}$",
              r".*write.*\b(0x)?0*<stack>"),
        address_crash("thread", "write", "write", cpus=2),
        address_crash("undef", "execute", "instruction"),
        address_crash("privileged", "execute", "instruction"),
        address_crash("brk", "execute", "breakpoint"),
        crash("unaligned-pc", "^crash: will execute", ".*align"),
    ]


def several():
    statuses = (r"^hello: this is hello with 1 arguments$", ended("hello"),
                ended("exit-status", 7), all_ended(7))
    return [
        Scenario("exit-status", VIRT, append="init=exit-status arg=7", allow=STATUS,
                 expect=(ended("exit-status", 7), all_ended(7))),
        Scenario("many", {**VIRT, "cpus": 2}, append="init=exit-status,hello,smp arg=7",
                 allow=STATUS, anywhere=(*statuses, ended("smp"))),
        Scenario("same-twice", {**VIRT, "cpus": 2}, append="init=hello,hello",
                 expect=(HELLO[1], HELLO[1], all_ended())),
        Scenario("no-such-program", VIRT, append="init=nobody,hello",
                 anywhere=(r"wharf: .*nobody", *HELLO), allow=STATUS),
        Scenario("crash-and-smp", {**VIRT, "cpus": 4}, append="init=smp,crash-null", allow=CRASH,
                 anywhere=("^smp: all checks passed$", ended("crash-null", 139), all_ended())),
    ]


def c_library():
    """The C library's own order of things at a program's end, behind its checks."""
    lines = ("all checks passed", "atexit, registered last", "atexit, registered first", "destructor, first",
             "destructor, last", "text from a buffer")
    expect = (*(f"^clib: {line}$" for line in lines), ended("clib", 42), all_ended(42))
    return [Scenario(f"clib-{cpus}cpu", {**VIRT, "cpus": cpus}, append="init=clib seed=1", build=build,
                     allow=STATUS, expect=expect)
            for cpus, build in ((1, "debug"), (4, "release"))]


def ends():
    """What the kernel does when the programs have ended."""
    twice = ended("hello"), r"^hello: this is hello", ended("hello")
    previous = (HELLO[0], r"log: previous run: .*all programs have ended, status 0", HELLO[0])
    return [
        Scenario("end-poweroff", VIRT, append="init=hello end=poweroff", expect=(all_ended(),)),
        Scenario("end-reboot", VIRT, append="init=hello end=reboot", expect=twice),
        Scenario("end-halt", VIRT, append="init=hello end=halt", expect=(all_ended(),), label=CI),
        Scenario("log-kept", VIRT, append="init=hello end=reboot", expect=previous),
        Scenario("log-kept-uboot", {**VIRT, "boot": "uboot"}, "scr", append="init=hello end=reboot",
                 expect=previous, label=CI, seconds=12),
        Scenario("log-kept-raspi4b", {"board": "raspi4b"}, append="init=hello end=reboot",
                 expect=previous, seconds=12),
    ]


def fatal(name, reason, *frames, **more):
    """The kernel itself ends, on purpose: reason, registers, symbolised frames, trace events."""
    chain = tuple(rf"#\d+ +0x[0-9a-f]+ {frame}\+0x" for frame in (*frames, "ktest_fatal", "primary_entry"))
    return Scenario(f"fatal-{name}", {**VIRT, "cpus": 2}, append=f"init=hello test=fatal-{name}", build="debug",
                    allow=(r"^PANIC",), anywhere=(r"panic: cpu \d, Cortex-A72 .*, build [0-9a-f]{40}$",
                                                  r"trace: .*boot\.stage"),
                    expect=(rf"^PANIC: {reason}", r" x19 [0-9a-f]{16} ", *chain, r"trace: .* panic \(1\)"), **more)


def fatals():
    fault = "fault in the kernel at 0x[0-9a-f]+"
    return [
        fatal("assert", r"assertion failed: two == 3 \(fatal\.c:\d+\)", "fatal_assert"),
        fatal("text", rf"{fault} \(fatal_text\+0x", "fatal_text"),
        fatal("data", rf"{fault} \(\?\+0\)"),
        Scenario("fatal-canary", VIRT, append="init=hello test=fatal-canary", build="debug",
                 allow=(r"^PANIC",), expect=(r"^PANIC: a function has written beyond an array on its stack",
                                             r"__stack_chk_fail\+", r"fatal_canary\+")),
        Scenario("fatal-stack", {**VIRT, "cpus": 2}, append="init=hello test=fatal-stack", build="debug",
                 allow=(r"^PANIC",), expect=(rf"^PANIC: {fault} \(deeper\+", "deeper", "fatal_stack")),
    ]


def all_scenarios():
    return [
        Scenario("hello", VIRT, append="init=hello", expect=(*HELLO, all_ended())),
        passes("smp", 1), passes("smp", 4), passes("smp", 8, label=CI, seconds=15),
        passes("locks", 1), passes("locks", 2), passes("locks", 4, label=CI, seconds=40),
        passes("preempt", 1), passes("preempt", 4),
        passes("exceptions", 1), passes("exceptions", 4),
        passes("badtraps", 1), passes("badtraps", 2, label=CI),
        passes("trace-stream", 1, seconds=10), passes("trace-stream", 4, seconds=10),
        passes("races", 1, machine={"mem": "128M"}, seconds=10),
        passes("races", 2, machine={"mem": "128M"}, seconds=20, label=CI),
        passes("bomb-threads", 2, seconds=10),
        passes("bomb-memory", 1, machine={"mem": "64M"}, seconds=10),
        passes("bomb-memory", 2, machine={"mem": "1G"}, seconds=20, label=CI),
        *pagers(), *swap(), *reclaim(), *hostile_pagers(), *c_library(), *crashes(), *several(), *ends(), *fatals(),
    ]
