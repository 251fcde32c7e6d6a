# SPDX-License-Identifier: BSD-2-Clause
"""Who looks after a machine while it runs: has its cards made and served, and does to it what a scenario says.

Functions in a scenario's `when` and `check` get an Attendant. Card numbers are those of the scenario's
`disk`, from 0.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import cards
import nbd
from qmp import Qmp, QmpError
from wharf import image
from wharf.boards import ROOT

GDB_COMMANDS = ROOT / "tools" / "gdb" / "wharf.py"
GDB_SECONDS = 60       # a hang
ANSWER_SECONDS = 20    # that gdb waits for one: its own 2 s pass while the host is busy


class Attendant:
    """Of one run. Media lie in `directory`; sockets in a directory of their own, for their names must be short."""

    def __init__(self, scenario, directory):
        self.scenario, self.directory = scenario, directory
        self.cards = cards.as_tuple(scenario.disk) or ((cards.Card(),) if scenario.medium else ())
        self.paths = [directory / f"{scenario.name}-{number}.img" for number in range(len(self.cards))]
        self.sockets = Path(tempfile.mkdtemp(prefix="wharf-"))
        self.nbd = {}               # number of a card -> its nbd.Server
        self.monitor = None
        self.keyboard = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.nbd.values():
            server.close()
        if self.monitor:
            self.monitor.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def make_cards(self, write_medium):
        """write_medium(path, card) writes the first one, where the scenario has a medium."""
        if self.paths:
            self.directory.mkdir(exist_ok=True)
        for number, (card, path) in enumerate(zip(self.cards, self.paths)):
            if number == 0 and self.scenario.medium:
                write_medium(path, card)
                card.complete(path)
            else:
                card.make(path)
            if card.served():
                self.nbd[number] = nbd.Server(path, self._socket(number), cards.of_image(card.faults, path))

    def remove_cards(self):
        for path in self.paths:
            path.unlink(missing_ok=True)
            image.stamp_of(path).unlink(missing_ok=True)

    def disks(self, only_shown=False):
        """For QEMU. only_shown: there are no images, so the errors that depend on them are left out."""
        return [card.disk(path, self._socket(number), only_shown)
                for number, (card, path) in enumerate(zip(self.cards, self.paths))]

    def options(self):
        """QEMU's, for the monitor, the line that sends back and gdb."""
        monitor = ["-qmp", f"unix:{self.sockets / 'qmp'},server=on,wait=off"] if self._is_watched() else []
        halted = ["-S"] if self.scenario.before else []
        debugger = ["-chardev", f"socket,id=gdb,path={self.sockets / 'gdb'},server=on,wait=off", "-gdb", "chardev:gdb",
                    "-serial", f"unix:{self.sockets / 'line'},server=on,wait=off"]
        return [*monitor, *halted, *(["-serial", f"pipe:{self._echo()}"] if self.scenario.echo else []),
                *(debugger if self.scenario.debugger else [])]

    def _echo(self):
        """One pipe under the two names that QEMU reads from and writes to. It holds 64 KiB: who sends more than that, and
        does not read, stops the machine."""
        name = self.sockets / "echo"
        os.mkfifo(f"{name}.in")
        os.link(f"{name}.in", f"{name}.out")
        return name

    def start(self, child):
        """QEMU has been started."""
        self.keyboard = child.stdin
        if self._is_watched():
            self.monitor = Qmp(self.sockets / "qmp", lambda: child.poll() is None)
        if self.scenario.before:
            self.scenario.before(self)
            self.resume()

    def _is_watched(self):
        return bool(self.scenario.when or self.scenario.before)

    def _socket(self, number):
        return self.sockets / f"nbd{number}"

    # What the functions of a scenario call.

    def qmp(self, command, **arguments):
        return self.monitor.command(command, **arguments)

    def type(self, text):
        self.keyboard.write(text.encode())
        self.keyboard.flush()

    def console(self):
        """All that the machine has said, as it came."""
        return (self.directory.parent / "test-logs" / f"{self.scenario.name}.console").read_bytes()

    def stop(self):
        self.qmp("stop")

    def resume(self):
        self.qmp("cont")

    def eject(self, number=0):
        """Takes the card out."""
        self.qmp("eject", device=f"card{number}", force=True)
        if self.inserted(number):
            raise QmpError(f"card {number} is still there")

    def insert(self, number=0, path=None):
        """Puts the card back, or another image in its place."""
        served = f"nbd+unix:///?socket={self._socket(number)}" if number in self.nbd else str(self.paths[number])
        self.qmp("blockdev-change-medium", device=f"card{number}", filename=str(path or served), format="raw", force=True)

    def inserted(self, number=0):
        """What QEMU says of the medium; None where there is none."""
        return next(row for row in self.qmp("query-block") if row["device"] == f"card{number}").get("inserted")

    def throttle(self, number=0, iops=0, bytes_per_second=0):
        """Makes it slow; 0 and 0: as fast as it is."""
        self.qmp("block_set_io_throttle", device=f"card{number}", bps=bytes_per_second, bps_rd=0, bps_wr=0, iops=iops,
                 iops_rd=0, iops_wr=0)

    def gdb(self, *commands):
        """What gdb with the commands of tools/gdb/wharf.py prints for these; the machine stands still meanwhile, then goes on."""
        begin = [f"source {GDB_COMMANDS}", f"target remote {self.sockets / 'gdb'}"]
        return self._run_gdb("kernel.elf", [*begin, *commands, "detach"])

    def gdb_on_line(self, program, *commands):
        """What gdb prints that is connected to a gdbserver at the board's next serial line."""
        return self._run_gdb(f"programs/{program}", [f"target remote {self.sockets / 'line'}", *commands])

    def gdb_of(self, program, *commands):
        """What gdb prints of a program's file."""
        return self._run_gdb(f"programs/{program}", commands)

    def _run_gdb(self, program, commands):
        argv = ["gdb-multiarch", "-nx", "-q", "-batch", self.directory.parent / program]
        for command in (f"set remotetimeout {ANSWER_SECONDS}", *commands):
            argv += ["-ex", command]
        try:
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=GDB_SECONDS)
        except FileNotFoundError as error:
            raise QmpError("there is no gdb-multiarch; ./wharf debug installs it") from error
        except subprocess.TimeoutExpired as error:
            raise QmpError(f"gdb has not come back after {GDB_SECONDS} s, and has said: {(error.stdout or b'').decode()}") from error
        return done.stdout
