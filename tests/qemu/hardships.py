# SPDX-License-Identifier: BSD-2-Clause
"""Disks that fail, lie, stall and go away, and drivers that do: what their clients see of it (apps/tests/disk-*.c, apps/systems)."""

from cards import Card, Error
from disks import NAMES, PI
from nbd import Fault
from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended
from wharf import card

DATA = 64 << 20 >> 9        # the first block of the second partition
ENDED = (ended("bootstrap"), all_ended())
TROUBLE = r"^disk-trouble: all checks passed$"
LOAD = (r"^disk-load: block\.\S+, seed \d+: .* 0 wrong, ", r"^disk-load: all checks passed$", *ENDED)


def trouble(name, where, words, machine=None, label=CI, seconds=10, anywhere=(), cpus=2, **disk):
    """`words` are those of disk-trouble; who works beside it sees nothing of that, but where `words` say any=1."""
    append = f"init=bootstrap arg=system=disk-trouble.conf arg=disk=block.{NAMES[where][0]} arg=trouble={words}"
    return Scenario(f"disk-trouble-{name}", machine or {**VIRT, "cpus": cpus}, disk=Card(where, **disk), append=append, label=label,
                    seconds=seconds, anywhere=(TROUBLE, *anywhere), expect=LOAD)


def errors():
    """Blocks that cannot be read, or written, for good or once; what is not them can."""
    def at(io, once=False, block=100):
        return (Error(io, sector=DATA + block, once=once),)

    return [
        trouble("read", "virtio", "bad=100:1,io=read,least=4", label=EVERYDAY, errors=at("read")),
        trouble("write", "virtio", "bad=100:1,io=write,least=4", errors=at("write")),
        trouble("legacy", "virtio-legacy", "bad=100:1,io=read,least=4", errors=at("read"), cpus=1),
        trouble("once", "virtio", "most=0", errors=(*at("read", True), *at("write", True, 200), *at("read", True, 300))),
    ]


def flips():
    """Bits of what is read are not those that were written: clients know by their checksums, drivers cannot."""
    def often():
        return [Fault("flip", first=3 + 7 * i, bit=1000 + 13 * i, sectors=range(DATA, DATA + 256)) for i in range(20)]

    return [
        trouble("flips-sd", "sd", "flips=1,least=5", label=EVERYDAY, faults=often()),
        trouble("flips-virtio", "virtio", "flips=1,least=5", faults=often()),
        trouble("flips-raspi4b", "emmc2", "flips=1,least=5", machine=PI, seconds=40, faults=often()),
    ]


def stalls():
    """Answers that come late are answers; where none comes the device is reset, and asked again; where nobody answers any more, that is
    told, as long as it is so."""
    late = [Fault("stall", first=20 + 30 * i, seconds=0.3, sectors=range(DATA, DATA + 256)) for i in range(5)]
    hung = [Fault("stall", first=40, seconds=36, sectors=range(DATA, DATA + 256))]
    gone = [Fault("disconnect", first=100)]
    return [
        trouble("late", "virtio", "most=0", label=EVERYDAY, faults=late),
        trouble("late-write", "virtio", "most=0", faults=[Fault("stall", "write", first=10, times=3, seconds=1)]),
        trouble("late-sd", "sd", "most=0", faults=late, seconds=20),
        # Half a minute, while others are answered: less than the driver's limit for one request, after which it resets.
        trouble("late-long", "virtio", "most=0", faults=hung, seconds=60),
        # Everybody is told of that, so it is not for who expects no errors.
        Scenario("disk-trouble-gone", {**VIRT, "cpus": 2}, disk=Card("virtio", faults=gone), label=CI, seconds=10, allow=("FAILED",),
                 append="init=bootstrap arg=system=disk-trouble.conf arg=disk=block.vd0 arg=trouble=any=1 arg=until=disk-trouble",
                 expect=(TROUBLE, *ENDED)),
        trouble("errors-served", "virtio", "any=1,least=3,most=60", faults=[Fault("error", io, first=20, times=30, sectors=range(DATA, DATA + 256)) for io in ("read", "write")]),
        trouble("flush", "virtio", "most=0", faults=[Fault("stall", "flush", seconds=2)]),
    ]


def removals():
    """The card goes away and comes back."""
    def out_and_in(rounds):
        return tuple(pair for number in range(1, rounds + 1)
                     for pair in ((rf"^disk-removal: round {number}: take it out$", lambda attendant: attendant.eject()),
                                  (rf"^disk-removal: round {number}: put it in$", lambda attendant: attendant.insert())))

    def removal(name, where, label=CI, machine=None, seconds=15, rounds=2, before=None, first=(), words=""):
        append = f"init=bootstrap arg=system=disk-removal.conf arg=disk=block.{NAMES[where][0]} arg=rounds={rounds}{words}"
        return Scenario(f"disk-removal-{name}", machine or {**VIRT, "cpus": 2}, disk=Card(where), label=label, seconds=seconds,
                        append=append, before=before, when=(*first, *out_and_in(rounds)),
                        expect=(r"^disk-removal: all checks passed$", *ENDED))

    absent = {"before": lambda attendant: attendant.eject(), "first": ((r"^disk-removal: round 0: put it in$", lambda attendant: attendant.insert()),),
              "rounds": 1, "words": " arg=absent=1"}
    return [removal("sd", "sd", EVERYDAY), removal("raspi4b", "emmc2", machine=PI, seconds=40), removal("absent", "sd", **absent),
            removal("absent-raspi4b", "emmc2", machine=PI, seconds=40, **absent)]


