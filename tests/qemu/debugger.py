# SPDX-License-Identifier: BSD-2-Clause
"""gdb on the machine, with the commands of tools/gdb/: what they say about a shell at its prompt, and about one that is busy. And gdb on a
program (apps/tests/debuggee.c), by a gdbserver at a serial line."""

import re
import socket

from console import Failed
from scenario import CI, Scenario, all_ended, ended
from shell import RC, initrd, keys

VIRT = {"board": "virt", "gic": 2, "mem": "512M"}
TRIES = 100         # until the shell waits for its line
LINE_SECONDS = 60   # a hang
CROWD_TIMES = 6     # that a program with many threads is attached to, and let go
BUSY = "(while :; do :; done) & echo busy\r"
# What runs is interrupted by ^C, a little later.
INTERRUPTED = ("python import os, signal, threading", "python soon = lambda _: threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()",
               "python gdb.events.cont.connect(soon)", "continue", "python gdb.events.cont.disconnect(soon)")
OVER = "kill %1; wait %1; poweroff\r"


def says(text, *patterns):
    """All patterns are found in what gdb said, and no Python error."""
    for pattern in patterns:
        if not re.search(pattern, text, re.M):
            raise Failed(f"gdb does not say '{pattern}', but: {text}")
    if "Traceback" in text or "Python Exception" in text:
        raise Failed(f"a command of gdb failed: {text}")
    return text


def at_the_prompt(attendant):
    """The shell waits for its line, and the terminal for what is typed: says where the shell's answer comes from."""
    for _ in range(TRIES):
        text = says(attendant.gdb("wharf threads sh", "wharf threads terminal"), r"^sh \(task \d+\):")
        if "an answer of terminal, thread" in text and "a message from set" in text:
            return text
    raise Failed(f"the shell does not wait for the terminal, but: {text}")


def look(attendant):
    at_the_prompt(attendant)
    says(attendant.gdb("wharf tasks", "wharf threads"), r"^ +1 +\d+ +\d+ .* bootstrap$", r" terminal$", r" sh$",
         r"^terminal \(task \d+\):\n +\d+ waiting +\d+ +\d+ a message from set 0x\w+ of \d+ ports$", r"^ +\d+ waiting .* futex at 0x4\w+$")
    says(attendant.gdb("wharf ports terminal", "wharf rights terminal"),
         r"^ +0x\w+ +set of \d+, 0 with messages +to receive: thread \d+$", r"^ +0x\w+ +0 of 16 +0 +\d+ +\d+ +0x\w+$",
         r"^ +0x10001 send +1 the kernel's task terminal \(task \d+\)$", r"^ +0x\w+ send +\d+ port 0x\w+ of tty0 \(task \d+\), 0 of 16 queued$",
         r"^ +0x\w+ receive +0 port 0x\w+ of terminal ", r"^ +0x\w+ send-once +1 the answer to sh, thread \d+$")
    says(attendant.gdb("wharf map terminal", "wharf map sh"), r"^ +0x400000 +0x\w+ +\d+ r-x r-x copy +s-- +physical memory at 0x",
         r"^ +0x\w+ +0x\w+ +\d+ rw- rwx copy +-c- +anonymous$", r"^ +0x400000 +0x\w+ +\d+ r-x ")
    says(attendant.gdb("wharf threads -b terminal", "wharf symbols terminal", "info address driver_serve", "wharf symbols sh", "info symbol main"),
         r"#\d+ +program +0x4\w+ main\+0x", r"^symbols of \S+/programs/terminal, loaded 0x0 above", r'^Symbol "driver_serve" is .*0x4',
         r"^symbols of \S+/mksh/mksh, loaded", r"^main in section ")
    damaged(attendant)
    attendant.type(BUSY)


