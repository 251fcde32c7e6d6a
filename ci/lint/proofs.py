# SPDX-License-Identifier: BSD-2-Clause
"""The tests that docs/proofs.md names exist: scenarios by their names, others by what their names begin with."""

import fnmatch
import importlib.util
import re

ABOUT = "tests named in docs/proofs.md exist"
DOCUMENT = "docs/proofs.md"
TEST = re.compile(r"`([a-z_]+\.[a-z_0-9*-]+[a-z_0-9.*-]*)`")
FOLDER = "tests/qemu/"


def check(root, files):
    if DOCUMENT not in files:
        return
    scenarios = scenario_names(root)
    lists = "".join((root / name).read_text() for name in files if name.endswith("CMakeLists.txt"))
    for number, line in enumerate((root / DOCUMENT).read_text().splitlines(), 1):
        for name in TEST.findall(line):
            kind, rest = name.split(".", 1)
            if kind == "qemu":
                found = fnmatch.filter(scenarios, rest) or fnmatch.filter(scenarios, rest + "-*")
            else:
                found = re.search(rf"\b{kind}\.", lists)
            if not found:
                yield DOCUMENT, number, f"there is no test {name}"


def scenario_names(root):
    place = root / FOLDER / "run.py"
    spec = importlib.util.spec_from_file_location("wharf_scenarios", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name for kind in ("release", "debug") for name in module.scenarios(kind)}
