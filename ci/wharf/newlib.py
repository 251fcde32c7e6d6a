# SPDX-License-Identifier: BSD-2-Clause
"""The C library of programs: newlib, built once into build/deps/newlib (include/ and lib/).

The sources are a tarball in a Debian package (ci/deps.json, newlib-source), the same on every
machine. Only newlib's own configure is run, not the one around it: that needs no compiler for this
machine. All presets use the one library, clang's too. A stamp (.stamp: a hash of the pin, of this
file, of libsys/newlib/settings.h and of the compiler's version) makes the second run do nothing.
"""

import os
import tarfile

from . import deps, made, steps
from .boards import ROOT

SETTINGS = ROOT / "libsys" / "newlib" / "settings.h"
TARGET = "aarch64-wharf-elf"
CROSS = "aarch64-linux-gnu-"

FEATURES = [
    "--disable-newlib-supplied-syscalls", "--disable-multilib", "--disable-nls", "--enable-newlib-mb",
    "--enable-newlib-io-long-long", "--enable-newlib-io-long-double", "--enable-newlib-io-c99-formats",
    "--enable-newlib-retargetable-locking", "--enable-newlib-reent-thread-local",
]

# nosimd: the compiler may use floating-point registers where the source computes with them and nowhere
# else, or copying a structure would give a program floating-point state for the kernel to switch. The
# assembler may know all of them. Frame pointers are for the backtrace of a crash.
CFLAGS = ("-g -O2 -ffreestanding -fno-pic -fno-pie -ftls-model=local-exec -fno-stack-protector -ffunction-sections "
          "-fdata-sections -mno-outline-atomics -fno-omit-frame-pointer -fno-asynchronous-unwind-tables "
          "-march=armv8-a+nosimd -Wa,-march=armv8-a -U__linux__ -U__unix__ -D_STDIO_BSD_SEMANTICS -DHAVE_RENAME "
          "-DHAVE_FCNTL")

# Members of libc.a that libsys has its own of: those that work on memory or strings with vector registers
# (libsys/string.c says why not), the end of a program, locks that do not lock, and a wrong conversion to
# long double (libsys/newlib/long_double.c).
REPLACED = ["memchr", "memcmp", "memrchr", "memset", "rawmemchr", "stpcpy", "strchr", "strchrnul", "strcpy", "strlen",
            "strnlen", "strrchr", "exit", "lock", "strtorx"]


def compiler():
    return steps.query([CROSS + "gcc", "--version"]).split("\n", 1)[0]


def _made():
    return made.Made("newlib", "newlib-source", ["build"], [__file__, SETTINGS], compiler())


def is_current():
    return _made().is_current()


def ensure():
    """Makes build/deps/newlib."""
    _made().ensure(_unpack, _build, _install)


def _unpack(work):
    archive = next((deps.DEPS / "newlib-source").glob("*.tar.xz"))
    with tarfile.open(archive) as tar:
        for member in tar:
            top, _, rest = member.name.partition("/")
            if rest and top.startswith("newlib"):
                member.name = rest
                tar.extract(member, work / "source")


def _build(work):
    tools = [f"{name}={CROSS}{tool}" for name, tool in (
        ("CC", "gcc"), ("AR", "ar"), ("AS", "as"), ("NM", "nm"), ("RANLIB", "ranlib"), ("STRIP", "strip"),
        ("OBJCOPY", "objcopy"), ("READELF", "readelf"))]
    here = work / "build"
    advice = "the compiler or the archive's newlib-source may have changed; build/log/newlib.log tells."
    if not steps.Settings.dry:
        here.mkdir()

    def step(title, argv):
        steps.long(title, argv, advice, cwd=here, log="newlib")

    step("configuring newlib", [
        work / "source" / "newlib" / "configure", f"--host={TARGET}", f"--target={TARGET}",
        f"--prefix={work / 'prefix'}", *FEATURES, *tools, "MAKEINFO=true",
        f"CFLAGS={CFLAGS} -ffile-prefix-map={work / 'source'}/=", "CCASFLAGS=-g -march=armv8-a"])
    if steps.Settings.dry:
        steps.say(f"and append {SETTINGS.relative_to(ROOT)} to the newlib.h that this makes")
    else:
        with open(here / "newlib.h", "a", encoding="ascii") as header:
            header.write(SETTINGS.read_text())
    step("building newlib", ["make", f"-j{os.cpu_count()}"])
    step("installing newlib", ["make", "install"])
    library = work / "prefix" / TARGET / "lib" / "libc.a"
    step("taking out what libsys has", [f"{CROSS}ar", "d", library, *(f"libc_a-{name}.o" for name in REPLACED)])


def _install(work):
    result = work / "prefix" / TARGET
    (result / "lib" / "libg.a").unlink()      # another name of libc.a
    return result
