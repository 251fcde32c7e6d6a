#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The harness for system tests: boots Wharf in QEMU and compares the console with a scenario.

    tests/qemu/run.py --build build/release NAME...     run scenarios (ctest does it one by one)
    tests/qemu/run.py --build build/release --list      their names and labels
    tests/qemu/run.py --build build/release -n NAME     only show QEMU's command line

A run fails on a forbidden line, on an expected line that does not come (ten times the usual
duration means a hang), and on anything in QEMU's log of wrong accesses that allowed-log.txt does not
list. Console and log are kept in BUILD/test-logs/; a failure prints the line that repeats it.
"""

import argparse
import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "ci"), str(ROOT / "tools")]

import badfiles  # noqa: E402
import cardboot  # noqa: E402
import debugger  # noqa: E402
import ipc  # noqa: E402
import matrix  # noqa: E402
import main_job  # noqa: E402
import mounts  # noqa: E402
import powercuts  # noqa: E402
import processes  # noqa: E402
import ports  # noqa: E402
import pressure  # noqa: E402
import programs  # noqa: E402
import pthreads  # noqa: E402
import qemulog  # noqa: E402
import roots  # noqa: E402
import shell as session  # noqa: E402
import small_devices  # noqa: E402
import supervisor  # noqa: E402
import terminal  # noqa: E402
import template  # noqa: E402
import traces  # noqa: E402
import trees  # noqa: E402
import devices  # noqa: E402
import devmgr  # noqa: E402
import disks  # noqa: E402
import disk_tools  # noqa: E402
import swaps  # noqa: E402
import edu  # noqa: E402
import files_model  # noqa: E402
import posix_files  # noqa: E402
import files  # noqa: E402
import hardships  # noqa: E402
import vm  # noqa: E402
import volumes  # noqa: E402
import volumes_damage  # noqa: E402
import volumes_trouble  # noqa: E402
from attendant import Attendant  # noqa: E402
from console import Console, Failed  # noqa: E402
from loader import loader_argv  # noqa: E402
from qmp import QmpError  # noqa: E402
from scenario import CI, EVERYDAY  # noqa: E402
from wharf import boards, image, qemu, system  # noqa: E402
from wharf.steps import Failure  # noqa: E402

LAST_LINES = 30


def main():
    options = arguments()
    build = Path(options.build).resolve()
    kind, compiler = options.type.lower(), options.compiler
    table = scenarios(kind)
    if options.slow:
        table = {name: s for name, s in table.items() if name.startswith("ipc-") and s.label == EVERYDAY}
    if options.list or options.cmake:
        for s in table.values():
            labels = (CI,) if options.slow else s.labels(kind, compiler)
            if not labels:
                continue
            # QEMU's own limit comes first; ctest's is for a harness that hangs itself.
            print(f"{s.name}|{','.join(labels)}|{s.time_limit() * 2 + 60:g}|{s.usual():g}" if options.cmake
                  else f"{s.name:45} {' '.join(labels)}  {s.append}")
        return 0
    failures = 0
    for name in options.names:
        if name not in table:
            sys.exit(f"there is no scenario '{name}' for a {kind} build; --list shows them")
        failures += not run(table[name], build, options)
    return 1 if failures else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--type", choices=("Release", "Debug", "release", "debug"),
                        help="build type, if the directory's name does not say it")
    parser.add_argument("--compiler", default="gcc", choices=("gcc", "clang"))
    parser.add_argument("--slow", metavar="DIR", help="a kernel without the fast way of messages: only the everyday "
                        "scenarios of messages, with the programs of this build")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--cmake", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seed", help="another seed= than the scenario's")
    parser.add_argument("--append", default="", help="further kernel arguments")
    parser.add_argument("-n", dest="show", action="store_true", help="show the command line only")
    parser.add_argument("-v", dest="verbose", action="store_true", help="show the console")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if not options.type:
        options.type = "debug" if "debug" in Path(options.build).name else "release"
    return options


def scenarios(kind):
    """Name -> scenario, for a build type."""
    found = [
        *matrix.virt(kind),
        *matrix.raspi4b(),
        *programs.all_scenarios(),
        *pthreads.all_scenarios(),
        *ports.all_scenarios(kind),
        *ipc.all_scenarios(kind),
        *vm.all_scenarios(kind),
        *devices.all_scenarios(kind),
        *devmgr.all_scenarios(kind),
        *disks.all_scenarios(),
        *disk_tools.all_scenarios(kind),
        *swaps.all_scenarios(),
        *hardships.all_scenarios(),
        *pressure.all_scenarios(),
        *small_devices.all_scenarios(),
        *template.all_scenarios(),
        *edu.all_scenarios(),
        *processes.all_scenarios(),
        *posix_files.all_scenarios(),
        *files_model.all_scenarios(),
        *files.all_scenarios(),
        *supervisor.all_scenarios(),
        *terminal.all_scenarios(),
        *session.all_scenarios(kind),
        *debugger.all_scenarios(),
        *mounts.all_scenarios(kind),
        *roots.all_scenarios(kind),
        *main_job.all_scenarios(kind),
        *traces.all_scenarios(kind),
        *powercuts.all_scenarios(),
        *volumes.all_scenarios(),
        *volumes_trouble.all_scenarios(kind),
        *volumes_damage.all_scenarios(kind),
        *cardboot.all_scenarios(kind),
        *badfiles.all_scenarios(),
        *trees.all_scenarios(),
    ]
    table = {s.name: s for s in found}
    assert len(table) == len(found), "two scenarios of one name"
    return table


def run(scenario, build, options):
    """One run; prints one line, or on failure all that is needed to look into it."""
    logs = build / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)
    serial, log = logs / f"{scenario.name}.console", logs / f"{scenario.name}.qemu"
    log.unlink(missing_ok=True)
    argv = []
    with Attendant(scenario, build / "test-media") as attendant:
        try:
            argv = command(scenario, build, logs, log, options, attendant)
            if options.show:
                print(shlex.join(map(str, argv)))
                return True
            console = Console(argv, scenario, serial, log, attendant)
            console.run()
            judge_log(log, console.log_ranges, scenario)
            if scenario.check:
                scenario.check(attendant)
        except (Failed, Failure, QmpError, boards.BoardError, OSError) as error:
            report(scenario, error, argv, serial, options)
            return False
    if options.verbose:
        print(serial.read_text(errors="replace"))
    print(f"{scenario.name}: ok")
    attendant.remove_cards()
    return True


def command(scenario, build, logs, log, options, attendant):
    """QEMU's command line; writes the cards or the device tree that it names."""
    kernel, initrd = build / "kernel.img", Path(options.slow or build).resolve() / "initrd.cpio"
    for path in (kernel, initrd):
        if not path.is_file():
            raise Failed(f"{path} is missing; build first")
    if scenario.initrd or scenario.root is not None:
        initrd = logs / f"{scenario.name}.cpio"
        initrd.write_bytes(scenario.initrd(build) if scenario.initrd else system.initrd(build))
    machine = qemu.Machine(kernel=kernel, initrd=initrd, append=words(scenario, options),
                           **scenario.machine)
    if scenario.tree:
        return loader_argv(scenario, machine, logs, log)
    if not options.show:
        attendant.make_cards(lambda path, card: image.write(
            scenario.image or machine.board, scenario.medium, path, kernel, initrd, qemu.bootargs(machine), card.size,
            card.swap, root_files(scenario, build)))
    machine.disks = attendant.disks(options.show)
    machine.extra = [*machine.extra, *attendant.options()]
    argv = qemu.build_argv(machine, serial="stdio", log=log)
    if not options.show:
        fetched(argv)
    return argv


