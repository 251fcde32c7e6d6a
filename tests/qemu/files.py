# SPDX-License-Identifier: BSD-2-Clause
"""The file servers by their interface (apps/tests/files-*.c), on one CPU and on two; and one that is killed again and again."""

from ipc import VIRT
from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended

PASSED = r"^files-test: all checks passed$"


def lasting_kills(count, seed, cpus=1, label=EVERYDAY, seconds=40, build="release"):
    """Under counted instructions: the same seed kills at the same instructions."""
    return Scenario(f"lasting-kills-{count}-seed{seed}-{cpus}cpu", {**VIRT, "cpus": cpus, "extra": counted(seed, 5)}, build=build,
                    append=f"arg=system=lasting-kills.conf arg=kills={count} arg=seed={seed}", label=label, seconds=seconds,
                    anywhere=(r"^kills: all checks passed$",),
                    expect=(r"^lasting-load: all checks passed$", ended("bootstrap"), all_ended()))


def all_scenarios():
    keeper = [Scenario(f"keeper-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=keeper.conf", seconds=20,
                       expect=(r"^keeper-test: all checks passed$", ended("bootstrap"), all_ended())) for cpus in (1, 2)]
    lasting = [lasting_kills(200, 1), lasting_kills(200, 2, cpus=4), lasting_kills(200, 3, build="debug", label=CI, seconds=120)]
    return keeper + lasting + [Scenario(f"files-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=files.conf", seconds=20,
                     expect=(PASSED, ended("bootstrap"), all_ended())) for cpus in (1, 2)]
