# SPDX-License-Identifier: BSD-2-Clause
"""./wharf sdk: a folder to build C programs for Wharf with, by the usual commands (ci/sdk/README.md goes with it).

Headers and libraries are those of build/release; the tools are wrappers round Debian's cross tools (ci/sdk/tool.sh).
It is written beside the old one and put in its place when it is whole. Packages that were installed into its sysroot go
with the old one. A stamp makes the second run do nothing.
"""

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from . import build, newlib, packages, steps
from .boards import ROOT
from .steps import Failure

PARTS = ROOT / "ci" / "sdk"
HOME = ROOT / "build" / "sdk"
PRESET = "release"
TOOLS = ("gcc", "cc", "cpp", "ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "size", "strip",
         "strings", "addr2line", "pkg-config")
TARGET = newlib.TARGET
NEWLIB = (newlib.LIBRARY, newlib.HOME / "lib" / "libm.a")
# Libraries that programs name and that have nothing of their own here: libsys has it.
EMPTY = ("pthread", "rt")
START = "crt0.S.obj"


def add_arguments(sub):
    sub.add_argument("-o", "--output", type=Path, default=HOME, metavar="DIR", help="the folder (build/sdk)")


def main(options):
    home = ensure(options.output.absolute())
    if not steps.Settings.dry:
        steps.say(f"the SDK is in {home}; its README.md says how to use it.")
    return 0


def headers():
    """[(folder, where in sysroot/usr/include)], the later over the earlier."""
    return [
        (newlib.HOME / "include", ""),
        (ROOT / "libsys" / "include", ""),
        (ROOT / "interfaces" / "include", ""),
        (build.tree(PRESET) / "generated" / "include", ""),
        (ROOT / "arch" / "aarch64" / "user" / "include", ""),
        (newlib.INCLUDE, "posix"),
    ]


def ensure(home=HOME):
    """Brings the folder up to date, and returns it."""
    packages.ensure("build", "sdk")
    build.build(PRESET, ("libsys",))
    if steps.Settings.dry:
        steps.say(f"and put headers, libraries and {PARTS.relative_to(ROOT)} together in {home}")
        return home
    if home.exists() and not (home / ".stamp").is_file() and any(home.iterdir()):
        raise Failure(f"{home} is there and is not an SDK; name a new folder with -o.")
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".sdk.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = fingerprint()
        if not (home / ".stamp").is_file() or (home / ".stamp").read_text() != now:
            _make(home, now)
    return home


def _inputs():
    for folder, _ in headers():
        yield from (path for path in folder.rglob("*") if path.is_file())
    yield from (path for path in PARTS.rglob("*") if path.is_file())
    yield from NEWLIB
    yield from (build.tree(PRESET) / "libsys" / "libsys.a", ROOT / "libsys" / "program.ld", Path(__file__))


def fingerprint():
    digest = hashlib.sha256()
    for path in sorted(_inputs()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest() + "\n"


def _make(home, stamp):
    work = home.with_name(f".{home.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    usr = work / "sysroot" / "usr"
    for folder, place in headers():
        shutil.copytree(folder, usr / "include" / place, dirs_exist_ok=True)
    _libraries(usr / "lib")
    (work / "bin").mkdir()
    shutil.copy(PARTS / "tool.sh", work / "bin" / f"{TARGET}-{TOOLS[0]}")
    os.chmod(work / "bin" / f"{TARGET}-{TOOLS[0]}", 0o755)
    for tool in TOOLS[1:]:      # copies: a link would be followed to gcc's name by some build systems
        shutil.copy(work / "bin" / f"{TARGET}-{TOOLS[0]}", work / "bin" / f"{TARGET}-{tool}")
    (work / "lib").mkdir()
    shutil.copy(PARTS / "wharf.specs", work / "lib" / "wharf.specs")
    shutil.copytree(PARTS / "cmake" / "Platform", work / "share" / "cmake" / "Platform")
    shutil.copy(PARTS / "cmake" / f"{TARGET}.cmake", work / "share" / f"{TARGET}.cmake")
    shutil.copy(PARTS / "README.md", work / "README.md")
    (work / ".stamp").write_text(stamp)
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    work.rename(home)


def _libraries(where):
    (where / "pkgconfig").mkdir(parents=True)
    for path in NEWLIB:
        shutil.copy(path, where / path.name)
    library = where / "libsys.a"
    shutil.copy(build.tree(PRESET) / "libsys" / "libsys.a", library)
    _run([f"{newlib.CROSS}ar", "x", library, START], where)
    (where / START).rename(where / "crt0.o")
    _run([f"{newlib.CROSS}ar", "d", library, START], where)
    for name in EMPTY:
        _run([f"{newlib.CROSS}ar", "rcs", where / f"lib{name}.a"], where)
    shutil.copy(ROOT / "libsys" / "program.ld", where / "wharf.ld")


def _run(argv, where):
    if steps.call(argv, cwd=where):
        raise Failure(f"{argv[0]} failed; the SDK is not made.")
