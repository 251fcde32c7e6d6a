# SPDX-License-Identifier: BSD-2-Clause
"""POSIX's functions of files (libsys/posix): with the servers of the system, against one that misbehaves, and with random arguments."""

from programs import VIRT
from scenario import CI, EVERYDAY, LONG, Scenario, all_ended, ended


def bad_server(cpus, build, label):
    return Scenario(f"posix-bad-server-{cpus}cpu", {**VIRT, "cpus": cpus}, append="init=posix-bad-server", build=build, label=label,
                    seconds=10,
                    expect=(r"^posix-bad-server: all checks passed$", ended("posix-bad-server"), all_ended()))


def files(cpus, build, label):
    return Scenario(f"posix-files-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=posix-files.conf", build=build, label=label,
                    seconds=60,
                    expect=(r"^posix-files: all checks passed$", ended("bootstrap"), all_ended()))


def fuzz(cpus, build, label, calls, name=""):
    """The program ends with as many descriptors as it began with, and the system with nothing of it."""
    return Scenario(f"posix-fuzz-{cpus}cpu{name}", {**VIRT, "cpus": cpus}, append=f"arg=system=posix-fuzz.conf arg=seed={cpus} arg=calls={calls}",
                    build=build, label=label, seconds=60,
                    expect=(r"^posix-fuzz: all checks passed$", ended("bootstrap"), all_ended()))


def fuzz_processes(cpus, build, label, rounds, name=""):
    """What becomes of the bad children is their own affair; the log tells of those that crash."""
    return Scenario(f"posix-fuzz-process-{cpus}cpu{name}", {**VIRT, "cpus": cpus},
                    append=f"arg=system=posix-fuzz-process.conf arg=seed={cpus} arg=rounds={rounds}", build=build, label=label, seconds=60,
                    expect=(r"^posix-fuzz-process: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [bad_server(1, "debug", EVERYDAY), bad_server(4, "release", CI), files(1, "debug", EVERYDAY), files(4, "release", CI),
            fuzz(1, "debug", EVERYDAY, 20000), fuzz(4, "release", CI, 30000), fuzz(4, "release", LONG, 100000, "-long"),
            fuzz_processes(1, "debug", EVERYDAY, 3), fuzz_processes(4, "release", CI, 4), fuzz_processes(4, "release", LONG, 10, "-long")]
