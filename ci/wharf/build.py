# SPDX-License-Identifier: BSD-2-Clause
"""Configuring and building a preset; what it needs is installed and fetched first."""

import hashlib
import json

from . import deps, newlib, packages, steps
from .boards import ROOT

TARGET_PRESETS = ("release", "debug", "release-slow", "clang-release", "clang-debug")
HOST_PRESETS = ("host", "host-tsan", "host-clang")


def tree(preset):
    return ROOT / "build" / preset


def presets():
    table = json.loads((ROOT / "CMakePresets.json").read_text())
    return [p["name"] for p in table["configurePresets"] if not p.get("hidden")]


def prepare(preset):
    """Set-up for one preset."""
    purposes = ["build"]
    if preset in HOST_PRESETS:
        purposes.append("host")
    if "clang" in preset:
        purposes.append("clang")
    packages.ensure(*purposes)
    deps.ensure("libfdt", "lz4", "e2fsprogs", *(["dtbs"] if preset in HOST_PRESETS else []))
    if preset in TARGET_PRESETS:
        newlib.ensure()


def build(preset, targets=()):
    """Brings build/PRESET up to date. The second time this is one call of ninja, nothing else."""
    prepare(preset)
    stamp = tree(preset) / ".configured"
    inputs = _inputs()
    if not stamp.is_file() or stamp.read_text() != inputs or not (tree(preset) / "build.ninja").is_file():
        steps.long(f"configuring {preset}", ["cmake", "--preset", preset],
                   "read the CMake error above.", log=f"configure-{preset}")
        if not steps.Settings.dry:
            stamp.write_text(inputs)
    argv = ["cmake", "--build", "--preset", preset]
    if targets:
        argv += ["--target", *targets]
    steps.long(f"building {preset}", argv, "read the first error above.", log=f"build-{preset}")


def _inputs():
    """What ninja does not watch: a change of these configures again."""
    digest = hashlib.sha256()
    for path in [ROOT / "CMakePresets.json", *sorted((ROOT / "ci" / "toolchain").glob("*.cmake"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
