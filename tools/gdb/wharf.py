# SPDX-License-Identifier: BSD-2-Clause
"""gdb commands for Wharf's kernel (docs/debugging.md); ./wharf debug loads this file.

wharf tasks                      every task: threads, pages, ports
wharf threads [-b] [TASK]        every thread: state, CPU, priority, what it waits for; -b: its call chain
wharf ports TASK                 ports whose receive right the task has: queue, senders, who waits there
wharf rights TASK                its names: rights, user references, what they denote
wharf map TASK                   regions of its memory
wharf symbols TASK [FILE]        symbols of its program, where it is loaded
wharf regs                       the system registers that say where the CPU is and why, decoded
wharf early [ADDRESS]            symbols where the kernel runs before its MMU is on
wharf late                       symbols at the linked address again

A TASK is a number, or a name that only one task has. Nothing is changed in the machine, and no structure is
trusted: what cannot be read, or makes no sense, is said to be so.
"""

import sys
from pathlib import Path

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from wharf_gdb import commands  # noqa: E402

gdb.execute("set confirm off")
gdb.execute("set pagination off")
commands.register()
print("wharf tasks, threads, ports, rights, map, symbols, regs, early, late are available (help wharf); "
      "hbreak works before the MMU is on")
