# SPDX-License-Identifier: BSD-2-Clause
"""./wharf debug: QEMU, stopped at its first instruction, with gdb and the commands of tools/gdb/ on a unix socket."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import build, packages, qemu, run, steps
from .boards import ROOT
from .steps import Failure

HELPERS = ROOT / "tools" / "gdb" / "wharf.py"
PTY = "pty"


def add_arguments(sub):
    run.add_machine_arguments(sub)
    sub.add_argument("--preset", default="debug", choices=build.TARGET_PRESETS)
    sub.add_argument("--console", metavar="FILE", default=str(ROOT / "build" / "log" / "console.log"),
                     help="the console's output (follow it with tail -f in another terminal); pty: a terminal to type at, "
                          "whose name QEMU says")
    sub.add_argument("-x", "--ex", action="append", default=[], metavar="GDB",
                     help="run this gdb command, then leave (may be repeated)")


def main(options):
    packages.ensure("debug")
    m = run.machine(options, options.preset)
    steps.LOGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wharf-gdb-") as folder:
        socket = Path(folder) / "gdb"
        m.extra = [*m.extra, "-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
        argv = qemu.build_argv(m, serial="pty" if options.console == PTY else f"file:{options.console}", log=steps.LOGS / "qemu.log")
        gdb = ["gdb-multiarch", "-q", build.tree(options.preset) / "kernel.elf",
               "-ex", f"source {HELPERS}", "-ex", f"target remote {socket}"]
        for command in options.ex:
            gdb += ["-ex", command]
        if options.ex:
            gdb.insert(1, "-batch")
        if steps.Settings.dry or steps.Settings.verbose:
            steps.show(argv)
            steps.show(gdb)
        return 0 if steps.Settings.dry else _session(argv, gdb, socket, options.console)


def _session(argv, gdb, socket, console):
    """gdb in the foreground; QEMU in its own session, so that Ctrl-C reaches gdb only."""
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        give_up = time.monotonic() + 10
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > give_up:
                raise Failure("QEMU did not start; -v shows its command line, its own words are above.")
            time.sleep(0.05)
        if console != PTY:
            steps.say(f"the console's output goes to {os.path.relpath(console)}")
        ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return subprocess.call([str(a) for a in gdb],
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        finally:
            signal.signal(signal.SIGINT, ignored)
    finally:
        child.kill()
        child.wait()
