# SPDX-License-Identifier: BSD-2-Clause
"""What a scenario is: a machine, what to boot on it, and what its console must say.

Patterns are regular expressions, searched in one line of the console. A named group keeps its text:
(?P<address>0x[0-9a-f]+) in one pattern is <address> in a later one.
"""

from dataclasses import dataclass, field

# No scenario may print these, unless it lists them in `allow`.
FORBIDDEN = (
    r"^PANIC",
    r"FAILED",
    r"^wharf: cannot boot: ",
    r"^wharf: \S+ crashed: ",
    r"^wharf: \S+ ended with status (?!0$)",
    r"^wharf: leak: ",
)

EVERYDAY, CI, LONG = "everyday", "ci", "long"
DIRECT_SECONDS, UBOOT_SECONDS = 3, 6     # what a run usually takes at most
HANG_FACTOR = 10                         # so many times longer is a hang
OTHER_BUILD_SECONDS = 25                 # what usually takes longer, and is for CI, CI runs in its own build only


@dataclass
class Scenario:
    name: str
    machine: dict = field(default_factory=dict)   # of wharf.qemu.Machine
    medium: str | None = None       # a card to boot from, what U-Boot finds on it: scr or extlinux. It is the first disk
    append: str = ""                # kernel arguments
    expect: tuple = ()              # patterns, in this order; the run ends on the last
    anywhere: tuple = ()            # patterns that must have matched when it ends; one that is there twice, two lines. The log's lines where a terminal shows
                                    # what programs print, too: neither waits for the other
    echo: bool = False              # the board's next serial line sends back what it gets
    debugger: bool = False          # gdb can be attached (Attendant.gdb), and to what the board's next serial line leads to (Attendant.gdb_on_line)
    allow: tuple = ()               # of FORBIDDEN
    tree: object = None             # function(bytes) -> bytes: start with this device tree instead
    initrd: object = None           # function(build directory) -> bytes: this initrd instead
    root: object = None             # {path: content}, or a function that makes it: the medium is a card that a system lives on (wharf.system), and these files are on its root, too
    tree_at: int | None = None      # where to put it, if not at the usual place; 0: x0 = 0
    silent_for: float = 0           # nothing to expect: the run ends after so many seconds
    faults: int = 0                 # exceptions that a silent run may take
    build: str = "release"          # its own build; the other one runs it in CI, or, what is for CI and takes long, in long runs
    only: bool = False              # no other build runs it
    label: str = EVERYDAY
    seconds: float = 0              # usual duration, if not the usual one
    about: str = ""
    image: str | None = None        # the board that the medium is made for, if not the machine's own
    disk: object = None             # a cards.Card, or several: what is attached
    before: object = None           # function(Attendant): done before the machine's first instruction
    when: tuple = ()                # (pattern, function(Attendant)): done when this line has come, in this order
    check: object = None            # function(Attendant) after the run: looks at the cards, raises console.Failed

    def labels(self, build, compiler):
        """Labels in a tree of this build type and compiler; () if it is not run there."""
        if self.only and self.build != build:
            return ()
        if self.label == EVERYDAY and (self.build != build or compiler != "gcc"):
            return (CI,)
        if self.label == CI and self.build != build and self.usual() > OTHER_BUILD_SECONDS:
            return (LONG,)
        return (self.label,)

    def usual(self):
        if self.seconds:
            return self.seconds
        return UBOOT_SECONDS if self.machine.get("boot") == "uboot" else DIRECT_SECONDS

    def time_limit(self):
        return self.usual() * HANG_FACTOR

    def forbidden(self):
        return [pattern for pattern in FORBIDDEN if pattern not in self.allow]


def counted(seed, shift, sleep="off", board="virt"):
    """QEMU's options for time that instructions make, and CPUs that take turns: the same run each time, with SD cards
    too; a virtio disk answers when the host has done its part, which differs. With sleep=on waiting takes as long as it
    says; with off the clock jumps, and a disk takes no time."""
    own = ["-machine", "dtb-randomness=off"] if board == "virt" else []     # the others take their tree from a file
    return [*own, "-icount", f"shift={shift},sleep={sleep}", "-seed", str(seed),
            "-rtc", "clock=vm,base=2026-01-01"]


def ended(name, status=0):
    return rf"^wharf: {name} ended with status {status}$"


def all_ended(status=0):
    return rf"^wharf: all programs have ended, status {status}$"
