# SPDX-License-Identifier: BSD-2-Clause
"""Who may include whom. The rules are rows: folder, headers allowed in <>, the sentence."""

import re

ABOUT = "layers: includes go down only"
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
FREE = r"std(int|def|bool|atomic|align|arg|noreturn)\.h|limits\.h"
RULES = [
    ("kernel/device/", rf"(kern|arch|wharf)/.*|(lib)?fdt\.h|{FREE}"),
    ("kernel/", rf"(kern|arch|wharf)/.*|{FREE}"),
    ("interfaces/", rf"wharf/.*|{FREE}"),
    ("arch/include/", rf"(arch|kern|machine|wharf)/.*|{FREE}"),
    ("arch/aarch64/", rf"(arch|kern|machine|wharf)/.*|{FREE}|arm_acle\.h"),
]
# Programs see the ABI and the system library, never the kernel or the machine.
PROGRAMS = ("bootstrap/", "apps/", "bench/programs/", "drivers-srv/", "pager/", "process-srv/", "fs-srv/", "libsys/")
FORBIDDEN = re.compile(r"(kern|machine)/.*|arch/(?!user/).*")


def check(root, files):
    for name in files:
        if not name.endswith((".c", ".h", ".S", ".def")) or "/test/" in name or "/tests/" in name:
            continue
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                text = verdict(root, name, *match.groups())
                if text:
                    yield name, number, text


def verdict(root, name, mark, header):
    """What is wrong with an include, or None. In quotes: only headers of the same module."""
    if mark == '"':
        module = root.joinpath(*name.split("/")[:2])
        path = (root / name).parent.joinpath(header).resolve()
        local = path.is_file() and path.is_relative_to(module)
        ruled = any(name.startswith(prefix) for prefix, _ in RULES)
        return None if local or not ruled else f'"{header}" is not in this module; include <...> instead'
    for prefix, allowed in RULES:
        if name.startswith(prefix):
            return None if re.fullmatch(allowed, header) else f"{prefix} may not include <{header}>"
    if name.startswith(PROGRAMS) and FORBIDDEN.fullmatch(header):
        return f"a program may not include <{header}>"
    return None
