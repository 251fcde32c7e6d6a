# SPDX-License-Identifier: BSD-2-Clause
"""Programs that are tests, each a process of a whole session on Wharf: how they are built with the options of the tree's own programs, run, and what is
known of them then. suite.py and newlib.py say which.

Some hundred are put into /posix of one initrd, and posix-runner (runner.c; apps/systems/posix-suite.conf) runs them one after another; two machines at
a time. Time is counted in instructions, and jumps while everybody waits: a test that sleeps a minute takes a moment.
"""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "ci"), str(ROOT / "tools")]

import mkinitrd  # noqa: E402
from wharf import qemu  # noqa: E402

BATCH = 400             # programs in one initrd
PATIENCE = 100          # seconds of the machine's time that a test may take
MACHINES = 2            # at once
HANG_SECONDS = 240      # without a word from the machine: of QEMU's on a CPU, so that a busy host makes no difference; of ours if it does not even ask for one
IDLE_SECONDS = 1        # on a CPU in HANG_SECONDS of ours: whoever asks for it gets more
COUNTING = ["-icount", "shift=4,sleep=off", "-M", "dtb-randomness=off", "-seed", "1", "-rtc", "clock=vm,base=2026-01-01"]
VERDICTS = {0: "pass", 1: "FAIL", 2: "unresolved", 4: "unsupported", 5: "untested"}
LINE = re.compile(r"posix-test: (\S+) (begins|exited (\d+)|killed by \d+|hung|not started: .*)$")
TEXT = re.compile(r"^([\w.]+@[\w.-]+)\| (.*)$")
DONE = "posix-runner: done"


@dataclass
class Test:
    name: str               # pthread_create/1-1
    group: str
    source: Path
    program: Path
    verdict: str = ""
    reason: str = ""
    said: list = field(default_factory=list)

    def entry(self):
        return self.name.replace("/", "@")


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
    return compile_, [*link[:link.index("&&")], "-s"]


def build_all(build, tests, include):
    """What cannot be built has a verdict then. Who has changed the tree builds `hello` and `posix-runner` first."""
    compile_, link = commands(build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda test: build_one(build, [*compile_, f"-I{include}"], link, test), tests))


def build_one(build, compile_, link, test):
    test.program.parent.mkdir(parents=True, exist_ok=True)
    object_ = test.program.with_name(test.program.name + ".o")
    if test.program.is_file() and test.program.stat().st_mtime > (build / "programs" / "hello").stat().st_mtime:
        judge_built(test)
        return
    argv = ["ccache", *compile_, "-std=gnu99", "-w", f"-I{test.source.parent}", "-o", object_, "-c", test.source]
    if not attempt(argv, build, test):
        return
    words = [object_ if word.endswith("hello.c.obj") else test.program if word == "programs/hello" else word for word in link]
    linked = attempt(words, build, test)
    judge_built(test)
    if not linked:
        test.program.unlink(missing_ok=True)


def judge_built(test):
    """Some only have to be built; one may be the helper of another."""
    if test.name.endswith("-buildonly"):
        test.verdict, test.reason = "pass", ""


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

def run_all(build, tests, verbose, shown=False, more=None):
    """shown: what those say that pass, too. more: files beside them, {name: content}. Neighbours cost the same: they are dealt out."""
    batches = max(-(-len(tests) // BATCH), min(MACHINES, len(tests)))
    with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
        list(pool.map(lambda number: run_batch(build, number, tests[number::batches], verbose, shown, more or {}), range(batches)))


def run_batch(build, number, tests, verbose, shown, more):
    """A test that the machine dies of, or falls silent in, is the end of that machine only: the others get another one."""
    while tests:
        began = run_machine(build, number, tests, verbose, shown, more)
        if began is None:
            raise RuntimeError("session: the machine ended, or fell silent, before the first test (-v shows what it said)")
        left = [test for test in tests if not test.verdict]
        dead = began if began in left else next(iter(left), None)
        if dead:
            dead.verdict, dead.reason = "hung", "the machine with it"
        tests = [test for test in left if test is not dead]


def run_machine(build, number, tests, verbose, shown, more):
    """The test that began last."""
    files = {f"posix/{test.entry()}": test.program.read_bytes() for test in tests} | {f"posix/{name}": more[name] for name in more}
    files["etc/exec"] = f"{PATIENCE}{' shown' if shown else ''}".encode()
    initrd = build / "posix-tests" / f"initrd-{os.getpid()}-{number}.cpio"
    initrd.write_bytes(mkinitrd.archive(files, (build / "initrd.cpio").read_bytes()))
    machine = qemu.Machine(board="virt", cpus=1, mem="1G", gic=2, kernel=build / "kernel.img", initrd=initrd,
                           append="log=quiet seed=1 arg=system=posix-suite.conf", extra=COUNTING)
    with subprocess.Popen([str(word) for word in qemu.build_argv(machine)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as child:
        try:
            return read_results(child, {test.entry(): test for test in tests}, verbose)
        finally:
            child.kill()
            initrd.unlink()


def read_results(child, by_name, verbose):
    began = None
    while line := read_line(child):
        if verbose:
            print("   ", line, end="")
        line = line.rstrip()
        text, found = TEXT.match(line), LINE.search(line)
        if text and text[1] in by_name:
            by_name[text[1]].said.append(text[2])
        if found and found[1] in by_name and found[2] == "begins":
            began = by_name[found[1]]
        elif found and found[1] in by_name:
            judge(by_name[found[1]], found)
        if line.endswith(DONE):
            break
    return began


def read_line(child):
    """Empty: it has ended, or is silent."""
    spoken = threading.Event()
    watchdog = threading.Thread(target=watch, args=(child, spoken))
    watchdog.start()
    try:
        return child.stdout.readline()
    finally:
        spoken.set()
        watchdog.join()


def watch(child, spoken):
    begun = seen = cpu_seconds(child.pid)
    while not spoken.wait(HANG_SECONDS):
        now = cpu_seconds(child.pid)
        if now - begun >= HANG_SECONDS or now - seen < IDLE_SECONDS:
            child.kill()
            return
        seen = now


def cpu_seconds(pid):
    """Of a process that has not been waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def judge(test, found):
    if found[3] is None:
        test.verdict = found[2].split(":")[0].split(" by")[0]
        test.reason = (f"{found[2]}; " if " by" in found[2] else "") + last_words(test.said)
        return
    test.verdict = VERDICTS.get(int(found[3]), "FAIL")
    if test.verdict != "pass":
        test.reason = (f"status {found[3]}; " if int(found[3]) not in VERDICTS else "") + last_words(test.said)


def last_words(said):
    words = " ".join(line for line in said[-2:] if line.strip())
    return re.sub(r"\s+", " ", words)[:160]
