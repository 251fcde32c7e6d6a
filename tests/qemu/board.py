#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The system scenarios on a board, over the serial line that is its console.

    tests/qemu/board.py --device /dev/ttyUSB0 [-R REGEX]      (./wharf test --serial /dev/ttyUSB0)

The board has a card of ./wharf image --tests. For each scenario U-Boot is stopped, told the kernel's arguments, and goes on; what comes is judged as in QEMU. Each
ends with a restart. A board that does not come back is to be switched off and on by who sits there, or by --reset COMMAND.

Of the everyday scenarios those run that need no more than the kernel, the programs and the console, and leave a machine that begins anew. CPUs and memory
are made as few as a scenario wants by kernel arguments; a board has to have them.
"""

import argparse
import os
import re
import select
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "ci"), str(ROOT / "tools")]

import ipc  # noqa: E402
import programs  # noqa: E402
import pthreads  # noqa: E402
import vm  # noqa: E402
from console import AUTOBOOT, ESCAPES, FIRMWARE_BEGINS, KERNEL_BEGINS, PROMPTS, Failed, Watch, Weave  # noqa: E402
from scenario import EVERYDAY  # noqa: E402

WORDS = "wharf_args"        # what board/*/boot.cmd takes instead of the card's own arguments
HERE_SECONDS = 2            # for an answer to a key
RESTART_SECONDS = 60        # from the last line of a run to U-Boot
PERSON_SECONDS = 600        # for somebody who switches the board off and on
SHELL = b"wharf$ "
AT_PROMPT = tuple(prompt.rstrip() for prompt in PROMPTS)


def main():
    options = arguments()
    table = [s for s in scenarios() if re.search(options.regex, s.name)]
    if options.list:
        print("\n".join(s.name for s in table))
        return 0
    if not table:
        sys.exit("no scenario of that name can run on a board; --list shows them")
    logs = Path(options.logs)
    logs.mkdir(parents=True, exist_ok=True)
    failed = []
    with Line(options.device, logs / "board.console", options.reset) as line:
        for scenario in table:
            began = time.monotonic()
            try:
                run(line, scenario)
                print(f"{scenario.name}: ok, {time.monotonic() - began:.0f} s", flush=True)
            except Failed as error:
                failed.append(scenario.name)
                print(f"{scenario.name}: FAILED: {error}\n  all that came: {logs / 'board.console'}", flush=True)
    print(f"{len(table) - len(failed)} passed, {len(failed)} failed" + "".join(f"\n    {name}" for name in failed))
    return 1 if failed else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", required="--list" not in sys.argv, help="the serial line, 115200 8N1")
    parser.add_argument("--reset", metavar="COMMAND", help="switches the board off and on")
    parser.add_argument("--logs", default=str(ROOT / "build" / "release" / "test-logs"), metavar="DIR")
    parser.add_argument("-R", dest="regex", default="", metavar="REGEX", help="only scenarios whose name matches")
    parser.add_argument("--list", action="store_true", help="their names")
    return parser.parse_args()


def scenarios():
    found = [*programs.all_scenarios(), *pthreads.all_scenarios(), *ipc.all_scenarios("release"), *vm.all_scenarios("release")]
    return [s for s in found if fits(s)]


def fits(scenario):
    """It needs nothing that is QEMU's."""
    machine = scenario.machine
    special = (scenario.tree, scenario.initrd, scenario.medium, scenario.disk, scenario.when, scenario.check, scenario.echo, scenario.silent_for,
               scenario.root, machine.get("extra"), machine.get("dtb"), machine.get("cpu"))
    stops = any(word.startswith(("end=", "test=fatal-")) for word in scenario.append.split()) or scenario.name.startswith("log-kept")
    return not any(special) and not stops and scenario.label == EVERYDAY and machine.get("cpus", 1) <= 4 and bool(scenario.expect)


