# SPDX-License-Identifier: BSD-2-Clause
"""The file servers by their interface (apps/tests/files-*.c), on one CPU and on two."""

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASSED = r"^files-test: all checks passed$"


def all_scenarios():
    return [Scenario(f"files-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=files.conf", seconds=20,
                     expect=(PASSED, ended("bootstrap"), all_ended())) for cpus in (1, 2)]
