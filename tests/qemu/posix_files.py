# SPDX-License-Identifier: BSD-2-Clause
"""POSIX's functions of files (libsys/posix): with the servers of the system, against one that misbehaves, and with random arguments."""

from programs import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, ended


def bad_server(cpus, build, label):
    return Scenario(f"posix-bad-server-{cpus}cpu", {**VIRT, "cpus": cpus}, append="init=posix-bad-server", build=build, label=label,
                    seconds=10,
                    expect=(r"^posix-bad-server: all checks passed$", ended("posix-bad-server"), all_ended()))


def all_scenarios():
    return [bad_server(1, "debug", EVERYDAY), bad_server(4, "release", CI)]
