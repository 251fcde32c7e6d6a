# SPDX-License-Identifier: BSD-2-Clause
"""The U-Boot that boots QEMU's virt from an SD card, built once into build/deps/u-boot-virt.

Debian's ready-made one for that machine has no command for cards. This one is made from the sources
of the same Debian package (ci/deps.json, u-boot-source) with the options in board/virt/u-boot.config,
and only where a card is to be booted from. Same inputs, same bytes. A stamp (.stamp: a hash of the pin, of
this file, of the options and of the compiler's version) makes the second run do nothing.
"""

import os
import shutil
import tarfile

from . import deps, made, newlib, steps
from .boards import ROOT
from .steps import Failure

OPTIONS = ROOT / "board" / "virt" / "u-boot.config"
BASE = "qemu_arm64_defconfig"
ENVIRONMENT = {"ARCH": "arm", "CROSS_COMPILE": newlib.CROSS, "SOURCE_DATE_EPOCH": "1735689600", "TZ": "UTC",
               "KBUILD_BUILD_USER": "wharf", "KBUILD_BUILD_HOST": "wharf", "LC_ALL": "C"}


def _made():
    return made.Made("u-boot-virt", "u-boot-source", ["build", "uboot-build"], [__file__, OPTIONS], newlib.compiler())


def is_current():
    return _made().is_current()


def ensure():
    """Makes build/deps/u-boot-virt/u-boot.bin."""
    _made().ensure(_unpack, _build, _install)


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
    result = work / ".made"
    result.mkdir()
    (work / "u-boot.bin").rename(result / "u-boot.bin")
    shutil.copytree(work / "Licenses", result / "licences")
    return result
