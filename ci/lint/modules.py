# SPDX-License-Identifier: BSD-2-Clause
"""Which module of the kernel may include whose headers. Each header of kern/ belongs to the module that defines what it declares.

A module includes its own headers and those of the modules below it in ORDER. What goes up stands in UP with its reason, and has to be in
use. KNOWN are headers that everybody may include. Whose business is to look at everything may: debug, and self-tests (*_ktest.c).
That the headers in a module's own folder (*_impl.h) are no other's is seen to by layers.py. docs/architecture.md shows the same order.
"""

import re

ABOUT = "the kernel's modules include each other's headers in one order"
INCLUDE = re.compile(r"^\s*#\s*include\s+<kern/([^>]+)>")
HEADERS = "kernel/include/kern/"
DOCUMENT = "docs/architecture.md"

# Bottom first: the module, and its headers.
ORDER = [
    ("lib", "list.h page_sum.h rbtree.h string.h types.h"),
    ("debug", "ktest.h ktest_task.h log.h panic.h stack_guard.h trace.h trace_events.def trace_stream.h"),
    ("sync", "grace.h lockcheck.h lockrank.def spinlock.h"),
    ("mem", "frame.h kmem.h ledger.h"),
    ("time", "clock.h deadline.h"),
    ("sched", "cpu.h sched.h sched_types.h work.h"),
    ("vm", "amap.h anon.h commitment.h map.h memory_object.h ool.h page_wait.h paged_object.h pageout.h pager_volume.h pin.h pmap.h"
           " pressure.h swap.h vm_count.h"),
    ("task", "control.h exception.h futex.h task.h thread.h user_memory.h wait.h"),
    ("ipc", "ipc_check.h ipc_object.h kcall.h kmsg.h msg.h notify.h port.h reply.h space.h"),
    ("kobj", "kobj.h memory_entry.h"),
    ("device", "bootargs.h device.h device_dma.h dt.h interrupt.h"),
    ("irq", ""),
    ("trap", ""),
    ("boot", "boot.h"),
]
KNOWN = {"cpu.h", "log.h"}     # the record of the CPU that one runs on, with a part for each module; how one says something

# What goes up: who, whose headers, why.
UP = [
    ("time", "sched.h", "a CPU has one alarm, for deadlines and for the end of the running turn"),
    ("sched", "task.h thread.h", "what is scheduled: threads of tasks"),
    ("sched", "pmap.h", "who runs next brings its address space"),
    ("sched", "futex.h reply.h", "urgency is lent along who waits for whose futex, and for whose answer"),
    ("vm", "task.h thread.h", "who faults, and whose memory it is"),
    ("vm", "wait.h", "who faults waits for the page"),
    ("vm", "control.h", "when no page can leave, the log says what the default pager's threads do"),
    ("vm", "kmsg.h msg.h port.h reply.h space.h", "pagers are programs: they are asked by messages, and a name space is a pager"),
    ("vm", "device.h device_dma.h", "maps show registers of devices, and memory that devices write to"),
    ("vm", "kobj.h", "the default pager answers to a port of the host"),
    ("vm", "boot.h", "addresses are drawn from the boot's random numbers"),
    ("task", "ipc_object.h msg.h port.h reply.h space.h", "a task has names and a port, a thread a reply and a port; who waits may wait there"),
    ("task", "kobj.h", "who is stopped in the middle of a call in pieces finishes that first"),
    ("ipc", "kobj.h", "a message to a kernel object is executed here and now"),
    ("ipc", "device.h interrupt.h", "an interrupt is told by a message that lies ready, on the fast way too"),
    ("kobj", "device.h", "devices are kernel objects, which end as others do"),
    ("kobj", "boot.h", "the host tells what the boot has learnt"),
]


def check(root, files):
    level = {module: number for number, (module, _) in enumerate(ORDER)}
    owner = {header: module for module, headers in ORDER for header in headers.split()}
    up = {(module, header) for module, headers, _ in UP for header in headers.split()}
    used = set()
    if " ".join(f"`{module}`" for module, _ in ORDER) not in (root / DOCUMENT).read_text():
        yield DOCUMENT, 1, "does not have the modules in the ORDER of ci/lint/modules.py"
    for name in files:
        if not name.startswith("kernel/") or not name.endswith((".c", ".h", ".def")):
            continue
        module = owner.get(name.removeprefix(HEADERS)) if name.startswith(HEADERS) else name.split("/")[1]
        if module not in level:
            yield name, 1, "has no place in ORDER of ci/lint/modules.py"
            continue
        if module == "debug" or name.endswith("_ktest.c"):
            continue
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            header = match.group(1) if match else None
            if header in KNOWN or level.get(owner.get(header), 0) <= level[module]:
                continue
            used.add((module, header))
            if (module, header) not in up:
                yield name, number, f"<kern/{header}> is of {owner[header]}, which stands above {module}"
    for module, header in sorted(up - used):
        yield "ci/lint/modules.py", 1, f"{module} does not include <kern/{header}>: strike it from UP"
    for header in sorted(set(owner) - {name.removeprefix(HEADERS) for name in files}):
        yield "ci/lint/modules.py", 1, f"there is no <kern/{header}>: strike it from ORDER"
