# SPDX-License-Identifier: BSD-2-Clause
"""The shell: once with commands (./wharf run --exec), and with a person at the serial console. mksh and busybox are ports: release only."""

from scenario import CI, Scenario, all_ended, ended
from wharf import userland

VIRT = {"board": "virt", "gic": 2, "mem": "512M"}
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

# Who takes all descriptors, or makes all processes there may be, gets errors; the shell beside him can still end him, and goes on.
BOMBS = """
B=$(posix-bombs descriptors); echo "descriptors of $B"
true < /dev/null || echo "none left"
basename /all/programs
kill -9 -- -$B
sleep 1
basename /all/pipes | cat
posix-bombs processes > /dev/null
echo "processes"
kill -9 -1
sleep 1
basename /all/over | cat
"""


def initrd(more):
    """A function for Scenario.initrd: the tree's, the shell and its utilities, and files."""
    def make(build):
        return userland.onto((build / "initrd.cpio").read_bytes(), more)
    return make


def commands(cpus, label):
    """What the commands print, in this order, and their status. The log is shown: it says whether kernel objects are left."""
    return Scenario(f"shell-exec-{cpus}cpu", {**VIRT, "cpus": cpus}, append="log=quiet arg=system=exec.conf arg=log=shown",
                    initrd=initrd({"etc/exec": COMMANDS.encode()}), label=label, seconds=15,
                    expect=("^one two$", "^first$", "^second$", "^got second$", "^loop 1$", "^loop 2$", "^loop 3$", "^early$", "^late$", "^c$", "^x$",
                            "^no program 127$", "^killed 143$", "^bye$", "^supervisor: init ended with status 3$", all_ended(3)))


def bombs(cpus, label):
    return Scenario(f"shell-bombs-{cpus}cpu", {**VIRT, "cpus": cpus}, append="log=quiet arg=system=exec.conf arg=log=shown",
                    initrd=initrd({"etc/exec": BOMBS.encode()}), label=label, seconds=40,
                    expect=(r"^descriptors of \d+$", "^none left$", "^programs$", "^pipes$", "^processes$", "^over$",
                            "^supervisor: init ended with status 0$", all_ended()))


def keys(text):
    return lambda attendant: attendant.type(text)


def console():
    """A prompt, a command, ^C at a program, ^D to one, and the end."""
    return Scenario("shell-console", VIRT, append="arg=system=shell.conf", initrd=initrd({"etc/rc": b"echo type a command\n"}),
                    label=CI, seconds=15,
                    when=((r"type a command", keys("echo said $((6 * 7))\r")), (r"^said 42", keys("echo sleeps; sleep 1000\r")),
                          (r"^sleeps", keys("\x03echo status $?; cat; echo over\r")), (r"^status 130", keys("a line\r\x04")),
                          (r"^over", keys("poweroff\r"))),
                    expect=(r"^a line", ended("bootstrap"), all_ended()))


def all_scenarios(kind):
    return [] if kind != "release" else [commands(1, CI), commands(4, CI), bombs(2, CI), console()]
