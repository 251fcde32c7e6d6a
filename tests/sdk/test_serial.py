#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./wharf test --serial, with a QEMU in the board's place whose console is a pseudo-terminal, and a card of ./wharf image --tests in it."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "ci"))

from wharf import qemu  # noqa: E402

LONG = 240


class Serial(unittest.TestCase):
    def test_scenarios(self):
        with tempfile.TemporaryDirectory(prefix="wharf-serial-") as folder:
            card = Path(folder) / "card.img"
            subprocess.run([ROOT / "wharf", "image", "--board", "virt", "--tests", "--append", "init=hello", "-o", card], check=True, capture_output=True)
            machine = qemu.Machine(board="virt", boot="uboot", cpus=4, mem="256M", disks=[qemu.Disk(str(card))])
            board = subprocess.Popen(qemu.build_argv(machine, serial="pty"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                device = re.search(rb"redirected to (\S+)", board.stdout.readline())[1].decode()
                done = subprocess.run([ROOT / "wharf", "test", "--serial", device, "-R", "^(hello|exit-status|crash-null|clib-4cpu|nothing)$"],
                                      capture_output=True, text=True, timeout=LONG, check=False)
            finally:
                board.kill()
                board.wait()
                board.stdout.close()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in ("hello", "exit-status", "crash-null", "clib-4cpu"):
            self.assertRegex(done.stdout, rf"(?m)^{name}: ok, \d+ s$")
        self.assertIn("4 passed, 0 failed", done.stdout)


if __name__ == "__main__":
    unittest.main()