def damaged(attendant):
    """What is wrong is said in a sentence, and the rest goes on."""
    text = attendant.gdb("wharf tasks 1", "wharf map", "wharf map nobody", "wharf rights 4000000000", "wharf symbols sh /dev/null",
                         "set var $first = tasks.next->prev", "set var tasks.next->prev = 0", "wharf tasks", "set var tasks.next->prev = $first",
                         "wharf regs", "wharf tasks")
    says(text, "^wharf: wharf tasks takes no words$", "^wharf: which task", "^wharf: there is no task 'nobody'", "^wharf: there is no task '4000000000'",
         "^wharf: /dev/null cannot be read as an ELF file", "^wharf: the list at 0xffff.* is damaged", r"^ESR_EL1 ", r" sh$")


def look_at_busy(attendant):
    """A program runs: its CPU sees its memory only, and its registers are the CPU's."""
    for _ in range(TRIES):  # another may have run just then
        text = says(attendant.gdb("wharf threads"), r"^ +\d+ running ")
        task = re.search(r"^sh \(task (\d+)\):\n +\d+ running", text, re.M)
        if task:
            break
    else:
        raise Failed(f"no shell is running: {text}")
    says(attendant.gdb("wharf map sh", f"wharf threads -b {task.group(1)}"), r"^wharf: 'sh' is the name of tasks \d+, \d+: say a number",
         r"#0 +(kernel|program) +0x", r"#\d+ +program +0x4\w+ main\+0x")
    attendant.type(OVER)


def prompt(cpus):
    return Scenario(f"debugger-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=shell.conf", initrd=initrd({"etc/rc": RC}), debugger=True,
                    label=CI, seconds=20, when=((r"type a command", look), (r"^busy", look_at_busy)), expect=(ended("bootstrap"), all_ended()))


def begin_program(attendant):
    attendant.type("gdbserver debuggee; echo server $?\r")


def debug_program(attendant):
    """From the first instruction: breakpoints, variables read and written, steps, threads, and the end with its status."""
    text = attendant.gdb_on_line("debuggee", "print $pc == &_start", "break add", "continue", "print round", "backtrace", "info threads", "stepi", "print $pc == (char *)&add + 4",
                                 "finish", "print total", "set var total = 100", "continue", "next", "finish", "print total", "x/i &add", "info registers pc v0", "delete",
                                 "print add(0)", "set can-use-hw-watchpoints 0", "watch total", "continue", "delete", "set var total = 6", "continue")
    says(text, r"^\$1 = 1$", r"^(Thread 1 hit )?Breakpoint 1, .*add \(round=.*1\)", r"^\$2 = 1$", r"^#0 .*add \(round=.*1\).*\n#1 .* main \(",
         r"^\* 1 .*add", r"^  2 .*Thread", r"^Value returned is \$\d+ = 1$", r"^\$\d+ = 1$", r"Breakpoint 1, .*add \(round=.*2\)", r"^\$\d+ = 102$",
         r"^ +0x\w+ <add>:\t(?!brk)\w+", r"^pc +0x", r"^v0 +",
         r"^\$\d+ = 102\n(.*\n)+Old value = 102\nNew value = 105$", r"exited with code 07\]$")


def begin_waiting(attendant):
    attendant.type("gdbserver debuggee stay; echo waiting $?\r")


def step_over_waits(attendant):
    """A step over a trap that waits for a thread that comes by the same place: into the wait, and out of it, twenty times."""
    waits = ("break sys_futex_wait thread 1", "continue", "delete", "stepi 3", "print $pc - (long)&sys_futex_wait") * 20
    text = attendant.gdb_on_line("debuggee", "break sem_wait thread 1", "continue", "continue", "delete", *waits, "set var enough = 1", "continue")
    says(text, *[rf"^\${number} = " for number in range(1, 21)], r"exited with code 07\]$")


def there(how):
    """It has been started, and has come to where it stays."""
    return f"rm -f /tmp/there; debuggee {how} /tmp/there & until [ -e /tmp/there ]; do sleep 0.01; done"


def attach(attendant):
    """To one that runs: ^C, a fault that is told, and then the program's; another is let go, and lives on."""
    attendant.type(f"{there('stay')}; gdbserver -p $!; wait $!; echo debuggee $?\r")


