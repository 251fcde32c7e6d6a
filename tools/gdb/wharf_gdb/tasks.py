# SPDX-License-Identifier: BSD-2-Clause
"""Tasks and threads: what they are, and what each thread waits for (kern/thread.h, kern/wait.h)."""

from . import chains, machine, ports, who
from .machine import Bad
from .records import Record, offset, plain, said

FRAMES, WIRED, COMMITMENT, KMEM, PORTS = 0, 1, 2, 3, 6      # wharf/abi/ledgers.def
TERMINATE, SUSPENDED = 1, 4                                 # enum thread_flags
OWNED = 1                                                   # of a futex's key: it has an owner (kernel/task/futex_pi.c)
NO_PORT_TO_SEND = "an answer"


def show_tasks():
    yield f"{'TASK':>5} {'THREADS':>7} {'PAGES':>8} {'PROMISED':>8} {'PORTS':>6} {'KERNEL':>7} NAME"
    for task in who.tasks():
        yield _task_line(task)


def _task_line(task):
    try:
        ledger = Record("struct ledger", task.ledger)
        used = [plain(ledger.value["account"][kind]["used"]) for kind in (FRAMES, COMMITMENT, PORTS, KMEM)]
    except Bad as bad:
        return f"{task.id:>5} {task.thread_count:>7} {task.text('name')}: ? {bad}"
    state = " (ending)" if task.dying else " (suspended)" if task.suspend_count else "" if task.started else " (not started)"
    return (f"{task.id:>5} {task.thread_count:>7} {used[0]:>8} {used[1]:>8} {used[2]:>6} {used[3] // 1024:>6}K "
            f"{task.text('name')}{state}")


def show_threads(words):
    """-b: with call chains. Of one task, or all."""
    with_chains = "-b" in words
    names = [word for word in words if word != "-b"]
    if len(names) > 1:
        raise Bad("wharf threads [-b] [TASK]")
    wanted = [who.find_task(names[0])] if names else list(who.tasks())
    running, known = who.running(), who.spaces()
    yield f"{'THREAD':>6} {'STATE':<9} {'CPU':>3} {'PRI':>7} WAITS FOR"
    for task in wanted:
        yield f"{who.describe_task(task)}:"
        try:
            for thread in who.threads(task):
                yield _thread_line(thread, known)
                if with_chains:
                    yield from _chain(thread, task, running.get(thread.address))
        except Bad as bad:
            yield f"       ? {bad}"


def _thread_line(thread, known):
    state = said("enum thread_state", thread.state, "THREAD_")
    if thread.flags & TERMINATE:
        state = "ends"
    own, lent = plain(thread.value["own_context"]["priority"]), thread.inherited
    priority = f"{own}" if max(thread.floor, lent) <= own else f"{own}<{max(thread.floor, lent)}"
    line = f"{thread.id:>6} {state:<9} {thread.at('runnable.cpu'):>3} {priority:>7} {_wait(thread, state, known)}".rstrip()
    if thread.flags & SUSPENDED:
        line += " (suspended)"
    return line if thread.text("name") == "(no name)" else f"{line}  [{thread.text('name')}]"


def _chain(thread, task, cpu):
    try:
        for number, line in enumerate(chains.of_thread(thread, task, cpu)):
            yield f"          #{number:<2} {line}"
    except Bad as bad:
        yield f"          ? {bad}"


def _wait(thread, state, known):
    if state != "waiting":
        return ""
    try:
        kind = said("enum wait_kind", thread.at("wait.kind"), "WAIT_")
        return {"futex": _futex, "receive": _receive, "send": _send, "reply": _reply, "page": _page,
                "exception": _exception}.get(kind, lambda *_: kind)(thread, known)
    except Bad as bad:
        return f"? {bad}"


def _futex(thread, _):
    key = plain(thread.value["wait"]["key"][1])
    owner = ""
    if key & OWNED:
        owner = f", owned by {who.describe_thread(thread.lends_to)}" if thread.lends_to else ", which has an owner"
    return f"futex at {key & ~OWNED:#x}{owner}"


def _queue(thread):
    """The port or set whose queue it is in: ports and sets have their lock at the same place (O3 of kern/ipc_object.h)."""
    lock = thread.at("wait.queue_lock")
    if not lock:
        raise Bad("its wait is just beginning or ending")
    return lock - offset("struct port", "lock")


def _receive(thread, known):
    place = _queue(thread)
    if ports.kind_of(place) == "set":
        found = Record("struct port_set", place)
        return f"a message from set {found.name:#x} of {found.member_count} ports"
    return f"a message from {ports.describe_port(place, known)}"


def _send(thread, known):
    return f"room to send to {ports.describe_port(_queue(thread), known)}"


def _reply(thread, _):
    reply = Record("struct reply", thread.reply)
    if not reply.holder:
        return "an answer that nobody has begun"
    return f"an answer of {who.describe_thread(reply.holder)}"


def _page(thread, known):
    page = thread.value["page"]
    va, thing = plain(page["va"]), plain(page["object"])
    if thing < machine.KERNEL_BEGIN:
        return f"page at {va:#x}, which is out, or a frame for it"
    port = Record("struct paged_object", thing).port
    return f"page at {va:#x}, of {ports.describe_port(port, known) if port else 'a pager that has gone'}"


def _exception(thread, _):
    reply = Record("struct reply", thread.exception_reply)
    what = plain(thread.value["exception"]["kind"])
    whose = f" of {who.describe_thread(reply.holder)}" if reply.holder else ""
    return f"the answer{whose} to its exception of kind {what} at {plain(thread.value['exception']['address']):#x}"
