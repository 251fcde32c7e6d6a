# SPDX-License-Identifier: BSD-2-Clause
"""./wharf ports: programs of others, built by the SDK from their unmodified sources into build/ports/NAME/.

A port is a folder ports/NAME with build.sh, which is what a person would type in the unpacked source, and whatever is
given to it beside (a configuration). The source is a Debian package (NAME-source in ci/deps.json). build.sh finds:

    HOST CC AR RANLIB STRIP    of the SDK, whose bin/ is in PATH
    JOBS                       how many commands make may run at once
    PORT                       the folder of the port
    OUT                        where results go

A stamp (of the SDK, the pin and the port's folder) makes the second run do nothing.
"""

import hashlib
import json
import os
import shutil
import tarfile

from . import deps, sdk, steps
from .boards import ROOT
from .steps import Failure

PORTS = ROOT / "ports"
OUT = ROOT / "build" / "ports"
TESTED = ("busybox", "bzip2", "dash", "dosfstools", "e2fsprogs", "lua", "lz4", "mksh", "zlib")       # by tests/qemu/{ports,shell,disk_tools}.py


def names():
    return sorted(path.parent.name for path in PORTS.glob("*/build.sh"))


def add_arguments(sub):
    sub.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(names())} (all)")


def main(options):
    wrong = [name for name in options.names if name not in names()]
    if wrong:
        raise Failure(f"there is no port '{wrong[0]}'; there are {', '.join(names())}.")
    ensure(*(options.names or names()))


def ensure(*wanted):
    """Brings build/ports/NAME up to date for each name."""
    home = sdk.ensure()
    deps.ensure(*(f"{name}-source" for name in wanted))
    for name in wanted:
        stamp = "" if steps.Settings.dry else _fingerprint(name, home)
        done = OUT / name / ".stamp"
        if steps.Settings.dry or not done.is_file() or done.read_text() != stamp:
            _build(name, home, stamp)


def _fingerprint(name, home):
    digest = hashlib.sha256((home / ".stamp").read_bytes())
    digest.update(json.dumps(deps.pins()[f"{name}-source"], sort_keys=True).encode())
    for path in sorted((PORTS / name).rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest() + "\n"


def _build(name, home, stamp):
    work, out = OUT / f".{name}", OUT / f".{name}" / "out"
    tool = f"{sdk.TARGET}-"
    env = {"HOST": sdk.TARGET, "CC": f"{tool}gcc", "AR": f"{tool}ar", "RANLIB": f"{tool}ranlib", "STRIP": f"{tool}strip",
           "JOBS": str(os.cpu_count()), "PORT": str(PORTS / name), "OUT": str(out),
           "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    source = work / "source"
    if not steps.Settings.dry:
        shutil.rmtree(work, ignore_errors=True)
        out.mkdir(parents=True)
        source = _unpack(name, source)
    steps.long(f"building port {name}", ["sh", "-e", PORTS / name / "build.sh"],
               "its own messages are above.", cwd=source, env=env, log=f"port-{name}")
    if not steps.Settings.dry:
        (out / ".stamp").write_text(stamp)
        shutil.rmtree(OUT / name, ignore_errors=True)
        out.rename(OUT / name)
        shutil.rmtree(work)


def _unpack(name, where):
    """The source's folder, whatever the archive calls it."""
    archive = next((deps.DEPS / f"{name}-source").glob("*.tar.*"))
    with tarfile.open(archive) as tar:
        tar.extractall(where)
    folders = list(where.iterdir())
    return folders[0] if len(folders) == 1 else where
