# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's monitor protocol: commands to a running machine, one at a time."""

import json
import socket
import time

SECONDS = 20        # for one answer: a machine that waits for its disk answers nothing meanwhile


class QmpError(Exception):
    """QEMU has refused a command, or does not answer."""


class Qmp:
    def __init__(self, path, alive):
        """Connects to QEMU's socket, which may not be there yet; alive(): whether QEMU still runs."""
        self.plug = socket.socket(socket.AF_UNIX)
        self.plug.settimeout(SECONDS)
        self.events = []
        give_up = time.monotonic() + SECONDS
        while True:
            try:
                self.plug.connect(str(path))
                break
            except OSError as error:
                if not alive() or time.monotonic() > give_up:
                    raise QmpError("QEMU has no monitor to talk to") from error
                time.sleep(0.01)
        self.lines = self.plug.makefile("r", encoding="utf-8")
        self._next()        # the greeting
        self.command("qmp_capabilities")

    def close(self):
        self.lines.close()
        self.plug.close()

    def command(self, name, **arguments):
        """What the command returns."""
        self.plug.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._next()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(f"QEMU refuses {name}: {message['error']['desc']}")

    def _next(self):
        try:
            line = self.lines.readline()
        except OSError as error:
            raise QmpError(f"QEMU's monitor does not answer within {SECONDS} s") from error
        if not line:
            raise QmpError("QEMU has closed its monitor")
        message = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message
