# SPDX-License-Identifier: BSD-2-Clause
"""Programs of others (ports/, built by ./wharf ports), which test themselves. The initrd is the tree's and what they need."""

import sys
from pathlib import Path

from mkinitrd import archive
from scenario import CI, LONG, Scenario, all_ended

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "ci"))
from wharf import userland  # noqa: E402
from wharf.shell import once  # noqa: E402

PORTS, SCRIPTS = ROOT / "build" / "ports", ROOT / "ports"
VIRT = {"board": "virt", "gic": 2, "mem": "256M"}
SYSTEM = """
until {program}

program files
    provides files files.mount
    arguments service=files opens=200
    rights initrd
    memory 128M
    priority 150

program {program}
    file {program}
    arguments {arguments}
    uses files
    rights host_debug
    after files
    restart never
"""


def initrd(program, file, arguments, more):
    """A function for Scenario.initrd: the program under its name, the description as port.conf, and files at paths."""
    def make(build):
        files = {program: (PORTS / file).read_bytes(), "port.conf": SYSTEM.format(program=program, arguments=arguments).encode()}
        files |= {name: (PORTS / path).read_bytes() for name, path in more.items()}
        return archive(files, (build / "initrd.cpio").read_bytes())
    return make


def port(program, file, says, arguments="", seconds=10, status=0, **more):
    """One self-test, on 1 and on 4 CPUs; what takes long, on 1 in long runs only. says: patterns of its output, in order."""
    return [Scenario(f"port-{program}-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=port.conf",
                     initrd=initrd(program, file, arguments, more.get("files", {})), seconds=seconds,
                     label=LONG if cpus == 1 and seconds >= 30 else CI,
                     expect=(*says, rf"supervisor: {program} ended with status {status}$", all_ended(status)))
            for cpus in (1, 4)]


def shell(name, script, says, status=0):
    """A script of ours, run by a shell that is /bin/sh (apps/systems/shell.conf), with busybox's applets."""
    def make(build):
        files = {"etc/exec": f". /samples/{script.name}\n".encode(), f"samples/{script.name}": script.read_bytes()}
        return userland.onto((build / "initrd.cpio").read_bytes(), files, name)
    return [Scenario(f"port-{name}-{cpus}cpu", {**VIRT, "cpus": cpus}, append=once(log=True), initrd=make, label=CI,
                     seconds=30, expect=(*says, all_ended(status))) for cpus in (1, 4)]


def all_scenarios(kind):
    if kind != "release":       # the SDK is of that build
        return []
    return [
        *port("zlib", "zlib/example", (r"zlib version 1\.2\.13", r"uncompress\(\): hello, hello!$", r"gzread\(\): hello, hello!$",
                                       r"inflate with dictionary: hello, hello!$")),
        *port("bzip2", "bzip2/check", (r"^all samples are right$",), seconds=30,
              files={f"samples/sample{n}.{end}": f"bzip2/sample{n}.{end}" for n in (1, 2, 3) for end in ("ref", "bz2")}),
        *port("lua", "lua/lua", (r"^lua: all checks passed$",), arguments="/samples/check.lua", seconds=20,
              files={"samples/check.lua": "lua/check.lua"}),
        *shell("dash", SCRIPTS / "dash" / "check.sh", (r"^shell: all checks passed$",)),
        *shell("mksh", SCRIPTS / "dash" / "check.sh", (r"^shell: all checks passed$",)),
        *port("lz4-blocks", "lz4/fuzzer", (r"all tests completed successfully",), arguments="-s1 -i200", seconds=30),
        *port("lz4-frames", "lz4/frametest", (r"All tests completed",), arguments="-s1 -i200", seconds=30),
    ]
