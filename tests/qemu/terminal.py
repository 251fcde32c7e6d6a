# SPDX-License-Identifier: BSD-2-Clause
"""A person at the serial console: the terminal, and the shell. What is typed when which line has come."""

import re

from ipc import VIRT
from scenario import Scenario, all_ended, ended

PASTED = 64 * 1024


def keys(text):
    return lambda attendant: attendant.type(text)


def paste():
    """Whole lines, at least PASTED bytes; how many."""
    lines, size = [], 0
    while size < PASTED:
        lines.append(f"{len(lines):05} abcdefghijklmnopqrstuvwxyz\r")
        size += len(lines[-1])
    return "".join(lines)


def one_twice(text):
    """A pattern: the line's driver dies while this is on its way, which may repeat one character."""
    return "".join(f"{re.escape(c)}{{1,2}}" for c in text)


def server(name, machine, seconds=6, **more):
    """The terminal server alone: editing, the log between lines, raw keys, a paste, and deaths."""
    text = paste()
    return Scenario(f"terminal-{name}", machine, append=f"arg=system=terminal.conf arg=paste={len(text)}", seconds=seconds,
                    when=((r"^type a line with a mistake$", keys("helxx\x7f\x7flo\r")),
                          (r"^type an end of file$", keys("\x04")),
                          (r"^type three keys$", keys("a\x03\x7f")),
                          (r"^paste$", keys(text)),
                          *[(r"^the driver was killed: type a line$", keys("still there\r"))] * 5,
                          (r"^the terminal was killed: type a line$", keys("again\r"))),
                    anywhere=(r"^terminal-test: a line of the log$", f"^{one_twice(f'terminal-test: {len(text)} bytes were pasted')}$"),
                    expect=(r"^half a line is whole$", r"^terminal-test: all checks passed$", ended("bootstrap"), all_ended()), **more)


def posix():
    """The same line as a file below /dev, by the calls of POSIX."""
    return Scenario("terminal-posix", VIRT, append="arg=system=terminal-posix.conf", seconds=6,
                    when=((r"^posix: type a line$", keys("abc\r")), (r"^posix: type two lines$", keys("abc\rde\r")),
                          (r"^posix: type a key$", keys("\x03"))),
                    expect=(r"^terminal-posix: all checks passed$", ended("bootstrap"), all_ended()))


def tools():
    """Wharf's own tools, with the rights that the description lists for each, and without; the last ends the system."""
    return Scenario("tools", VIRT, append="arg=system=tools.conf", seconds=5,
                    anywhere=(r"^svc: device-manager   running ", r"^lsdev: driver: pl011, for arm,pl011, as tty0, service tty.tty0, the console$",
                              r"^dt: driver: pl011, for arm,pl011", r"^lstask: +\d+ +2 +\d+ .* device-manager$",
                              r"^ps: +\d+ waits +\d+ +\d+:\d\d\.\d\d message", r"^lsport: +[0-9a-f]+ receive +", r"^vmstat: +\d+ +\d+ +\d+ +[1-9]",
                              r"^uptime: .* up 0:\d\d:\d\d, 1 CPUs", r"^top: +\d+ +\d+\.\d +\d+ bootstrap$",
                              r"^lsport-refused: lsport: this session does not have the right host_tasks$", r"^supervisor: lsport-refused ended with status 1$",
                              r"^supervisor: rtc0 was killed and is started again at once"),
                    expect=(r"^supervisor: poweroff ends the system$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [tools(), posix(), server("1cpu", VIRT), server("4cpu", {**VIRT, "cpus": 4})]
