# SPDX-License-Identifier: BSD-2-Clause
"""The boot matrix: every board boots every way, runs the kernel's self-tests, then self-check.

Everyday: a set of rows in which every pair of values of any two factors occurs, filled up with as
many triples as it can hold (greedy, the same every time). In long runs: every row that selected() takes;
in CI those of release builds, and of debug builds those that in_ci() takes.

    python3 tests/qemu/matrix.py        prints the rows and how many there are
"""

from itertools import combinations, product

import initrds
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, ended

FACTORS = {
    "gic": (2, 3),
    "el": (1, 2),
    "cpus": (1, 2, 4, 8),
    "mem": ("64M", "128M", "1G", "8G"),
    "cpu": ("cortex-a72", "max", "cortex-a53"),
    "boot": ("direct", "scr", "extlinux"),
    "build": ("release", "debug"),
}

EVERYDAY_ROWS = 24

SELF_TESTS = "test=all init=self-check seed=1"
BOOT_EXPECT = (
    r"^ktest: [1-9]\d* passed, 0 failed$",
    r"^self-check: hello from user level",
    r"^self-check: (?P<cpus>\d+) CPUs, ",
    r"^self-check: all checks passed$",
    ended("self-check"),
    all_ended(),
)


def possible(row):
    """U-Boot's default addresses lie behind the end of 64 MiB; only a script sets its own."""
    return not (row["boot"] == "extlinux" and row["mem"] == "64M")


def rows():
    for values in product(*FACTORS.values()):
        row = dict(zip(FACTORS, values))
        if possible(row):
            yield row


def selected(row):
    """The rows that are run at all. Sizes and processors change what the kernel computes, not the ways to
    boot, so those are not multiplied with everything."""
    cpus, mem, cpu = row["cpus"], row["mem"], row["cpu"]
    if mem == "8G" and cpus not in (1, 8):
        return False
    if row["boot"] == "direct" and cpu == "cortex-a72":
        return True
    if row["boot"] == "direct":
        return cpus in (1, 4) and mem == ("1G" if cpu == "max" else "128M")
    if cpu != "cortex-a72":
        return False
    if row["boot"] == "scr":
        return (cpus, mem) in ((1, "64M"), (4, "64M"), (4, "1G"), (8, "8G"))
    return (cpus, mem) in ((2, "128M"), (8, "1G"))


def in_ci(row):
    """Of those, the ones that CI runs. A debug build computes the same and checks it, which takes five times as
    long: every number of CPUs, way to boot, interrupt controller and level of entry, each with one size of memory."""
    if row["build"] == "release":
        return True
    sizes = {"direct": ((1, "64M"), (2, "1G"), (4, "64M"), (8, "1G")), "scr": ((4, "64M"),), "extlinux": ((2, "128M"),)}
    return row["cpu"] == "cortex-a72" and (row["cpus"], row["mem"]) in sizes[row["boot"]]


def groups(row, size):
    return set(combinations(row.items(), size))


def everyday_rows(candidates):
    """Every pair of values that any candidate has, then as many new triples as EVERYDAY_ROWS hold."""
    chosen = []
    for size, most in ((2, len(candidates)), (3, EVERYDAY_ROWS)):
        left = [(row, groups(row, size)) for row in candidates]
        missing = set().union(*(found for _, found in left))
        for row in chosen:
            missing -= groups(row, size)
        while missing and len(chosen) < most:
            row, found = max(left, key=lambda c: len(c[1] & missing))   # the first of the best
            chosen.append(row)
            missing -= found
    return chosen


def row_name(row):
    return (f"boot-virt-{row['boot']}-gic{row['gic']}-el{row['el']}-{row['cpus']}cpu-"
            f"{row['mem']}-{row['cpu'].removeprefix('cortex-')}")


def row_scenario(row, label):
    machine = {"board": "virt", "gic": row["gic"], "el2": row["el"] == 2, "cpus": row["cpus"],
               "mem": row["mem"], "cpu": row["cpu"]}
    medium = None if row["boot"] == "direct" else row["boot"]
    if medium:
        machine["boot"] = "uboot"
    expect = list(BOOT_EXPECT)
    expect[2] = rf"^self-check: {row['cpus']} CPUs, "
    return Scenario(row_name(row), machine, medium, SELF_TESTS, tuple(expect), build=row["build"],
                    label=label)


def virt(build):
    """Scenarios of one build type. A row that CI adds is no everyday row already."""
    everyday = everyday_rows(list(rows()))
    result = [row_scenario(row, EVERYDAY) for row in everyday if row["build"] == build]
    return result + [row_scenario(row, CI if in_ci(row) else LONG) for row in rows()
                     if row["build"] == build and selected(row) and row not in everyday]


def raspi4b():
    """Through U-Boot with an initrd of one program: it reads a card word by word, and would do so for half a minute."""
    def one(name, label, machine, medium=None, build="release", cpus=4):
        expect = list(BOOT_EXPECT)
        expect[2] = rf"^self-check: {cpus} CPUs, "
        return Scenario(name, {"board": "raspi4b", **machine}, medium, SELF_TESTS, tuple(expect),
                        build=build, label=label, seconds=8, initrd=initrds.of("self-check") if medium else None)

    return [
        one("boot-raspi4b", EVERYDAY, {}),
        one("boot-raspi4b-64M", EVERYDAY, {"mem": "64M"}, build="debug"),
        one("boot-raspi4b-1cpu", EVERYDAY, {"cpus": 1}, cpus=1),
        one("boot-raspi4b-2cpu-64M", CI, {"cpus": 2, "mem": "64M"}, cpus=2),
        one("boot-raspi4b-3cpu-1G", CI, {"cpus": 3, "mem": "1G"}, cpus=3),
        one("boot-raspi4b-scr", CI, {"boot": "uboot"}, "scr"),
        one("boot-raspi4b-extlinux", CI, {"boot": "uboot"}, "extlinux"),
    ]


if __name__ == "__main__":
    small = everyday_rows(list(rows()))
    for line in small:
        print(*line.values())
    print(len(small), "everyday of", sum(1 for _ in rows()), "possible;",
          sum(1 for r in rows() if selected(r)), "selected,",
          sum(1 for r in rows() if selected(r) and in_ci(r)), "of them for CI")
