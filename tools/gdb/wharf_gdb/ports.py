# SPDX-License-Identifier: BSD-2-Clause
"""Ports, port sets and names of rights (kern/port.h, kern/space.h)."""

from . import who
from .machine import Bad, read, read_word
from .records import Record, enumerators, kernel_type, links, listed, said

CHUNK = 128     # SPACE_CHUNK_ENTRIES
RIGHTS = {1: "send", 2: "receive", 4: "send-once", 8: "set", 16: "dead"}
RECEIVE = 2
LIMIT = 1 << 16


def names(task):
    """(name, rights, entry) of each name in use."""
    space = Record("struct space", task.space)
    if not 0 < space.limit <= LIMIT:
        raise Bad(f"the task's space of names says that it has {space.limit} entries")
    size = kernel_type("struct ipc_entry").sizeof
    for first in range(0, space.limit, CHUNK):
        chunk = read_word(space.chunks + first // CHUNK * 8)
        for number in range(CHUNK):
            entry = Record("struct ipc_entry", chunk + number * size)
            if entry.bits & 31:
                yield (first + number) << 16 | entry.bits >> 16, entry.bits & 31, entry


def rights_words(rights):
    return "+".join(word for bit, word in RIGHTS.items() if rights & bit)


def queued(port):
    return f"{port.queued} of {port.limit} queued"


def describe_port(address, known):
    """What a port is for: a kernel object's, or whose receive right."""
    port = Record("struct port", address)
    if port.state != _state("PORT_ALIVE"):
        return "a port that has died"
    if port.kobject:
        return f"the kernel's {said('enum kobject', port.kobject, 'KOBJECT_')}{_object(port)}"
    if port.space:
        return f"port {port.name:#x} of {who.describe_space(port.space, known)}, {queued(port)}"
    return f"a port whose receive right is in a message, {queued(port)}"


def _state(name):
    return {text: value for value, text in enumerators("enum port_state").items()}[name]


def _object(port):
    """Which task or thread it is."""
    kind = said("enum kobject", port.kobject, "KOBJECT_")
    if not port.object or kind not in ("task", "thread"):
        return ""
    if kind == "task":
        return f" {who.describe_task(Record('struct task', port.object))}"
    return f" of {who.describe_thread(port.object)}"


def kind_of(address):
    return said("enum ipc_kind", read(address, 1)[0], "IPC_")


def describe_object(address, known):
    """Of a right, whatever it is of."""
    if not address:
        return "nothing"
    kind = kind_of(address)
    if kind == "port":
        return describe_port(address, known)
    if kind == "set":
        return f"a set of {Record('struct port_set', address).member_count} ports"
    if kind == "sonce":
        return f"one message to {describe_port(Record('struct sonce', address).port, known)}"
    if kind == "reply":
        owner = Record("struct reply", address).owner
        return f"the answer to {who.describe_thread(owner)}" if owner else "the answer to a thread that has gone"
    return f"{kind} at {address:#x}"


def _guarded(describe, *arguments):
    try:
        return describe(*arguments)
    except Bad as bad:
        return f"? {bad}"


def show_rights(task):
    known = who.spaces()
    yield f"rights of {who.describe_task(task)}"
    yield f"{'NAME':>10} {'RIGHTS':<14} {'REFS':>5} OF"
    for name, rights, entry in names(task):
        what = "a port that has died" if rights == 16 else _guarded(describe_object, entry.object, known)
        yield f"{name:#10x} {rights_words(rights):<14} {entry.urefs:>5} {what}"


def _waiting(head):
    """Numbers of the threads in a queue."""
    return [thread.id for thread in listed(head, "struct thread", "wait.link")]


def show_ports(task):
    yield f"ports of {who.describe_task(task)}"
    yield f"{'NAME':>10} {'QUEUED':>11} {'BYTES':>7} {'SENDERS':>7} {'SEQNO':>7} {'SET':>10} WHO WAITS"
    for name, rights, entry in names(task):
        if rights & (RECEIVE | 8):
            yield _guarded(_port_line, name, rights, entry)


def _port_line(name, rights, entry):
    if rights & RECEIVE:
        port = Record("struct port", entry.object)
        in_set = f"{Record('struct port_set', port.set).name:#x}" if port.set else "-"
        figures = (f"{f'{port.queued} of {port.limit}':>11} {port.queued_bytes:>7} {port.senders:>7} {port.seqno:>7} "
                   f"{in_set:>10}")
        waits = [("to receive", _waiting(port.address_of("receivers"))),
                 ("to send", _waiting(port.address_of("blocked")))]
    else:
        port = Record("struct port_set", entry.object)
        ready = sum(1 for _ in links(port.address_of("ready")))
        figures = f"{f'set of {port.member_count}, {ready} with messages':<46}"
        waits = [("to receive", _waiting(port.address_of("receivers")))]
    said_of = [f"{what}: thread {', '.join(map(str, found))}" for what, found in waits if found]
    return f"{name:#10x} {figures} {'; '.join(said_of)}".rstrip()
