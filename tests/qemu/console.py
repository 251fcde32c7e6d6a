# SPDX-License-Identifier: BSD-2-Clause
"""Starts QEMU, reads its console and judges the lines against a scenario.

The run ends when the last expected line has come; power-off is not waited for. Lines of the
firmware (U-Boot) are not judged, and what QEMU logs meanwhile does not count.
"""

import os
import re
import select
import subprocess
import time
from pathlib import Path

STAMP = re.compile(r"\[ *\d+\.\d{6}\] ")     # of a log line; patterns are written without it
LAST_WORDS = "wharf: "      # of the kernel
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FIRMWARE_BEGINS = re.compile(r"^U-Boot \d{4}\.")
KERNEL_BEGINS = re.compile(r"^Starting kernel")
AUTOBOOT = b"Hit any key to stop autoboot"
PROMPTS = (b"=> ", b"U-Boot> ")
AFTERMATH_SECONDS = 0.5
BUSY_SECONDS = 1            # between looks at whether a busy host is why it takes so long


class Failed(Exception):
    """Why the run is not what the scenario says."""


class Weave:
    """Where a driver has the line that the kernel prints its log on, a line of the log may stand in the midst of a program's: takes them apart. What the kernel says at the very
    end has no stamp, and begins a line; what a program has begun before that, a prompt, is never ended."""

    def __init__(self):
        self.begun = ""         # of a program's line

    def line(self, text):
        """What has been said in whole, without its stamp."""
        if text.startswith(LAST_WORDS):
            return text
        said, stamp, logged = self._parts(text)
        self.begun += said
        if stamp:
            return logged
        said, self.begun = self.begun, ""
        return said

    @staticmethod
    def _parts(text):
        found = STAMP.search(text)
        return (text[:found.start()], found[0], text[found.end():]) if found else (text, "", "")


class Watch:
    """Judges lines one by one."""

    def __init__(self, scenario):
        self.expect = list(scenario.expect)
        self.anywhere = list(scenario.anywhere)
        self.forbidden = [re.compile(p) for p in scenario.forbidden()]
        self.captured = {}
        self.when = list(scenario.when)

    def refuse(self, text):
        for pattern in self.forbidden:
            if pattern.search(text):
                raise Failed(f"this line must not come: {text}")

    def line(self, text):
        self.refuse(text)
        for pattern in dict.fromkeys(p for p in self.anywhere if self._match(p, text)):
            self.anywhere.remove(pattern)
        if self.expect and self._match(self.expect[0], text):
            self.expect.pop(0)

    def due(self, text):
        """The function to call after this line, if it is the next one that is waited for."""
        if self.when and self._match(self.when[0][0], text):
            return self.when.pop(0)[1]
        return None

    def _match(self, pattern, text):
        for name, value in self.captured.items():
            pattern = pattern.replace(f"<{name}>", re.escape(value))
        found = re.search(pattern, text)
        if found:
            self.captured.update(found.groupdict())
        return bool(found)

    def done(self):
        return not self.expect and not self.anywhere and not self.when

    def missing(self):
        return (self.expect[:1] + self.anywhere + [pattern for pattern, _ in self.when])[0]


def starved(pid):
    """Seconds for which QEMU has waited for a CPU of a busy host: that one of its threads which has waited longest."""
    longest = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            longest = max(longest, int(path.read_text().split()[1]))
        except (OSError, IndexError, ValueError):
            pass    # the thread has ended
    return longest / 1e9


class Console:
    """One run. After run(), `log_ranges` says which parts of QEMU's log belong to the kernel."""

    def __init__(self, argv, scenario, serial_path, log_path, attendant):
        self.argv = [str(word) for word in argv]
        self.scenario = scenario
        self.serial_path, self.log_path = serial_path, log_path
        self.attendant = attendant
        self.watch, self.weave = Watch(scenario), Weave()
        self.firmware = scenario.machine.get("boot") == "uboot"
        self.log_ranges = [] if self.firmware else [[0, None]]
        self.partial = b""
        self.answered = False       # the present autoboot message

    def run(self):
        limit = self.scenario.silent_for or self.scenario.time_limit()
        deadline = time.monotonic() + limit
        with open(self.serial_path, "wb") as record:
            child = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
            try:
                self.attendant.start(child)
                self._read(child, deadline, record)
            finally:
                child.kill()
                child.wait()
                child.stdin.close()
                child.stdout.close()

    def _read(self, child, deadline, record):
        try:
            self._read_and_judge(child, deadline, record)
        except Failed:
            self._read_on(child, record)
            raise

    @staticmethod
    def _read_on(child, record):
        """What follows the line that failed: a panic's report, mostly."""
        deadline = time.monotonic() + AFTERMATH_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([child.stdout], [], [], left)[0]:
                return
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                return
            record.write(data)

    def _read_and_judge(self, child, deadline, record):
        waits_for_lines = bool(self.scenario.expect or self.scenario.anywhere)
        while not (waits_for_lines and self.watch.done()):
            left = deadline - time.monotonic()
            if left <= 0 and not waits_for_lines:
                return
            if left <= 0 and -left >= min(self.scenario.time_limit(), starved(child.pid)):
                raise Failed(f"nothing for {self.scenario.time_limit():g} s matched: {self.watch.missing()}")
            if not select.select([child.stdout], [], [], left if left > 0 else BUSY_SECONDS)[0]:
                continue
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                if not waits_for_lines:
                    return
                raise Failed(f"QEMU ended (status {child.wait()}) before: {self.watch.missing()}")
            record.write(data)
            record.flush()
            self._take(data, child.stdin)

    def _take(self, data, keyboard):
        *lines, self.partial = (self.partial + data).split(b"\n")
        for line in lines:
            self._line(ESCAPES.sub("", line.decode(errors="replace")).strip("\r"))
        if self.firmware:
            self._hurry(keyboard)

    def _line(self, text):
        if self.firmware and KERNEL_BEGINS.search(text):
            self.firmware = False
            self.log_ranges.append([self._log_size(), None])
        elif not self.firmware and self.scenario.medium and FIRMWARE_BEGINS.search(text):
            self.firmware = True
            self.answered = False
            self.log_ranges[-1][1] = self._log_size()
        elif not self.firmware:
            self.watch.refuse(text)     # as it came, too: a panic does not end the line that it comes into
            text = self.weave.line(text)
            self.watch.line(text)
            if action := self.watch.due(text):
                action(self.attendant)

    def _hurry(self, keyboard):
        """Stops U-Boot's count-down and boots at once: two seconds less a run."""
        if not self.answered and AUTOBOOT in self.partial:
            self.answered = True
            self._type(keyboard, b" ")
        elif self.answered and self.partial.endswith(PROMPTS):
            self._type(keyboard, b"boot\r")

    @staticmethod
    def _type(keyboard, keys):
        keyboard.write(keys)
        keyboard.flush()

    def _log_size(self):
        try:
            return os.path.getsize(self.log_path)
        except OSError:
            return 0
