# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages that the subcommands need: what is missing, and how it gets installed.

A need is met when its command or file exists, wherever it came from: on a machine that has
everything, nothing is asked of apt and no network is used.
"""

import fcntl
import glob
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

from . import sources, steps
from .steps import Failure

QEMU_LEAST = 9
OLD_QEMU = ("bookworm",)     # releases whose own QEMU is older; for advice only, apt is asked otherwise

# purpose -> [(package, command or absolute file pattern that shows it is there)]
NEEDS = {
    "build": [
        ("cmake", "cmake"),
        ("ninja-build", "ninja"),
        ("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc"),
        ("make", "make"),
        ("cpio", "cpio"),
        ("device-tree-compiler", "dtc"),
    ],
    "host": [
        ("gcc", "gcc"),
        ("libc6-dev", "/usr/include/stdio.h"),
        ("device-tree-compiler", "dtc"),
        ("e2fsprogs", "mke2fs"),
    ],
    "bench": [("e2fsprogs", "mke2fs")],
    "clang": [
        ("clang", "clang"),
        ("lld", "ld.lld"),
        ("llvm", "llvm-cov"),
        ("libclang-rt-14-dev|libclang-rt-dev",
         "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a"),
    ],
    "qemu": [("qemu-system-arm", "qemu-system-aarch64")],
    "uboot": [("u-boot-qemu", "/usr/lib/u-boot/qemu_arm64/u-boot.bin")],
    "uboot-build": [
        ("gcc", "gcc"),
        ("libc6-dev", "/usr/include/stdio.h"),
        ("libssl-dev", "/usr/include/openssl/evp.h"),
        ("bison", "bison"),
        ("flex", "flex"),
    ],
    "image": [("mtools", "mcopy"), ("u-boot-tools", "mkimage"), ("e2fsprogs", "mke2fs")],
    "image-check": [("fdisk", "sfdisk"), ("dosfstools", "fsck.fat")],
    "sdk": [("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc"), ("make", "make"), ("pkgconf|pkg-config", "pkg-config")],
    "debug": [("gdb-multiarch", "gdb-multiarch")],
    "fmt": [("clang-format", "clang-format")],
    "lint": [("clang-tidy", "clang-tidy"), ("cppcheck", "cppcheck")],
}


def which(command):
    """Like shutil.which, but also in the directories that only root has in its path."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(command, path=path)


def present(probe):
    return bool(glob.glob(probe)) if probe.startswith("/") else bool(which(probe))


def qemu_version():
    """(major, whole version text), or (0, '') where there is no QEMU."""
    match = re.search(r"version ((\d+)\.\S+)", steps.query(["qemu-system-aarch64", "--version"]))
    return (int(match.group(2)), match.group(1)) if match else (0, "")


def missing(purposes):
    """Packages to install for these purposes; the text after | is a name of other releases."""
    wanted = []
    for purpose in purposes:
        for package, probe in NEEDS[purpose]:
            if not present(probe) or (purpose == "qemu" and qemu_version()[0] < QEMU_LEAST):
                wanted.append(package)
    return list(dict.fromkeys(wanted))


def privilege():
    """Words that turn a command into one of root: [] when we are, None when we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and steps.query(["sudo", "-n", "echo", "yes"]):
        return ["sudo", "-n"]
    return None


@contextmanager
def apt_lock():
    """One set-up at a time: two ./wharf in one checkout wait for each other."""
    sources.APT.mkdir(parents=True, exist_ok=True)
    with open(sources.APT / "lock", "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(*purposes):
    """Installs what these purposes lack; Failure with the exact commands where it may not."""
    if not missing(purposes):
        return
    if steps.Settings.dry:
        _show(missing(purposes))
        return
    with apt_lock():
        wanted = missing(purposes)
        if wanted:
            _install(wanted)
    still = missing(purposes)
    if still:
        raise Failure(f"after the installation {' '.join(still)} is still missing or too old; "
                      "run ./wharf doctor to see what was found.")


_shown = set()


def _show(wanted):
    """For a dry run, where the package lists may not be there to ask."""
    new = [name for name in wanted if name not in _shown]
    _shown.update(new)
    if new:
        steps.show(["apt-get", "--no-install-recommends", "install", *(n.split("|")[0] for n in new)])


def _install(wanted):
    config = sources.configuration("native")
    env = {"APT_CONFIG": str(config)}
    update(env)
    root = privilege()
    commands = [["env", f"APT_CONFIG={config}", "DEBIAN_FRONTEND=noninteractive", *words]
                for words in _install_commands(wanted, env)]
    if root is None:
        lines = "".join(f"\n    sudo {' '.join(command)}" for command in commands)
        raise Failure("packages are missing and this user may not install them; run this once, then "
                      f"repeat your command:{lines}")
    try:
        for command in commands:
            names = " ".join(command[command.index("install") + 1:])
            steps.long(f"installing {names}", root + command,
                       "see the last lines above; ./wharf doctor prints the command to try by hand.",
                       log="apt-install")
    finally:
        if root:    # what root wrote under build/apt must stay removable by its user
            steps.query(root + ["chown", "-R", f"{os.getuid()}:{os.getgid()}", sources.APT])


def update(env):
    """Fetches the package lists. One missing suite is no error here: its packages are looked for."""
    steps.long("fetching package lists", ["apt-get", "-q", "update"], "", env=env, log="apt-update",
               must=False)
    lists = Path(env["APT_CONFIG"]).parent / "lists"
    if not list(lists.glob("*Packages*")):
        raise Failure("the package lists could not be fetched; check this machine's network, proxy and package "
                      "mirror (build/log/apt-update.log), then run this again.")


def _install_commands(wanted, env):
    """The apt-get commands. QEMU has its own where it comes from backports: nothing else should."""
    plain, newer = [], []
    for package in wanted:
        choices = package.split("|")
        found = [name for name in choices if candidate(name, env)]
        if not found:
            raise Failure(f"package {choices[0]} was not found in the archive that this machine uses; look at "
                          "build/log/apt-update.log and at /etc/apt, then run this again.")
        old = package == "qemu-system-arm" and major(candidate(package, env)) < QEMU_LEAST
        (newer if old else plain).append(found[0])
    base = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    commands = [[*base, "install", *plain]] if plain else []
    if newer:
        _need_backports(env)
        commands.append([*base, "-t", f"{sources.release()[1]}-backports", "install", *newer])
    return commands


def _need_backports(env):
    table = steps.query(["apt-cache", "madison", "qemu-system-arm"], env)
    versions = [line.split("|")[1] for line in table.splitlines() if line.count("|") >= 2]
    if not any(major(version) >= QEMU_LEAST for version in versions):
        raise Failure(f"QEMU {QEMU_LEAST} or newer was found neither in this machine's archive nor in its "
                      "backports; look at build/log/apt-update.log, or install a newer QEMU by hand.")


def candidate(package, env):
    """Version that apt would install; '' where there is none."""
    match = re.search(r"Candidate: (\S+)", steps.query(["apt-cache", "policy", package], env))
    return match.group(1) if match and match.group(1) != "(none)" else ""


def major(version):
    match = re.match(r"\s*(?:\d+:)?(\d+)", version)
    return int(match.group(1)) if match else 0
