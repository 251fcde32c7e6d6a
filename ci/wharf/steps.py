# SPDX-License-Identifier: BSD-2-Clause
"""Running commands so that a person can follow them.

With -n nothing runs: every command is printed as a line that can be pasted into a shell. With -v
the commands are printed and their output is shown. Otherwise a long command is one line with its
elapsed time, and its output goes to build/log/NAME.log, whose end is shown when it fails.
"""

import os
import shlex
import subprocess
import sys
import time

from .boards import ROOT

LOGS = ROOT / "build" / "log"
HEARTBEAT = 20.0        # seconds without a word, where output is not a terminal
LONG = 1.0              # a step that took less is not worth a line


class Failure(Exception):
    """Ends ./wharf with its text: one sentence that says what to do."""


class Settings:
    dry = False
    verbose = False


def say(text):
    print(f"wharf: {text}", file=sys.stderr, flush=True)


def show(argv, cwd=None, env=None):
    """Prints a command as it would be typed."""
    words = [f"{k}={shlex.quote(v)}" for k, v in (env or {}).items()] + [shlex.join(map(str, argv))]
    prefix = f"cd {shlex.quote(str(cwd))} && " if cwd else ""
    print(f"+ {prefix}{' '.join(words)}", file=sys.stderr, flush=True)


def call(argv, cwd=None, env=None, **more):
    """Runs a command in the foreground; returns its status (0 in a dry run)."""
    if Settings.dry or Settings.verbose:
        show(argv, cwd, env)
    if Settings.dry:
        return 0
    return subprocess.call([str(a) for a in argv], cwd=cwd, env=_environment(env), **more)


def query(argv, env=None):
    """Output of a command that changes nothing (it runs in a dry run too); '' when it fails."""
    try:
        done = subprocess.run([str(a) for a in argv], env=_environment(env), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def long(title, argv, advice, cwd=None, env=None, log=None, must=True):
    """Runs a long command as one step. advice: the sentence for the case that it fails.

    Returns whether it succeeded (only with must=False can that be False)."""
    if Settings.dry or Settings.verbose:
        show(argv, cwd, env)
    if Settings.dry:
        return True
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log or argv[0]}.log"
    start = time.monotonic()
    line = _Line(title, start)
    with open(path, "wb") as out:
        sink = None if Settings.verbose else out
        try:
            child = subprocess.Popen([str(a) for a in argv], cwd=cwd, env=_environment(env),
                                     stdin=subprocess.DEVNULL, stdout=sink,
                                     stderr=subprocess.STDOUT if sink else None)
        except OSError as error:
            raise Failure(f"{argv[0]} cannot be started ({error.strerror}); "
                          "run ./wharf doctor.") from error
        status = line.wait(child, path)
    line.end("done" if status == 0 else f"failed (status {status})")
    if status == 0 or not must:
        return status == 0
    if not Settings.verbose:
        print(tail(path, 25), file=sys.stderr)
    where = path.relative_to(ROOT)
    raise Failure(f"{title}: this failed; {advice}" + ("" if Settings.verbose else f" (All of it: {where}.)"))


def tail(path, lines):
    text = path.read_bytes().decode(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


def _environment(env):
    return dict(os.environ, **env) if env else None


class _Line:
    """One line of progress: rewritten in place on a terminal, a heartbeat otherwise."""

    def __init__(self, title, start):
        self.title, self.start = title, start
        self.live = sys.stderr.isatty() and not Settings.verbose
        self.said = None        # when the last line was printed, where output is not a terminal

    def wait(self, child, path):
        while True:
            try:
                return child.wait(timeout=LONG if self.said is None else LONG / 2)
            except subprocess.TimeoutExpired:
                self._tick(path)
            except BaseException:
                child.terminate()
                child.wait()
                raise

    def _tick(self, path):
        now = time.monotonic()
        if self.live:
            print(f"\r\033[Kwharf: {self.title} ... {now - self.start:.0f} s", end="",
                  file=sys.stderr, flush=True)
        elif self.said is None:
            self.said = now
            say(f"{self.title} ...")
        elif now - self.said >= HEARTBEAT:
            self.said = now
            last = "" if Settings.verbose else tail(path, 1).strip()[:60]
            say(f"{self.title} ... {now - self.start:.0f} s  {last}")

    def end(self, word):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr)
        took = time.monotonic() - self.start
        if took >= LONG or word != "done" or Settings.verbose:
            say(f"{self.title}: {word}, {took:.1f} s")