def words(scenario):
    """The kernel's arguments: the last of a name counts."""
    machine = scenario.machine
    made = [f"maxcpus={machine.get('cpus', 1)}", *([f"mem={machine['mem']}"] if machine.get("mem") else [])]
    return " ".join([*made, scenario.append, "end=reboot"])


def run(line, scenario):
    line.stop_firmware()
    line.begin(f"\n---- {scenario.name}\n")
    line.type(f'setenv {WORDS} "{words(scenario)}"\r')
    line.until_prompt()
    line.type("boot\r")
    line.judge(Watch(scenario), scenario.time_limit())


class Line:
    """A board's console. Whatever comes is in the record."""

    def __init__(self, device, record, reset):
        self.device, self.reset = device, reset
        self.record = open(record, "wb")
        self.fd = os.open(device, os.O_RDWR | os.O_NOCTTY)
        self.partial = b""
        self.heard = False

    def __enter__(self):
        if os.isatty(self.fd):
            tty.setraw(self.fd)
            settings = termios.tcgetattr(self.fd)
            settings[2] |= termios.CLOCAL | termios.CREAD
            settings[4] = settings[5] = termios.B115200
            termios.tcsetattr(self.fd, termios.TCSANOW, settings)
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        self.record.close()

    def begin(self, title):
        self.record.write(title.encode())

    def type(self, text):
        os.write(self.fd, text.encode())

    def lines(self, deadline):
        """Whole lines as they come; "" whenever the one that has begun has grown. It ends at the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            data = os.read(self.fd, 4096)
            if not data:
                raise Failed("the line is gone")
            self.record.write(data)
            self.record.flush()
            *whole, self.partial = (self.partial + data).split(b"\n")
            yield from (ESCAPES.sub("", line.decode(errors="replace")).strip("\r") for line in whole)
            yield ""

    def _await_prompt(self, deadline):
        """U-Boot's; its count-down is stopped, and a shell is told to restart."""
        told = False
        for _ in self.lines(deadline):
            if self.partial.rstrip(b" ").endswith(AT_PROMPT):    # blanks: keys that came when it had been stopped
                self.partial = b""
                return True
            elif AUTOBOOT in self.partial:      # it counts, and says so: until it has taken one
                self.type(" ")
            if self.partial.endswith(SHELL) and not told:
                told = True
                self.type("reboot\r")
        return False

    def stop_firmware(self):
        if not self.heard:      # who is there? Later nobody is spoken to who is about to restart: the key might be in the way of those that count
            self.heard = True
            self.type("\r")
            if self._await_prompt(time.monotonic() + HERE_SECONDS):
                return
        if self._await_prompt(time.monotonic() + RESTART_SECONDS):
            return
        if self.reset:
            subprocess.run(self.reset, shell=True, check=False)
        else:
            print(f"{self.device}: U-Boot is not heard; switch the board off and on", flush=True)
        if not self._await_prompt(time.monotonic() + PERSON_SECONDS):
            raise Failed("the board does not come to U-Boot's prompt")

    def until_prompt(self):
        if not self._await_prompt(time.monotonic() + HERE_SECONDS):
            raise Failed("U-Boot does not answer")

    def judge(self, watch, limit):
        """The kernel's lines, until the last that is expected. U-Boot loads first, which is not the scenario's time."""
        kernel, weave = False, Weave()
        for text in self.lines(time.monotonic() + RESTART_SECONDS + limit):
            if not kernel:
                kernel = bool(KERNEL_BEGINS.search(text))
                continue
            if FIRMWARE_BEGINS.search(text):
                raise Failed(f"the board began anew before: {watch.missing()}")
            if text:
                watch.refuse(text)
                watch.line(weave.line(text))
            if watch.done():
                return
        if not kernel:
            raise Failed("U-Boot has not started the kernel; is it a card of ./wharf image --tests?")
        raise Failed(f"nothing for {limit:g} s matched: {watch.missing()}")


if __name__ == "__main__":
    sys.exit(main())