def root_files(scenario, build):
    """What is on the root of a card that a system lives on; None: it is another card."""
    if scenario.root is None:
        return None
    return system.files(build) | (scenario.root() if callable(scenario.root) else scenario.root)


def fetched(argv):
    """What QEMU is to start must be there; it is not built with the rest."""
    for option, path in zip(argv, argv[1:]):
        if option in ("-bios", "-kernel", "-dtb") and not Path(path).is_file():
            raise Failed(f"{path} is missing; ./wharf test makes or fetches it, and so does ./wharf run with the same machine")


def words(scenario, options):
    """The kernel arguments, with --seed and --append."""
    found = scenario.append.split()
    if options.seed:
        found = [w for w in found if not w.startswith("seed=")] + [f"seed={options.seed}"]
    return " ".join(found + options.append.split())


def judge_log(log, ranges, scenario):
    """Nothing unexpected in QEMU's log; and a run that must be silent took no exception."""
    found = qemulog.complaints(log, ranges, scenario.machine["board"], scenario.faults)
    if found:
        raise Failed(f"QEMU logged {len(found)} lines that allowed-log.txt does not list, first: {found[0]}")


def report(scenario, error, argv, serial, options):
    print(f"{scenario.name}: FAILED: {error}")
    if serial.is_file():
        lines = serial.read_text(errors="replace").splitlines()
        print(f"  last of {len(lines)} lines of the console (all: {serial}):")
        for line in lines[-LAST_LINES:]:
            print(f"    {line}")
    more = [] if options.type.lower() in options.build else ["--type", options.type]
    more += ["--slow", options.slow] if options.slow else []
    more += [f"--seed={options.seed}"] if options.seed else []
    more += [f"--append={options.append}"] if options.append else []
    here = Path(__file__).resolve().relative_to(ROOT)
    print(f"  QEMU: {shlex.join(map(str, argv))}")
    print(f"  repeat: {shlex.join([str(here), '--build', options.build, *more, scenario.name])}")


if __name__ == "__main__":
    sys.exit(main())