def tables():
    """Tables that say what cannot be: the log says so, what can be believed is there, and the whole device works in any case."""
    def mbr(*rows):
        def fill(handle, _):
            body = b"".join(card.MBR_ENTRY.pack(0, b"\0\0\0", kind, b"\0\0\0", start, count) for kind, start, count in rows)
            handle.seek(446)
            handle.write(body.ljust(64, b"\0") + b"\x55\xaa")
        return fill

    def noise(*places):
        def fill(handle, _):
            for block in places:
                handle.seek(block * card.SECTOR)
                handle.write(b"\xa5" * 64)
        return fill

    def loop(handle, partitions):
        """The first block of the extended partition names itself as the next."""
        mbr((0x83, 2048, 2048), (5, 8192, 8192))(handle, partitions)
        handle.seek(8192 * card.SECTOR + 446)
        handle.write(card.MBR_ENTRY.pack(0, b"\0\0\0", 0x83, b"\0\0\0", 64, 128)
                     + card.MBR_ENTRY.pack(0, b"\0\0\0", 5, b"\0\0\0", 0, 8192) + bytes(32) + b"\x55\xaa")

    blocks = (128 << 20) // card.SECTOR
    cases = (("beyond", "mbr", mbr((0x83, 2048, 2048), (0x83, 8192, 0xffffffff)), r"\d+ partitions: a partition goes beyond the end"),
             ("overlap", "mbr", mbr((0x83, 2048, 4096), (0x82, 4096, 4096)), r"\d+ partitions: a partition overlaps another one"),
             ("loop", "mbr", loop, r"\d+ partitions: the chain of logical partitions (does not end|leads )"),
             ("none", None, noise(0, 1, blocks - 1), r"0 partitions"),
             ("gpt-first", "gpt", noise(1), r"4 partitions: the GPT has no header: its backup is used"),
             ("gpt-entries", "gpt", noise(2), r"4 partitions: the GPT has entries with a wrong checksum: its backup is used"),
             ("gpt-both", "gpt", noise(1, blocks - 1), r"\d+ partitions: the GPT has no header, and its backup does not hold either"))
    return [Scenario(f"disk-tables-{name}", {**VIRT, "cpus": 1}, disk=Card("virtio", table=table, fill=fill),
                     append="init=bootstrap arg=system=disk-load.conf arg=operations=50 arg=disk=block.vd0", expect=LOAD,
                     anywhere=(rf"^vd0: {blocks} blocks of 512 bytes, {said}",), label=EVERYDAY if name == "gpt-first" else CI)
            for name, table, fill, said in cases]


FAULTS = ("spins", "waits for ever", "ends", "leaks memory", "leaks ports", "scribbles over its memory", "scribbles over the rings", "lies",
          "never acknowledges", "floods its clients")


def bad_drivers():
    """Drivers that do wrong (apps/tests/bad-drivers.c): a mask of those that are tried, from bit 1 on."""
    def bad(name, tried, label=CI, cpus=2, seconds=40, build="release"):
        mask = sum(2 << FAULTS.index(fault) for fault in tried)
        return Scenario(f"bad-drivers-{name}", {**VIRT, "cpus": cpus}, disk=Card("virtio"), label=label, seconds=seconds, build=build,
                        append=f"init=bootstrap arg=system=bad-drivers.conf arg=faults={mask:#x}",
                        allow=(r"^wharf: \S+ crashed: ",),
                        anywhere=(*(rf"^bad-drivers: a driver that {fault}: \d+ restarts, " for fault in tried),
                                  r"^bad-drivers: all checks passed$"), expect=LOAD)

    return [bad("few", ("spins", "scribbles over its memory", "scribbles over the rings"), EVERYDAY, seconds=15),
            bad("all", FAULTS), bad("all-1cpu", FAULTS, cpus=1), bad("all-4cpu", FAULTS, cpus=4, build="debug")]


def hogs():
    """Drivers are killed while a program has all memory, and takes what becomes free."""
    def hog(name, where, count, label=CI, machine=None, seconds=30, cpus=2):
        disk, also = NAMES[where]
        told = f"arg=disk=block.{disk} arg=victim={disk} arg=also={also or disk} arg=kills={count}"
        return Scenario(f"disk-hog-{name}", machine or {**VIRT, "cpus": cpus}, disk=Card(where), label=label, seconds=seconds,
                        append=f"init=bootstrap arg=system=disk-hog.conf {told}", expect=LOAD,
                        anywhere=(r"^memory-hog: \d+ pages taken", r"^kills: all checks passed$"))

    return [hog("sd", "sd", 15, EVERYDAY), hog("sd-1cpu", "sd", 60, cpus=1, seconds=60), hog("virtio", "virtio", 60, seconds=60),
            hog("raspi4b", "emmc2", 20, machine=PI, seconds=120)]


def all_scenarios():
    return [*errors(), *flips(), *stalls(), *removals(), *tables(), *bad_drivers(), *hogs()]
