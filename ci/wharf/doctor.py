# SPDX-License-Identifier: BSD-2-Clause
"""./wharf doctor: what is installed, what is missing, and the command that mends it."""

import shlex

from . import deps, newlib, packages, sources, steps, uboot
from .boards import ROOT

VERSIONS = ["cmake", "ninja", "aarch64-linux-gnu-gcc", "gcc", "clang", "ld.lld", "qemu-system-aarch64",
            "gdb-multiarch", "clang-format", "clang-tidy", "cppcheck", "mkimage", "mcopy", "dtc"]


def add_arguments(sub):
    del sub


def main(options):
    del options
    system, codename = sources.release()
    print(f"{'system':<24} {system} {codename}"
          + ("" if system == "debian" else " (set-up is for Debian 12 or newer; packages are up to you)"))
    for command in VERSIONS:
        print(f"{command:<24} {_version(command)}")
    lacking = packages.missing(packages.NEEDS)
    for name, entry in deps.pins().items():
        state = "fetched" if deps.is_current(name, entry) else "fetched when first needed"
        print(f"build/deps/{name:<13} {state}: {entry['about']}")
    state = "built" if newlib.is_current() else "built when first needed"
    print(f"build/deps/{'newlib':<13} {state}: C library of programs, made from newlib-source")
    state = "built" if uboot.is_current() else "built when first needed"
    print(f"build/deps/{'u-boot-virt':<13} {state}: U-Boot that boots virt from SD cards, made from u-boot-source")
    for preset in sorted((ROOT / "build").glob("*/build.ninja")):
        print(f"build/{preset.parent.name:<18} configured")
    return _advice(lacking, codename)


def _version(command):
    path = packages.which(command)
    if not path:
        return "missing"
    text = steps.query([path, "-V" if command == "mkimage" else "--version"]).strip()
    return text.splitlines()[0] if text else path


def _advice(lacking, codename):
    if not lacking:
        print("nothing is missing")
        return 0
    if packages.qemu_version()[0] and "qemu-system-arm" in lacking:
        print(f"QEMU is older than {packages.QEMU_LEAST}")
    names = [package.split("|")[0] for package in lacking]
    print(f"missing: {' '.join(names)}")
    root = packages.privilege()
    if root is not None:
        print("each subcommand installs what it needs; nothing has to be done by hand.")
        print("to install all of it now:")
    else:
        print("this user may not install packages; as root, run:")
    config = sources.configuration("native")
    prefix = f"{'' if root == [] else 'sudo '}env APT_CONFIG={shlex.quote(str(config))} "
    print(f"    {prefix}apt-get update")
    old_qemu = [n for n in names if n == "qemu-system-arm" and codename in packages.OLD_QEMU]
    plain = [name for name in names if name not in old_qemu]
    if plain:
        print(f"    {prefix}apt-get --no-install-recommends install {' '.join(plain)}")
    for name in old_qemu:
        print(f"    {prefix}apt-get --no-install-recommends -t {codename}-backports install {name}")
    return 1
