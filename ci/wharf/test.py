# SPDX-License-Identifier: BSD-2-Clause
"""./wharf test: builds the presets that the tests live in and runs ctest in each.

A test that carries one of the ctest labels ci and long is left out of smaller runs; all others are
everyday tests, which always run. --ci adds the ci ones, the compilers that everyday leaves out and the quick lints; --long runs everything.
"""

import os
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass

from . import build, deps, format as formatter, lint, packages, ports, serial, steps, uboot
from .boards import ROOT
from .steps import Failure

HOST = ("host", "host-tsan", "host-clang")
QEMU = ("release", "debug")
SLOW = "release-slow"
OTHER_COMPILERS = ("clang-release", "clang-debug")
KERNEL_ONLY = (SLOW, "clang-debug")     # their programs would be those of release and clang-release: the same compiler with the same options
LEFT_OUT = {"everyday": "^(ci|long)$", "ci": "^long$", "long": "^$"}     # regular expressions of labels


@dataclass
class Result:
    where: str
    name: str
    state: str      # passed, failed, skipped
    repeat: str     # the line that runs it again


def add_arguments(sub):
    sub.add_argument("-R", "--regex", metavar="REGEX", help="only tests whose name matches")
    sub.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), metavar="N")
    where = sub.add_mutually_exclusive_group()
    where.add_argument("--host", action="store_true", help="only those that run on this machine")
    where.add_argument("--qemu", action="store_true", help="only those that boot the system")
    where.add_argument("--serial", metavar="DEVICE", help="system scenarios on the board whose console this is, such as /dev/ttyUSB0; its card is one of "
                       "./wharf image --tests")
    scope = sub.add_mutually_exclusive_group()
    scope.add_argument("--everyday", action="store_true", help="the everyday tests, even with CI set")
    scope.add_argument("--ci", action="store_true", help="all that CI runs (default with CI set)")
    scope.add_argument("--long", action="store_true", help="everything")


def scope(options):
    if options.long:
        return "long"
    if options.ci or (os.environ.get("CI") not in (None, "", "false", "0") and not options.everyday):
        return "ci"
    return "everyday"


def main(options):
    if options.serial:
        return serial.run(options)
    what = scope(options)
    presets = [p for p, left_out in [*((p, options.qemu) for p in HOST), *((p, options.host) for p in QEMU)]
               if not left_out]
    if what != "everyday" and not options.host:
        presets.append(SLOW)
    results = []
    _prepare(options, what)
    if what != "everyday" and not options.regex:
        results += _lints()
        if not options.host:
            for preset in OTHER_COMPILERS:
                build.build(preset, _targets(preset))
    for preset in presets:      # build all first: a compile error shows before minutes of tests
        build.build(preset, _targets(preset))
    if what != "everyday" and not options.host:
        ports.ensure(*ports.TESTED)
    for preset in presets:
        results += _ctest(preset, what, options)
    return 0 if steps.Settings.dry else _report(results)


def _targets(preset):
    return ("kernel.img",) if preset in KERNEL_ONLY else ()


def _prepare(options, what):
    """All set-up at once, so that a user who may not install gets one line to run."""
    purposes, wanted = ["build"], ["libfdt", "lz4", "e2fsprogs", "dtbs"]
    if not options.qemu:
        purposes += ["host", "clang", "image", "image-check"]
    if not options.host:
        purposes += ["qemu", "uboot", "image"]
        wanted += ["u-boot-rpi", "firmware"]
    if what != "everyday":
        purposes += ["host", "clang", "fmt", "sdk", "image-check", "debug"]
    packages.ensure(*dict.fromkeys(purposes))
    deps.ensure(*wanted)
    if not options.host:
        uboot.ensure()


def _lints():
    build.prepare("host")       # the checks of headers use the fetched ones
    return [Result("lint", "format", "passed" if formatter.check() else "failed", "./wharf fmt --check"),
            Result("lint", "project rules", "passed" if lint.own_checks() else "failed",
                   "./wharf lint --fast")]


def _ctest(preset, what, options):
    tree = build.tree(preset)
    report = tree / "ctest.xml"
    report.unlink(missing_ok=True)
    argv = ["ctest", "--test-dir", tree, "-j", options.jobs, "-LE", LEFT_OUT[what], "--output-on-failure",
            "--no-tests=ignore", "--output-junit", report]
    if preset == SLOW:
        argv += ["-L", "^qemu$"]    # the others need more than a kernel
    if options.regex:
        argv += ["-R", options.regex]
    steps.say(f"testing {preset} ({what})")
    status = steps.call(argv)
    if steps.Settings.dry:
        return []
    side = "--host" if preset in HOST else "--qemu"
    results = _read(report, preset, side, what) if report.is_file() else []
    if status and not any(r.state == "failed" for r in results):
        results.append(Result(preset, f"ctest ended with status {status}", "failed",
                              f"ctest --test-dir build/{preset}"))
    return results


def _read(report, preset, side, what):
    results = []
    flag = {"everyday": "", "ci": " --ci", "long": " --long"}[what]
    for case in xml.parse(report).getroot().iter("testcase"):
        status, name = case.get("status"), case.get("name")
        state = {"run": "passed", "fail": "failed"}.get(status, "skipped")
        repeat = f"./wharf test {side}{flag} -R '^{re.escape(name)}$'"
        results.append(Result(preset, name, state, repeat))
    return results


def _report(results):
    count = {s: sum(r.state == s for r in results) for s in ("passed", "failed", "skipped")}
    for result in results:
        if result.state == "failed":
            print(f"FAILED {result.where}: {result.name}\n    repeat: {result.repeat}")
    if count["skipped"]:
        print(f"{count['skipped']} skipped: "
              + ", ".join(sorted({r.name for r in results if r.state == "skipped"})))
    print(f"{count['passed']} passed, {count['failed']} failed", flush=True)
    if not count["passed"] + count["failed"]:
        raise Failure("no test ran; look at -R, or at the labels (everyday, ci, long) with "
                      f"ctest --test-dir {(ROOT / 'build').name}/host -N.")
    return 1 if count["failed"] else 0
