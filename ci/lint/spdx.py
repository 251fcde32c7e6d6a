# SPDX-License-Identifier: BSD-2-Clause
"""Every source file says its licence in its first three lines."""

ABOUT = "SPDX line present"
SUFFIXES = (".c", ".h", ".S", ".s", ".py", ".sh", ".cmake", ".def", ".dts", ".dtso", ".dtsi", ".ld", ".ld.in")
NAMES = ("CMakeLists.txt", "wharf", ".ci/run")


def check(root, files):
    for name in files:
        if name.endswith(SUFFIXES) or name.rsplit("/", 1)[-1] == "CMakeLists.txt" or name in NAMES:
            head = (root / name).read_text(errors="replace").splitlines()[:3]
            if not any("SPDX-License-Identifier: BSD-2-Clause" in line for line in head):
                yield name, 1, "no SPDX-License-Identifier: BSD-2-Clause in the first three lines"
