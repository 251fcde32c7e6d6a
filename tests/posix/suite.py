#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds the Open POSIX Test Suite for Wharf, runs it in QEMU, and says what came out.

    tests/posix/suite.py --build build/release [GROUP...]      groups of groups.json; all of them if none is named
    tests/posix/suite.py -R REGEX                              tests whose name (pthread_create/1-1) matches
    tests/posix/suite.py --write docs/posix-tests.md           write the published list
    tests/posix/suite.py --check docs/posix-tests.md           fail if one does not pass that passes there

The sources come from Debian (ci/deps.json: posixtestsuite). Each test is a process of a whole session: session.py.
"""

import argparse
import collections
import json
import re
import sys
import tarfile
from pathlib import Path

import session
from session import ROOT, Test
from wharf import deps

HERE = Path(__file__).resolve().parent
COUNTED = ("pass", "FAIL", "unresolved", "killed", "hung", "not built", "not run")      # the others say that there is nothing to try
CALLS = "calls clock() a million times and more: minutes, for the clock of a process takes several calls of the kernel"
NOT_RUN = {"clock/1-1": CALLS, "clock_getcpuclockid/1-1": CALLS, "clock_gettime/4-1": CALLS}


def main():
    options = arguments()
    build = Path(options.build).resolve()
    tests = collect(build, options)
    session.build_all(build, tests, build / "posix-tests" / "source" / "include")
    for test in tests:
        if test.name in NOT_RUN:
            test.verdict, test.reason = "not run", NOT_RUN[test.name]
    session.run_all(build, [test for test in tests if not test.verdict], options.verbose, more=files_of_tests(tests))
    show(tests, options.verbose or options.regex)
    if options.write:
        Path(options.write).write_text(document(tests))
    return check(build, tests, Path(options.check).read_text(), options.verbose) if options.check else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("-R", "--regex", default="", metavar="REGEX")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    return parser.parse_args()


# ---- the sources ----

def unpack(where):
    deps.ensure("posixtestsuite")
    archive = next((deps.DEPS / "posixtestsuite").glob("*.tar.gz"))
    if not (where / ".done").is_file():
        with tarfile.open(archive) as tar:
            for member in tar:
                top, _, rest = member.name.partition("/")
                if member.isfile() and rest.startswith(("conformance/", "include/")):
                    member.name = rest
                    tar.extract(member, where)
        (where / ".done").write_text("")
    return where


def collect(build, options):
    where = build / "posix-tests"
    source = unpack(where / "source")
    table = json.loads((HERE / "groups.json").read_text())
    tests, taken = [], set()
    for group, patterns in table.items():       # what several groups name is the first one's
        for pattern in patterns:
            for folder in sorted((source / "conformance" / "interfaces").glob(pattern)):
                if folder in taken or (options.groups and group not in options.groups):
                    continue
                taken.add(folder)
                for path in sorted(folder.glob("*-*.c"), key=number):
                    name = f"{folder.name}/{path.stem}"
                    if re.search(options.regex, name):
                        tests.append(Test(name, group, path, where / "programs" / folder.name / path.stem))
    return tests


def files_of_tests(tests):
    """Programs and files that tests ask for, by the paths that they have where a person would run the suite."""
    here = {test.name: test for test in tests}
    more = {}
    if "sigaltstack/9-buildonly" in here and here["sigaltstack/9-buildonly"].program.is_file():
        more["conformance/interfaces/sigaltstack/9-buildonly.test"] = here["sigaltstack/9-buildonly"].program.read_bytes()
    if "mlockall/3-7" in here:
        more["conformance/interfaces/mlockall/3-7.c"] = here["mlockall/3-7"].source.read_bytes()
    return more


def number(path):
    return [int(part) if part.isdigit() else 0 for part in path.stem.split("-")]


# ---- results ----

def share(tests):
    counted = [test for test in tests if test.verdict in COUNTED]
    passed = sum(test.verdict == "pass" for test in counted)
    return passed, len(counted), len(tests)


def by_group(tests):
    groups = collections.defaultdict(list)
    for test in tests:
        groups[test.group].append(test)
    return groups


def show(tests, all_):
    sys.stdout.reconfigure(line_buffering=True)
    for test in tests:
        if all_ or test.verdict not in ("pass", "untested", "unsupported"):
            print(f"{test.name:40} {test.verdict:12} {test.reason}")
    for group, members in by_group(tests).items():
        passed, counted, total = share(members)
        counts = collections.Counter(test.verdict for test in members)
        print(f"{group}: {passed} of {counted} pass ({100 * passed / max(counted, 1):.1f} %), {total} tests: "
              + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))


def document(tests):
    lines = ["<!-- SPDX-License-Identifier: BSD-2-Clause -->", "# The Open POSIX Test Suite on Wharf", "",
             "Made by `tests/posix/suite.py --write docs/posix-tests.md`; what it runs and how is said there. *Counted* are tests that try",
             "something: not those that say themselves that they do not (untested), or that the option they are about is not there",
             "(unsupported).", "", "| Group | Passed | Counted | Share | All |", "|---|--:|--:|--:|--:|"]
    groups = by_group(tests)
    for group, members in groups.items():
        passed, counted, total = share(members)
        lines.append(f"| {group} | {passed} | {counted} | {100 * passed / max(counted, 1):.1f} % | {total} |")
    passed, counted, total = share(tests)
    lines.append(f"| all | {passed} | {counted} | {100 * passed / max(counted, 1):.1f} % | {total} |")
    for group, members in groups.items():
        lines += ["", f"## {group}", "", "| Test | Result | What it said |", "|---|---|---|"]
        lines += [f"| {test.name} | {test.verdict} | {cell(test.reason)} |" for test in members]
    return "\n".join(lines) + "\n"


def cell(text):
    return text.replace("|", "/").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def check(build, tests, published, verbose):
    """Some tests are races themselves (they sleep, and hope): what is lost is run once more, without its neighbours of before."""
    passed = set(re.findall(r"^\| (\S+) \| pass \|", published, re.M))
    lost = [test for test in tests if test.name in passed and test.verdict != "pass"]
    again = [test for test in lost if test.verdict != "not built"]
    for test in again:
        print(f"posix-tests: {test.name}: {test.verdict} ({test.reason}); once more")
        test.verdict, test.reason, test.said = "", "", []
    session.run_all(build, again, verbose, more=files_of_tests(tests))
    lost = [test for test in lost if test.verdict != "pass"]
    for test in lost:
        print(f"posix-tests: {test.name} passes in the published list, and does not now: {test.verdict} ({test.reason})")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
