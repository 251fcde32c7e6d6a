# SPDX-License-Identifier: BSD-2-Clause
"""The C library of programs: newlib, built once into build/deps/newlib (include/ and lib/).

The sources are a tarball in a Debian package (ci/deps.json, newlib-source), the same on every
machine. Only newlib's own configure is run, not the one around it: that needs no compiler for this
machine. All presets use the one library, clang's too. A stamp (.stamp: a hash of the pin, of this
file, of libsys/newlib/settings.h and of the compiler's version) makes the second run do nothing.
"""

import os
import shutil
import tarfile

from . import deps, made, steps
from .boards import ROOT

HOME = deps.DEPS / "newlib"
SETTINGS = ROOT / "libsys" / "newlib" / "settings.h"
INCLUDE = ROOT / "libsys" / "newlib" / "include"
TARGET = "aarch64-wharf-elf"
CROSS = "aarch64-linux-gnu-"

FEATURES = [
    "--disable-newlib-supplied-syscalls", "--disable-multilib", "--disable-nls", "--enable-newlib-mb",
    "--enable-newlib-io-long-long", "--enable-newlib-io-long-double", "--enable-newlib-io-c99-formats",
    "--enable-newlib-io-pos-args",
    "--enable-newlib-retargetable-locking", "--enable-newlib-reent-thread-local",
]

# nosimd: the compiler may use floating-point registers where the source computes with them and nowhere
# else, or copying a structure would give a program floating-point state for the kernel to switch. The
# assembler may know all of them. Frame pointers are for the backtrace of a crash.
CFLAGS = ("-g -O2 -ffreestanding -fno-pic -fno-pie -ftls-model=local-exec -fno-stack-protector -ffunction-sections "
          "-fdata-sections -mno-outline-atomics -fno-omit-frame-pointer -fno-asynchronous-unwind-tables "
          "-march=armv8-a+nosimd -Wa,-march=armv8-a -U__linux__ -U__unix__ -D_STDIO_BSD_SEMANTICS -DHAVE_RENAME "
          "-DHAVE_FCNTL -DHAVE_NANOSLEEP -DHAVE_BLKSIZE -D_NO_POSIX_SPAWN -D_NO_POPEN -D_NO_EXECVE -D_NO_GETUT "
          "-D_NO_GETLOGIN -D_NO_GETPWENT -D_NO_GETPASS -D_NO_WORDEXP")

# Parts of newlib that configure.host chooses for systems it knows.
PARTS = "posix_dir=posix\nunix_dir=unix\n"

# Headers of ours that newlib is built with, and so those that it is built again for when they change: what it says
# where there are none is an error.
OUR_HEADERS = ["sys/dirent.h"]

# Sources in those parts that cannot be built here, or not be right: they know the insides of a DIR, find by search what
# the system can be asked, or move a file's offset to and fro. libsys/posix has those functions. They are built empty.
EMPTIED = ["posix/opendir", "posix/closedir", "posix/readdir", "posix/readdir_r", "posix/rewinddir", "posix/seekdir",
           "posix/telldir", "posix/dirfd", "posix/_isatty", "unix/getcwd", "unix/pread", "unix/pwrite", "unix/ttyname",
           "unix/ttyname_r"]

# Headers of newlib whose functions are not there.
ABSENT = ["devctl.h", "iconv.h", "ndbm.h", "regdef.h", "unctrl.h", "utmp.h", "machine/termios.h"]

# Members of libc.a that libsys has its own of. They are taken out of a copy, so that a change of the list builds nothing.
REPLACED = ROOT / "libsys" / "newlib" / "replaced.txt"
WHOLE, LIBRARY = HOME / "lib" / "whole.a", HOME / "lib" / "libc.a"


def compiler():
    return steps.query([CROSS + "gcc", "--version"]).split("\n", 1)[0]


def _made():
    return made.Made("newlib", "newlib-source", ["build"], [__file__, SETTINGS, *(INCLUDE / name for name in OUR_HEADERS)], compiler())


def replaced():
    return [word for line in REPLACED.read_text().splitlines() if not line.startswith("#") for word in line.split()]


def is_current():
    return _made().is_current()


def is_reduced():
    stamp = HOME / ".replaced"
    return LIBRARY.is_file() and stamp.is_file() and stamp.read_text().split() == replaced()


def ensure():
    """Makes build/deps/newlib."""
    if not (is_current() and is_reduced()):
        _made().ensure(_unpack, _build, _install, _reduce)


def _unpack(work):
    archive = next((deps.DEPS / "newlib-source").glob("*.tar.xz"))
    with tarfile.open(archive) as tar:
        for member in tar:
            top, _, rest = member.name.partition("/")
            if rest and top.startswith("newlib"):
                member.name = rest
                tar.extract(member, work / "source")
    home = work / "source" / "newlib"
    with open(home / "configure.host", "a", encoding="ascii") as script:
        script.write(PARTS)
    for name in OUR_HEADERS:
        shutil.copy(INCLUDE / name, home / "libc" / "include" / name)
    config = home / "libc" / "include" / "sys" / "config.h"     # <sys/param.h> includes it first of all: errno was another one then
    config.write_text("#include <newlib.h>\n" + config.read_text())
    for name in EMPTIED:
        (home / "libc" / f"{name}.c").write_text("")


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


def _install(work):
    result = work / "prefix" / TARGET
    (result / "lib" / "libg.a").unlink()      # another name of libc.a
    for name in ABSENT:
        (result / "include" / name).unlink()
    (result / "lib" / "libc.a").rename(result / "lib" / WHOLE.name)
    return result


def _reduce():
    """What is done to build/deps/newlib itself, once more whenever the list has changed."""
    if is_reduced():
        return
    new = LIBRARY.with_name(".libc.a")
    shutil.copy(WHOLE, new)
    steps.long("taking out of newlib what libsys has", [f"{CROSS}ar", "d", new, *(f"libc_a-{name}.o" for name in replaced())],
               f"{REPLACED.name} may name a member that is not there.", log="newlib-replaced")
    new.rename(LIBRARY)
    (HOME / ".replaced").write_text(" ".join(replaced()) + "\n")
