# SPDX-License-Identifier: BSD-2-Clause
"""What the probe says of file systems that e2fsprogs and dosfstools have made: made.py PROGRAM."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MIB = 1 << 20
UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
EXT4 = ("mke2fs", "-q", "-t", "ext4", "-L", "data", "-U", UUID)
CASES = (
    (8, [EXT4], f"ext4 data {UUID} 0 0"),
    (8, [(*EXT4, "-b", "1024")], f"ext4 data {UUID} 0 0"),
    (8, [(*EXT4, "-O", "^has_journal"), ("debugfs", "-w", "-R", "set_super_value state 0")], f"ext4 data {UUID} 1 0"),
    (8, [EXT4, ("debugfs", "-w", "-R", "set_super_value state 3")], f"ext4 data {UUID} 0 1"),
    (4, [("mkfs.fat", "-F", "12", "-i", "1234ABCD", "-n", "BOOT")], "fat BOOT 1234-ABCD 0 0"),
    (16, [("mkfs.fat", "-F", "16", "-i", "1234ABCD")], "fat  1234-ABCD 0 0"),
    (64, [("mkfs.fat", "-F", "32", "-i", "1234ABCD", "-n", "BOOT")], "fat BOOT 1234-ABCD 0 0"),
    (4, [("mke2fs", "-q", "-O", "journal_dev")], "none   0 0"),
)


def main(program):
    with tempfile.TemporaryDirectory(prefix="wharf-made-") as name:
        image = Path(name) / "image"
        for size, commands, wanted in CASES:
            image.write_bytes(b"")
            with open(image, "r+b") as file:
                file.truncate(size * MIB)
            for words in commands:
                subprocess.run([shutil.which(words[0]) or f"/usr/sbin/{words[0]}", *words[1:], image], check=True, capture_output=True)
            said = subprocess.run([program, image], check=True, capture_output=True, text=True).stdout.rstrip("\n")
            if said != wanted:
                sys.exit(f"{commands}: it says '{said}', not '{wanted}'")


main(sys.argv[1])
