#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the device manager makes of trees, compared with what it is known to make of them.

    golden.py [--update] --explain DT-EXPLAIN --dtc DTC --source TOP --overlays DIR [--dtbs DIR] [NAME...]

Each case is a tree and the arguments of dt-explain (tools/dt-explain); golden/NAME.txt has its output. --update writes it anew: read the difference before
it is committed.
"""

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A virtio block device in the last slot and a source of random numbers in the one before.
SLOTS = [f"--register=0x{address:x}={value}" for address, value in
         ((0xA003E00, 0x74726976), (0xA003E08, 2), (0xA003C00, 0x74726976), (0xA003C08, 4), (0xA003A00, 0x74726976))]
TESTS = ["--overlays=none", f"--manifests={HERE / 'manifests'}"]
CRAFTED = ("addresses", "dma", "interrupts", "names", "pages", "pci", "providers")
VIRT = ("virt-gic2", "virt-gic3-low", "virt-secure", "virt-smmu")


def cases(dtbs):
    """name -> (tree, arguments)"""
    devices = "dts/tests/devices"
    found = {name: (f"{devices}/{name}.dts", TESTS) for name in CRAFTED}
    found["names-recipes"] = (f"{devices}/names.dts", [*TESTS, "--recipes"])
    for name in VIRT:
        found[name] = (f"{devices}/{name}.dts", ["--devices", *SLOTS])
    found["virt-recipes"] = (f"{devices}/virt-gic2.dts", ["--recipes", *SLOTS])
    found["virt-unprobed"] = (f"{devices}/virt-gic2.dts", ["--devices", "--overlays=none"])
    found["pi4-like"] = ("dts/tests/pi4-like.dts", ["--devices"])
    if dtbs:
        found["rpi4"] = (dtbs / "broadcom/bcm2711-rpi-4-b.dtb", ["--devices"])
        found["rpi4-bare"] = (dtbs / "broadcom/bcm2711-rpi-4-b.dtb", ["--devices", "--overlays=none"])
        found["rpi4-recipes"] = (dtbs / "broadcom/bcm2711-rpi-4-b.dtb", ["--recipes"])
        found["rk3399"] = (dtbs / "rockchip/rk3399-rockpro64.dtb", ["--devices"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for option in ("explain", "dtc", "source", "overlays"):
        parser.add_argument(f"--{option}", required=True, type=Path)
    parser.add_argument("--dtbs", type=Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known = cases(options.dtbs)
    status = 0
    for name in options.names or known:
        status |= compare(name, run(*known[name], options), options.update)
    sys.exit(status)


def run(tree, arguments, options):
    path = options.source / tree
    with tempfile.TemporaryDirectory(prefix="golden-") as directory:
        if path.suffix == ".dts":
            blob = Path(directory) / "tree.dtb"
            subprocess.run([options.dtc, "-q", "-I", "dts", "-O", "dtb", "-o", blob, path], check=True)
            path = blob
        words = [word for argument in arguments for word in argument.split("=", 1)]
        result = subprocess.run([options.explain, "--overlays", options.overlays, *words, path], capture_output=True, text=True, check=False)
    return f"{result.stdout}{result.stderr.replace(str(path), 'TREE')}status {result.returncode}\n"


def compare(name, text, update):
    file = HERE / "golden" / f"{name}.txt"
    if update:
        file.write_text(text)
        return 0
    golden = file.read_text() if file.exists() else ""
    if golden == text:
        return 0
    sys.stdout.writelines(difflib.unified_diff(golden.splitlines(True), text.splitlines(True), str(file), "now"))
    return 1


if __name__ == "__main__":
    main()
