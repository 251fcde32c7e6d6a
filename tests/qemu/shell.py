# SPDX-License-Identifier: BSD-2-Clause
"""The shell: with commands (./wharf run --exec), with a person at the serial console, and each utility once. mksh and busybox are ports: release only."""

from pathlib import Path

from cards import Card
from scenario import CI, Scenario, all_ended, ended
from wharf import userland

VIRT = {"board": "virt", "gic": 2, "mem": "512M"}
EXEC = "log=quiet arg=system=exec.conf arg=log=shown"
UTILITIES = Path(__file__).resolve().parent / "utilities.sh"
COMMANDS = """
echo one two | cat | cat
echo first > /tmp/x; echo second >> /tmp/x; cat < /tmp/x
V=$(cat /tmp/x | tail -n 1); echo "got $V"
for i in 1 2 3; do echo $i; done | while read n; do echo "loop $n"; done
(sleep 1; echo late) & echo early; wait
mkdir -p /tmp/a/b && touch /tmp/a/b/c && mv /tmp/a /tmp/d && ls /tmp/d/b && rm -r /tmp/d && ls /tmp
no-such-program; echo "no program $?"
sleep 100 & kill $!; wait $!; echo "killed $?"
trap 'echo bye' EXIT
exit 3
"""


def initrd(more):
    """A function for Scenario.initrd: the tree's, the shell and its utilities, and files."""
    def make(build):
        return userland.onto((build / "initrd.cpio").read_bytes(), more)
    return make


def commands(cpus, label):
    """What the commands print, in this order, and their status. The log is shown: it says whether kernel objects are left."""
    return Scenario(f"shell-exec-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC,
                    initrd=initrd({"etc/exec": COMMANDS.encode()}), label=label, seconds=15,
                    expect=("^one two$", "^first$", "^second$", "^got second$", "^loop 1$", "^loop 2$", "^loop 3$", "^early$", "^late$", "^c$", "^x$",
                            "^no program 127$", "^killed 143$", "^bye$", "^supervisor: init ended with status 3$", all_ended(3)))


def utilities(cpus):
    """Each utility once (utilities.sh), with a disk for iostat."""
    return Scenario(f"shell-utilities-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC, disk=Card("virtio"), label=CI, seconds=20,
                    initrd=initrd({"etc/exec": b". /samples/utilities.sh\n", "samples/utilities.sh": UTILITIES.read_bytes()}),
                    expect=(r"^utilities: 0 are wrong$", r"^supervisor: init ended with status 0$", all_ended()))


def keys(text):
    return lambda attendant: attendant.type(text)


def typed(name, cpus, *steps, expect=()):
    """A person at the prompt: (pattern of a line, what is typed then)..."""
    return Scenario(name, {**VIRT, "cpus": cpus}, append="arg=system=shell.conf", initrd=initrd({"etc/rc": b"echo type a command\n"}),
                    label=CI, seconds=15, when=tuple((pattern, keys(text)) for pattern, text in steps), expect=(*expect, ended("bootstrap"), all_ended()))


def console(cpus):
    """A prompt, a command, ^C at a program, ^D to one, and the end."""
    return typed(f"shell-console-{cpus}cpu", cpus, (r"type a command", "echo said $((6 * 7))\r"), (r"^said 42", "echo sleeps; sleep 1000\r"),
                 (r"^sleeps", "\x03echo status $?; cat; echo over\r"), (r"^status 130", "a line\r\x04"), (r"^over", "poweroff\r"),
                 expect=(r"^a line",))


def jobs(cpus):
    """Job control: a job is stopped by ^Z, and again when it reads in the background; it goes on in the foreground, and ends by ^C; one that writes in the
    background is stopped after `stty tostop`; kill ends a job, a stopped one too; a group that nobody would wake is not stopped by keys' signals. What a job
    prints it prints when it has the terminal: so the keys that follow are its own. At last the machine begins anew."""
    job = "sh -c 'echo job; while read x; do echo got $x; done'"
    stopped = "until ps -T | grep -q 'stopped .* sh$'; do :; done; jobs"
    orphan = "sh -c '(sleep 0.3; sh -c \"kill -TSTP \\$\\$; echo orphan goes on\") &'"
    return typed(
        f"shell-jobs-{cpus}cpu", cpus,
        (r"type a command", f"{job}\r"), (r"^job$", "\x1a"), (r"\[1\] \+ Stopped ", "jobs\r"),
        (r"^\[1\] \+ Stopped ", f"bg; {stopped}\r"), (r"^\[1\] \+ Stopped \(tty input\)", "fg\r"),
        (r"^\\?sh -c", "abc\r"), (r"^got abc$", "\x03echo status $?\r"),
        (r"^status 130$", f"stty tostop; sh -c 'echo from behind' & {stopped}; fg; stty -tostop\r"), (r"\[1\] \+ Stopped \(tty output\)", ""),
        (r"^from behind$", "sleep 1000 & kill %1; wait %1; echo killed $?\r"),
        (r"^killed 143$", "sh -c 'echo again; exec /bin/sleep 1000'\r"), (r"^again$", "\x1a"),
        (r"\[1\] \+ Stopped ", "kill %1; while ps -T | grep -q 'sleep$'; do :; done\r"),
        (r"\[1\] \+ Terminated ", f"{orphan}\r"), (r"orphan goes on$", "reboot\r"), (r"^type a command", "poweroff\r"))


def all_scenarios(kind):
    if kind != "release":
        return []
    return [commands(1, CI), commands(4, CI), console(1), console(4), jobs(1), jobs(4), utilities(1), utilities(4)]
