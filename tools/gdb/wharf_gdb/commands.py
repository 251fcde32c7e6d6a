# SPDX-License-Identifier: BSD-2-Clause
"""The commands: words taken apart, lines printed, and what is wrong said in one of them."""

import gdb

from . import maps, ports, programs, records, registers, tasks, who
from .machine import Bad

KEPT_TYPES = ("struct task", "struct thread", "struct space", "struct ipc_entry", "struct port", "struct port_set",
              "struct sonce", "struct reply", "struct ledger", "struct pmap", "struct map_entry", "struct memory_object",
              "struct paged_object", "struct rb_node", "struct cpu", "enum thread_state", "enum wait_kind",
              "enum port_state", "enum kobject", "enum ipc_kind", "enum memory_object_kind", "enum paged_state")


def _of_task(show):
    return lambda words: show(who.find_task(" ".join(words)))


def _symbols(words):
    if not words:
        raise Bad("wharf symbols TASK [FILE]")
    return programs.load_symbols(who.find_task(words[0]), " ".join(words[1:]))


def _tasks(words):
    if words:
        raise Bad("wharf tasks takes no words")
    return tasks.show_tasks()


# name -> (function of the words behind it that gives lines, kind of command, help)
TABLE = {
    "tasks": (_tasks, gdb.COMMAND_DATA, "Every task: threads, pages, ports, memory of the kernel for it."),
    "threads": (tasks.show_threads, gdb.COMMAND_STACK,
                "wharf threads [-b] [TASK]: every thread, what it does and waits for; -b: its call chain."),
    "ports": (_of_task(ports.show_ports), gdb.COMMAND_DATA,
              "wharf ports TASK: ports and sets whose receive right it has: queue, senders, who waits there."),
    "rights": (_of_task(ports.show_rights), gdb.COMMAND_DATA,
               "wharf rights TASK: its names: rights, user references, what they denote."),
    "map": (_of_task(maps.show), gdb.COMMAND_DATA, "wharf map TASK: regions of its memory."),
    "symbols": (_symbols, gdb.COMMAND_FILES,
                "wharf symbols TASK [FILE]: symbols of its program where it is loaded, in the place of another's."),
    "regs": (registers.show, gdb.COMMAND_DATA, "The system registers that say where the CPU is and why, decoded."),
    "early": (registers.early, gdb.COMMAND_FILES,
              "wharf early [ADDRESS]: symbols at the physical address of the image; without one, derived from $pc."),
    "late": (registers.late, gdb.COMMAND_FILES, "Forget the symbols of wharf early."),
}


class Prefix(gdb.Command):
    """What Wharf's kernel has: tasks, threads, ports, rights, maps. help wharf"""

    def __init__(self):
        super().__init__("wharf", gdb.COMMAND_DATA, prefix=True)


class Command(gdb.Command):
    def __init__(self, name, function, kind, text):
        self.__doc__ = text
        self.function = function
        super().__init__(f"wharf {name}", kind)

    def invoke(self, argument, _):
        """Errors of what is looked at are gdb's errors, in a sentence."""
        try:
            for line in self.function(gdb.string_to_argv(argument)):
                print(line)
        except Bad as bad:
            raise gdb.GdbError(f"wharf: {bad}") from bad
        except gdb.error as error:
            raise gdb.GdbError(f"wharf: gdb says: {error}") from error


def register():
    Prefix()
    for name, row in TABLE.items():
        Command(name, *row)
    try:
        records.keep_types(*KEPT_TYPES)
    except Bad as bad:
        print(f"wharf: {bad}: only regs works")
