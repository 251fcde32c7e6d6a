# SPDX-License-Identifier: BSD-2-Clause
"""Tasks, their threads, and whose is what."""

from . import records
from .machine import Bad, each_cpu
from .records import Record, listed


def tasks():
    """Every task on the list of all, the oldest first."""
    return listed(records.variable("tasks", "kernel/task/task.c"), "struct task", "link")


def threads(task):
    return listed(task.address_of("threads"), "struct thread", "task_link")


def find_task(words):
    """The task of this number or name."""
    if not words:
        raise Bad("which task? wharf tasks lists them")
    found = [task for task in tasks() if words in (str(task.id), task.text("name"))]
    if not found:
        raise Bad(f"there is no task '{words}'; wharf tasks lists them")
    if len(found) > 1:
        raise Bad(f"'{words}' is the name of tasks {', '.join(str(task.id) for task in found)}: say a number")
    return found[0]


def describe_task(task):
    return f"{task.text('name')} (task {task.id})"


def describe_thread(address):
    """Name of a thread's task and its number. It may have ended (kern/thread.h, T5)."""
    thread = Record("struct thread", address)
    try:
        return f"{Record('struct task', thread.task).text('name')}, thread {thread.id}"
    except Bad:
        return f"a thread that has ended ({thread.id})"


def spaces():
    """{address of a space: its task}"""
    return {task.space: task for task in tasks()}


def describe_space(address, known):
    return describe_task(known[address]) if address in known else f"a task that is ending ({address:#x})"


def running():
    """{address of a thread: number of gdb's thread, the CPU that it is current on}"""
    import gdb
    found = {}
    for address in each_cpu():
        if address:
            current = Record("struct cpu", address).current
            if current:
                found[current] = gdb.selected_thread().num
    return found
