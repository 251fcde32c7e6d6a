#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds newlib's own tests for Wharf, runs them in QEMU, and compares with newlib-passes.txt.

    tests/posix/newlib_suite.py --build build/release          0: what is in newlib-passes.txt passes, and nothing else does
    tests/posix/newlib_suite.py --write                        writes newlib-passes.txt

They are programs whose status says what came out; of some the first lines have to match those in an .exp file beside them. The sources are
the tarball that the library itself is built from. How they are run: session.py.
"""

import argparse
import fnmatch
import re
import sys
import tarfile
from pathlib import Path

import session
from session import ROOT, Test
from wharf import deps

GOLDEN = Path(__file__).with_name("newlib-passes.txt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), metavar="DIR")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    build = Path(options.build).resolve()
    source = unpack(build / "posix-tests" / "newlib")
    tests = collect(source, build / "posix-tests" / "newlib-programs")
    session.build_all(build, tests, source / "include")
    session.run_all(build, [test for test in tests if not test.verdict], options.verbose, shown=True)
    for test in tests:
        compare_output(test)
        print(f"{test.name:30} {test.verdict:12} {test.reason}")
    return write(tests) if options.write else check(tests)


def unpack(where):
    deps.ensure("newlib-source")
    archive = next((deps.DEPS / "newlib-source").glob("*.tar.xz"))
    if not (where / ".done").is_file():
        with tarfile.open(archive) as tar:
            for member in tar:
                rest = member.name.partition("/newlib/testsuite/")[2]
                if member.isfile() and rest:
                    member.name = rest
                    tar.extract(member, where)
        (where / ".done").write_text("")
    return where


def collect(source, programs):
    """newlib.iconv is about an option that is not built in."""
    paths = [path for path in sorted(source.glob("newlib.*/*.c")) if path.parent.name != "newlib.iconv"]
    names = [f"{path.parent.name}/{path.stem}" for path in paths]
    return [Test(name, "newlib", path, programs / name.replace("/", "-")) for name, path in zip(names, paths)]


def expected(test):
    """Patterns of the first lines; none: the status counts."""
    for script in test.source.parent.glob("*.exp"):
        text = script.read_text()
        wanted = re.search(rf"newlib_check_output \"?{re.escape(test.source.name)}\"? \"?\$(\w+)", text)
        if wanted:
            return re.findall(r'"(.*)"', re.search(rf"set {wanted[1]} \{{(.*?)\n\}}", text, re.S)[1])
    return []


def compare_output(test):
    wanted = expected(test)
    if not wanted or test.verdict in ("not built", "hung", "killed"):
        return
    wrong = [line for line, said in zip(wanted, [*test.said, *[""] * len(wanted)]) if not fnmatch.fnmatchcase(said, line)]
    test.verdict, test.reason = ("FAIL", f"no line {wrong[0]!r}") if wrong else ("pass", "")


def write(tests):
    GOLDEN.write_text("# SPDX-License-Identifier: BSD-2-Clause\n# Tests of newlib that pass: written by newlib_suite.py --write.\n"
                      "# The others are older than what they test: newlib.locale/UTF-8 wants sequences of five and six bytes, which this newlib refuses as\n"
                      "# RFC 3629 does; newlib.wctype/twctype wants U+0967, a digit, to be a letter, which its tables of Unicode do not say.\n"
                      + "".join(f"{test.name}\n" for test in tests if test.verdict == "pass"))
    return 0


def check(tests):
    golden = {line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")}
    passed = {test.name for test in tests if test.verdict == "pass"}
    for name in sorted(golden - passed):
        print(f"newlib-suite: {name} is in {GOLDEN.name}, and does not pass")
    for name in sorted(passed - golden):
        print(f"newlib-suite: {name} passes, and is not in {GOLDEN.name}")
    return 1 if passed != golden else 0


if __name__ == "__main__":
    sys.exit(main())
