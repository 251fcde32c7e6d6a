# SPDX-License-Identifier: BSD-2-Clause
"""The U-Boot that boots QEMU's virt from an SD card, built once into build/deps/u-boot-virt.

Debian's ready-made one for that machine has no command for cards. This one is made from the sources
of the same Debian package (ci/deps.json, u-boot-source) with the options in board/virt/u-boot.config,
and only where a card is to be booted from. Same inputs, same bytes. A stamp (.stamp: a hash of the pin, of
this file, of the options and of the compiler's version) makes the second run do nothing.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tarfile

from . import deps, newlib, packages, steps
from .boards import ROOT
from .steps import Failure

HOME = deps.DEPS / "u-boot-virt"
OPTIONS = ROOT / "board" / "virt" / "u-boot.config"
BASE = "qemu_arm64_defconfig"
ENVIRONMENT = {"ARCH": "arm", "CROSS_COMPILE": newlib.CROSS, "SOURCE_DATE_EPOCH": "1735689600", "TZ": "UTC",
               "KBUILD_BUILD_USER": "wharf", "KBUILD_BUILD_HOST": "wharf", "LC_ALL": "C"}


def fingerprint():
    digest = hashlib.sha256(json.dumps(deps.pins()["u-boot-source"], sort_keys=True).encode())
    for path in (__file__, OPTIONS):
        with open(path, "rb") as handle:
            digest.update(handle.read())
    digest.update(newlib.compiler().encode())
    return digest.hexdigest()


def is_current():
    stamp = HOME / ".stamp"
    return stamp.is_file() and stamp.read_text().strip() == fingerprint()


def ensure():
    """Makes build/deps/u-boot-virt/u-boot.bin."""
    if is_current():
        return
    packages.ensure("build", "uboot-build")
    deps.ensure("u-boot-source")
    work = deps.DEPS / ".u-boot-virt"
    if steps.Settings.dry:
        _build(work)
        return
    with open(deps.DEPS / ".u-boot-virt.lock", "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not is_current():
            shutil.rmtree(work, ignore_errors=True)
            try:
                _unpack(work)
                _build(work)
                _install(work)
            finally:
                shutil.rmtree(work, ignore_errors=True)


def _unpack(work):
    with tarfile.open(next((deps.DEPS / "u-boot-source").glob("*.orig.tar.*"))) as tar:
        for member in tar:
            _, _, member.name = member.name.partition("/")
            if member.name:
                tar.extract(member, work)


def _build(work):
    advice = "the compiler may have changed; build/log/u-boot-virt.log tells."

    def make(title, *words):
        steps.long(title, ["make", *words], advice, cwd=work, env=ENVIRONMENT, log="u-boot-virt")

    make("configuring U-Boot for cards", BASE)
    if steps.Settings.dry:
        steps.say(f"and append {OPTIONS.relative_to(ROOT)} to the .config that this makes")
    else:
        with open(work / ".config", "a", encoding="ascii") as config:
            config.write(OPTIONS.read_text())
    make("configuring U-Boot for cards", "olddefconfig")
    if not steps.Settings.dry:
        lacking = missing(OPTIONS.read_text(), (work / ".config").read_text())
        if lacking:
            raise Failure(f"U-Boot does not take the option {lacking[0]}; see {OPTIONS.relative_to(ROOT)}.")
    make("building U-Boot for cards", f"-j{os.cpu_count()}", "u-boot.bin")


def missing(options, config):
    """The options that a configuration, as it was completed, does not have as they were asked for."""
    lines = set(config.splitlines())
    wanted = [line for line in options.splitlines() if line.startswith("CONFIG_") or line.endswith(" is not set")]
    return [line for line in wanted if line not in lines]


def _install(work):
    made = work / ".made"
    made.mkdir()
    (work / "u-boot.bin").rename(made / "u-boot.bin")
    shutil.copytree(work / "Licenses", made / "licences")
    (made / ".stamp").write_text(fingerprint() + "\n")
    shutil.rmtree(HOME, ignore_errors=True)
    made.rename(HOME)
