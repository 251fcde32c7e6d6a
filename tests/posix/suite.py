#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds the Open POSIX Test Suite for Wharf, runs it in QEMU, and says what came out.

    tests/posix/suite.py --build build/release [GROUP...]      groups of groups.json; all of them if none is named
    tests/posix/suite.py -R REGEX                              tests whose name (pthread_create/1-1) matches
    tests/posix/suite.py --write docs/posix-tests.md           write the published list
    tests/posix/suite.py --check docs/posix-tests.md           fail if one does not pass that passes there

The sources come from Debian (ci/deps.json: posixtestsuite) and are built with the options of the tree's own programs, each
test a program of its own. Some hundred of them are put into one initrd with posix-runner (runner.c), which runs them one after another.
Time is counted in instructions, and jumps while everybody waits: a test that sleeps a minute takes a moment.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "ci"), str(ROOT / "tools")]

import mkinitrd  # noqa: E402
from wharf import deps, qemu  # noqa: E402

BATCH = 120             # programs in one initrd
PATIENCE = 600          # seconds of the machine's time that a test may take
HANG_SECONDS = 900      # of ours, for a batch
COUNTING = ["-icount", "shift=4,sleep=off", "-M", "dtb-randomness=off", "-seed", "1", "-rtc", "clock=vm,base=2026-01-01"]
VERDICTS = {0: "pass", 1: "FAIL", 2: "unresolved", 4: "unsupported", 5: "untested"}
COUNTED = ("pass", "FAIL", "unresolved", "died", "hung", "not built")     # the others say that there is nothing to try
LINE = re.compile(r"^posix-test: (\S+) (exited (\d+)|died|hung|not started: .*)$")
TEXT = re.compile(r"^([a-z_]+@[\w-]+)\| (.*)$")


@dataclass
class Test:
    name: str               # pthread_create/1-1
    group: str
    source: Path
    program: Path
    verdict: str = ""
    reason: str = ""

    def entry(self):
        return "pt." + self.name.replace("/", "@")


def main():
    options = arguments()
    build = Path(options.build).resolve()
    tests = collect(build, options)
    build_all(build, tests)
    ready = [test for test in tests if not test.verdict]
    for at in range(0, len(ready), BATCH):
        run_batch(build, ready[at:at + BATCH], options.verbose)
    show(tests, options.verbose or options.regex)
    if options.write:
        Path(options.write).write_text(document(tests))
    return check(tests, Path(options.check).read_text()) if options.check else 0


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
    wanted = options.groups or list(table)
    tests = []
    for group in wanted:
        for pattern in table[group]:
            for folder in sorted((source / "conformance" / "interfaces").glob(pattern)):
                for path in sorted(folder.glob("*-*.c"), key=number):
                    name = f"{folder.name}/{path.stem}"
                    if re.search(options.regex, name):
                        tests.append(Test(name, group, path, where / "programs" / folder.name / path.stem))
    return tests


def number(path):
    return [int(part) if part.isdigit() else 0 for part in path.stem.split("-")]


# ---- building ----

def commands(build):
    """How a program of the tree is compiled and linked: that of `hello`, without its names and warnings."""
    entries = json.loads((build / "compile_commands.json").read_text())
    entry = next(e for e in entries if e["file"].endswith("apps/tests/hello.c"))
    compile_ = [word for word in shlex.split(entry["command"]) if not word.startswith(("-W", "-std="))]
    compile_ = compile_[:compile_.index("-o")]
    line = subprocess.run(["ninja", "-C", build, "-t", "commands", "programs/hello"], capture_output=True, text=True,
                          check=True).stdout.splitlines()[-1]
    link = shlex.split(line)
    link = link[link.index("&&") + 1:]
    return compile_, link[:link.index("&&")]


def build_all(build, tests):
    compile_, link = commands(build)
    include = build / "posix-tests" / "source" / "include"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda test: build_one(build, compile_, link, include, test), tests))


def build_one(build, compile_, link, include, test):
    test.program.parent.mkdir(parents=True, exist_ok=True)
    object_ = test.program.with_suffix(".o")
    argv = ["ccache", *compile_, "-std=gnu99", "-w", f"-I{include}", f"-I{test.source.parent}", "-o", object_, "-c", test.source]
    if not attempt(argv, build, test):
        return
    if test.name.endswith("-buildonly"):
        test.verdict = "pass"
        return
    words = [object_ if word.endswith("hello.c.obj") else test.program if word == "programs/hello" else word for word in link]
    attempt(words, build, test)


def attempt(argv, build, test):
    done = subprocess.run([str(word) for word in argv], cwd=build, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return True
    test.verdict, test.reason = "not built", cause(done.stderr)
    return False


def cause(text):
    found = re.search(r"undefined reference to `(\w+)'", text)
    if found:
        return f"no {found[1]}()"
    found = re.search(r"error: (.*)", text)
    return found[1] if found else text.strip().splitlines()[-1]


# ---- running ----

def run_batch(build, tests, verbose):
    folder = build / "posix-tests"
    files = {"posix-runner": mkinitrd.content(build / "programs" / "posix-runner", "aarch64-linux-gnu-objcopy")}
    files |= {test.entry(): mkinitrd.content(test.program, "aarch64-linux-gnu-objcopy") for test in tests}
    initrd = folder / "initrd.cpio"
    initrd.write_bytes(mkinitrd.archive(files))
    machine = qemu.Machine(board="virt", cpus=1, mem="1G", gic=2, kernel=build / "kernel.img", initrd=initrd,
                           append=f"init=posix-runner arg=patience={PATIENCE} log=quiet seed=1", extra=COUNTING)
    argv = [str(word) for word in qemu.build_argv(machine)]
    by_name = {test.entry()[3:]: test for test in tests}
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as child:
        watchdog = threading.Timer(HANG_SECONDS, child.kill)
        watchdog.start()
        try:
            read_results(child.stdout, by_name, verbose)
        finally:
            watchdog.cancel()
            child.kill()
    for test in tests:
        if not test.verdict:
            test.verdict, test.reason = "hung", "the machine with it"


def read_results(console, by_name, verbose):
    said = collections.defaultdict(list)
    for line in (text.rstrip() for text in console):
        if verbose:
            print("   ", line)
        text = TEXT.match(line)
        if text:
            said[text[1]].append(text[2])
        found = LINE.match(line)
        if found and found[1] in by_name:
            judge(by_name[found[1]], found, said[found[1]])
        if line == "posix-runner: done":
            return


def judge(test, found, said):
    if found[3] is None:
        test.verdict = found[2].split(":")[0]
    else:
        test.verdict = VERDICTS.get(int(found[3]), "died")
    if test.verdict not in ("pass",):
        test.reason = (f"status {found[3]}; " if found[3] and int(found[3]) not in VERDICTS else "") + last_words(said)


def last_words(said):
    words = " ".join(line for line in said[-2:] if line.strip())
    return re.sub(r"\s+", " ", words)[:160]


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
    for group, members in groups.items():
        lines += ["", f"## {group}", "", "| Test | Result | What it said |", "|---|---|---|"]
        lines += [f"| {test.name} | {test.verdict} | {cell(test.reason)} |" for test in members]
    return "\n".join(lines) + "\n"


def cell(text):
    return text.replace("|", "/").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def check(tests, published):
    passed = set(re.findall(r"^\| (\S+) \| pass \|", published, re.M))
    lost = [test.name for test in tests if test.name in passed and test.verdict != "pass"]
    for name in lost:
        print(f"posix-tests: {name} passes in the published list, and does not now")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
