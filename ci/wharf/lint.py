# SPDX-License-Identifier: BSD-2-Clause
"""./wharf lint: the project's own checks (ci/lint/), clang-tidy and cppcheck.

A check is a file in ci/lint/ with ABOUT and check(root, files), which yields (path, line, text).
ci/lint/exceptions.txt lists what may stand as it is, each with its reason.
"""

import concurrent.futures
import fnmatch
import importlib.util
import json
import os
import subprocess

from . import build, packages, steps, tree
from .boards import ROOT

CHECKS = ROOT / "ci" / "lint"
OURS = ("arch/", "kernel/", "libsys/", "bootstrap/", "apps/", "drivers-srv/", "pager/", "fs-srv/",
        "process-srv/", "bench/")


def add_arguments(sub):
    sub.add_argument("--fast", action="store_true", help="only the project's own checks")
    sub.add_argument("-R", "--regex", metavar="NAME", help="only this check of ci/lint/")


def main(options):
    build.prepare("host")
    good = own_checks(options.regex)
    if options.fast or options.regex:
        return 0 if good else 1
    packages.ensure("build", "host", "clang", "lint", "fmt")
    for preset in ("clang-release", "host-clang"):
        build.build(preset)
    good = _clang_tidy() and good
    good = _cppcheck() and good
    return 0 if good else 1


def exceptions():
    """[(check, path pattern)] of ci/lint/exceptions.txt."""
    rows = []
    for line in (CHECKS / "exceptions.txt").read_text().splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3 and not line.startswith("#"):
            rows.append((words[0], words[1]))
    return rows


def own_checks(only=None):
    """Runs ci/lint/*.py; prints what they find; True when that is nothing."""
    files, allowed, found = tree.files(), exceptions(), 0
    for path in sorted(CHECKS.glob("*.py")):
        if only and only not in path.stem:
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if steps.Settings.dry:
            steps.say(f"check {path.stem}: {module.ABOUT}")
            continue
        for name, line, text in module.check(ROOT, files):
            if any(path.stem == check and fnmatch.fnmatch(name, pattern) for check, pattern in allowed):
                continue
            print(f"{name}:{line}: {text} [{path.stem}]")
            found += 1
    if found:
        steps.say(f"{found} findings of the project's own checks; ci/lint/exceptions.txt takes exceptions with "
                  "their reasons.")
    return not found


def _sources(preset):
    """The project's own C files in a build tree's compile_commands.json."""
    path = build.tree(preset) / "compile_commands.json"
    if not path.is_file():
        return []
    names = {os.path.relpath(entry["file"], ROOT) for entry in json.loads(path.read_text())}
    return sorted(n for n in names if n.startswith(OURS) and n.endswith(".c"))


def _clang_tidy():
    good, seen = True, set()
    for preset in ("clang-release", "host-clang"):
        names = [n for n in _sources(preset) if n not in seen]
        seen.update(names)
        steps.say(f"clang-tidy over {len(names)} files of {preset}")
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for result in pool.map(lambda n, p=preset: _tidy_one(p, n), names):
                good = result and good
    return good


def _tidy_one(preset, name):
    argv = ["clang-tidy", "--quiet", "-p", build.tree(preset), name]
    if steps.Settings.dry or steps.Settings.verbose:
        steps.show(argv, cwd=ROOT)
    if steps.Settings.dry:
        return True
    done = subprocess.run([str(a) for a in argv], cwd=ROOT, text=True, capture_output=True, check=False)
    if done.stdout.strip():
        print(done.stdout.strip(), flush=True)
    if done.returncode and not done.stdout.strip():
        print(f"{name}: {done.stderr.strip()}", flush=True)
    return done.returncode == 0 and "warning:" not in done.stdout


def _cppcheck():
    database = build.tree("clang-release") / "compile_commands.json"
    argv = ["cppcheck", f"--project={database}", "--enable=warning,performance,portability",
            "--inline-suppr", f"--suppressions-list={CHECKS / 'cppcheck.txt'}", "--std=c11", "--quiet",
            "--error-exitcode=2", "--template={file}:{line}: {message} [{id}]", f"-j{os.cpu_count()}",
            f"-i{ROOT / 'build'}"]
    steps.say("cppcheck")
    status = steps.call(argv, cwd=ROOT)
    return status == 0