def debug_attached(attendant):
    text = attendant.gdb_on_line("debuggee", "backtrace", *INTERRUPTED, "info threads", "set var enough = 1", "set var total = 0", "continue",
                                 "backtrace 1", "continue")
    says(text, r" main \(argc=", r"received signal SIGINT", r"received signal SIGSEGV", r"^#0 .* store \(where=0x0\)", r"exited normally\]$")


def attach_by_name(attendant):
    attendant.type(f"{there('stay')}; gdbserver -p debuggee; wait $!; echo debuggee $?\r")


def let_go(attendant):
    text = attendant.gdb_on_line("debuggee", "break usleep", "continue", "delete", "break main", "set var enough = 1", "detach")
    says(text, r"Breakpoint 1, .*usleep \(", r"detached\]$")


def begin_to_kill(attendant):
    attendant.type("gdbserver -l tty.tty1 debuggee stay; echo server $?\r")


def kill(attendant):
    says(attendant.gdb_on_line("debuggee", "break add", "continue", "kill"), r"Breakpoint 1, .*add", r"killed\]$")


def attach_to_crowd(attendant):
    """Each time it ends the next one comes."""
    attendant.type(f"{there('crowd')}; for i in {' '.join(map(str, range(CROWD_TIMES)))}; do gdbserver -p debuggee; done; wait $!; echo crowd $?\r")


def let_crowd_go(*commands):
    def act(attendant):
        text = attendant.gdb_on_line("debuggee", "break pass", "continue", "continue", "delete", "break come_by", "break pass", *commands, "detach")
        says(text, r"Breakpoint 1, .*pass \(", r"detached\]$")
        if "SIGTRAP" in text:
            raise Failed(f"a breakpoint was taken for the program's own: {text}")
    return act


def packet(content):
    return f"${content}#{sum(content.encode()) & 0xff:02x}".encode()


def let_go_in_one_piece(attendant):
    """A breakpoint, on, the breakpoint away, and detach: nothing is heard of the threads that came to it meanwhile. They go on, as if it had not been there."""
    address = int(says(attendant.gdb_of("debuggee", "print (long)&pass"), r"^\$1 = \d+$").split()[-1])
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(LINE_SECONDS)
        line.connect(str(attendant.sockets / "line"))
        line.sendall(b"".join(packet(content) for content in (f"Z0,{address:x},4", "c", f"z0,{address:x},4", "D")))
        said = b""
        while said.count(b"$OK#9a") < 3:
            if not (more := line.recv(4096)):
                raise Failed(f"gdbserver says no more than {said}")
            said += more


def crowd(cpus):
    waiting = r"^gdbserver: waiting for GDB on tty\.tty1$"
    attached = (let_crowd_go(), *[let_go_in_one_piece] * (CROWD_TIMES - 2), let_crowd_go("set var enough = 1"))
    steps = ((r"type a command", attach_to_crowd), *((waiting, act) for act in attached), (r"^crowd 7$", keys("poweroff\r")))
    return Scenario(f"debugger-crowd-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=shell.conf", initrd=initrd({"etc/rc": RC}), debugger=True,
                    label=CI, seconds=25, when=steps, expect=(r"^debuggee: total 15$", ended("bootstrap"), all_ended()))


def program(cpus):
    waiting = r"^gdbserver: waiting for GDB on tty\.tty1$"
    steps = ((r"type a command", begin_program), (waiting, debug_program), (r"^server 0$", begin_waiting), (waiting, step_over_waits), (r"^waiting 0$", attach), (waiting, debug_attached), (r"^debuggee 139$", attach_by_name),
             (waiting, let_go), (r"^debuggee 7$", begin_to_kill), (waiting, kill), (r"^server 0$", keys("poweroff\r")))
    return Scenario(f"debugger-program-{cpus}cpu", {**VIRT, "cpus": cpus}, append="arg=system=shell.conf", initrd=initrd({"etc/rc": RC}), debugger=True,
                    label=CI, seconds=25, when=steps, expect=(r"^debuggee: total 15$", ended("bootstrap"), all_ended()))


def all_scenarios():
    return [prompt(1), prompt(4), program(1), program(4), crowd(1), crowd(4)]
