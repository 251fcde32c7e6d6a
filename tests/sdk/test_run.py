#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./wharf run as a person uses it: commands by --exec, with their output and status and nothing else; a prompt.

    tests/sdk/test_run.py [TestClass.test_name]     builds what is missing first, as ./wharf run does
"""

import os
import pty
import select
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LONG = 120                      # seconds; a run that hangs ends here


def run(*options, **more):
    return subprocess.run([ROOT / "wharf", "run", *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=LONG, check=False, **more)


class Exec(unittest.TestCase):
    def ends(self, commands, output, status, *options):
        done = run(*options, "--exec", commands)
        self.assertEqual((done.stdout, done.returncode), (output, status), done.stderr.decode(errors="replace"))
        return done

    def test_output_and_status(self):
        done = self.ends("echo hello; echo oops >&2; exit 3", b"hello\noops\n", 3)
        self.assertEqual(done.stderr, b"")

    def test_last_line_without_an_end(self):
        self.ends("printf 'a\\nb'", b"a\nb", 0)

    def test_much(self):
        self.ends("seq 1 5000", b"".join(b"%d\n" % n for n in range(1, 5001)), 0)

    def test_lines_like_the_kernels(self):
        text = "[   1.234567] boot: Wharf\nwharf: all is well\nPANIC: not this time\nwharf: all programs have ended, status 0\nrest\n"
        self.ends(f"printf '{text}'; exit 5".replace("\n", "\\n"), text.encode(), 5)

    def test_signal(self):
        self.ends("echo begun; kill -9 $$", b"begun\n", 137)

    def test_wrong_commands(self):
        done = run("--exec", "if")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"syntax error", done.stdout)

    def test_time_out(self):
        began = time.monotonic()
        done = self.ends("echo begun; printf half; sleep 1000", b"begun\nhalf", 124, "--timeout", "6")
        self.assertGreaterEqual(time.monotonic() - began, 6)
        self.assertIn(b"no end after 6 s", done.stderr)

    def test_in_time(self):
        self.ends("exit 4", b"", 4, "--timeout", "60")

    def test_added_files(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "sub" / "deep").mkdir(parents=True)
            (folder / "one").write_bytes(b"1\n")
            (folder / "sub" / "deep" / "two").write_bytes(bytes(range(256)) * 100)
            (folder / "tool").write_text("#!/bin/sh\necho tool \"$@\"\n", encoding="ascii")
            self.ends("cat /usr/all/one; wc -c < /usr/all/sub/deep/two; tool a b; find /usr/all -type f | sort",
                      b"1\n25600\ntool a b\n/usr/all/one\n/usr/all/sub/deep/two\n/usr/all/tool\n", 0,
                      "--add", f"{folder}:/usr/all", "--add", f"{folder / 'tool'}:/bin/")

    def test_raspi4b(self):
        self.ends("uname -m; echo $((1 + 1)) | cat", b"aarch64\n2\n", 0, "--board", "raspi4b")

    def test_u_boot(self):
        self.ends("echo hello | cat; exit 6", b"hello\n", 6, "--boot", "uboot")


class Prompt(unittest.TestCase):
    """Without options there is a shell."""

    def talk(self, steps, *options):
        master, slave = pty.openpty()
        child = subprocess.Popen([ROOT / "wharf", "run", *options], stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
        os.close(slave)
        said, deadline = b"", time.monotonic() + LONG
        try:
            for wanted, keys in steps:
                said = self.until(master, wanted, deadline, said)
                said = said[said.index(wanted) + len(wanted):]
                os.write(master, keys)
            self.until(master, b"wharf: all programs have ended, status 0", deadline)
            self.assertEqual(child.wait(LONG), 0)
        finally:
            child.kill()
            child.wait()
            os.close(master)

    def until(self, master, wanted, deadline, said=b""):
        """said: what has come before, of which the last may be the beginning of what is wanted."""
        while wanted not in said:
            ready = select.select([master], [], [], max(0, deadline - time.monotonic()))[0]
            try:
                data = os.read(master, 4096) if ready else b""
            except OSError:
                data = b""
            self.assertTrue(data, f"no {wanted} in {said[-2000:]}")
            said += data
        return said

    STEPS = ((b"wharf$ ", b"echo said $((6 * 7))\r"), (b"said 42", b""), (b"wharf$ ", b"poweroff\r"))

    def test_virt(self):
        self.talk(self.STEPS)

    def test_raspi4b(self):
        self.talk(self.STEPS, "--board", "raspi4b")


if __name__ == "__main__":
    unittest.main()
