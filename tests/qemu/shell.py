# SPDX-License-Identifier: BSD-2-Clause
"""The shell: with commands (./wharf run --exec), with a person at the serial console, and each utility once. mksh and busybox are ports: release only."""

import re
from pathlib import Path

from cards import Card
from console import STAMP, Failed
from programs import STATUS
from scenario import CI, LONG, Scenario, all_ended, ended
from wharf import userland
from wharf.shell import once

VIRT = {"board": "virt", "gic": 2, "mem": "512M"}
EXEC = once(log=True)
UTILITIES = Path(__file__).resolve().parent / "utilities.sh"
# mksh has a sleep of its own, which says that all is well when a signal ends it; and what comes to its children before they are programs it forgets.
COMMANDS = """
echo one two | cat | cat
echo first > /tmp/x; echo second >> /tmp/x; cat < /tmp/x
V=$(cat /tmp/x | tail -n 1); echo "got $V"
for i in 1 2 3; do echo $i; done | while read n; do echo "loop $n"; done
(sleep 1; echo late) & echo early; wait
mkdir -p /tmp/a/b && touch /tmp/a/b/c && mv /tmp/a /tmp/d && ls /tmp/d/b && rm -r /tmp/d && ls /tmp
no-such-program; echo "no program $?"
busybox sleep 100 & until busybox ps | grep -q 'busybox sleep 10[0]$'; do :; done; kill $!; wait $!; echo "killed $?"
trap 'echo bye' EXIT
exit 3
"""

# Who takes all descriptors, or makes all processes there may be, gets errors; the shell beside him can still end him, and goes on.
BOMBS = """
B=$(posix-bombs descriptors); echo "descriptors of $B"
while true < /dev/null; do sleep 0.1; done; echo "none left"
basename /all/programs
kill -9 -- -$B
while kill -0 -- -$B; do sleep 0.1; done
until true < /dev/null 3< /dev/null 4< /dev/null 5< /dev/null; do sleep 0.1; done
basename /all/pipes | cat
posix-bombs processes > /dev/null
echo "processes"
kill -9 -1
until (exit 0); do sleep 0.1; done
basename /all/over | cat
"""


# More is promised than there is: who takes it all is ended, and nobody else.
FULL = """
posix-bombs memory
basename /all/shell
basename /all/pipes | cat
"""


# tac keeps what it reads until there is no more: more than there is memory. Its lines are a page each. What it says on stderr is an errno that an allocation left.
MORE_THAN_MEMORY = """
hexdump -v -e '1/1 "%02x"' /bin/busybox | fold -w 4000 | head -n 250 > /tmp/base; echo >> /tmp/base
all() { for i in $(seq 55); do cat $1; done; }
mkfifo /tmp/go
take() { (all /tmp/base; echo > /tmp/full; cat /tmp/go) | tac 2> /dev/null | sha256sum > /tmp/sum; }
"""
SWAP = MORE_THAN_MEMORY + """
tac /tmp/base 2> /dev/null > /tmp/reverse
swapon vd0p3 || echo "before mkswap $?"
mkswap vd0p3
swapon -p 5 vd0p3 && echo "on $?"
swapon vd0p3 || echo "twice $?"
swapon -s
take &
until [ -e /tmp/full ]; do sleep 0.2; done
free | awk '/^Swap:/ && $2 > 60000 && $3 > 8000 && $3 + $4 == $2 { print "free-sane" }'
swapon -s; cat /proc/swaps
vmstat 1 2 | awk 'NR > 2 && NF == 15 && $3 > 8000 { n++ } END { print n " lines of vmstat" }'
vmstat -s | awk '/pages swapped out$/ && $1 > 2000 { print "counts-sane" }'
ps -l | awk '$NF == "tac" && $(NF - 1) > 4000 { print "ps-sane" }'
awk '/^VmSwap:/ && $2 > 4000 { print "status-sane" }' /proc/$(pidof tac)/status
awk '/^SwapTotal:/ { total = $2 } /^SwapFree:/ { print "meminfo " (total - $2 > 8000) }' /proc/meminfo
awk '/^pswpout / { print "proc-vmstat " ($2 > 2000) }' /proc/vmstat
: > /tmp/go; wait
all /tmp/reverse | sha256sum | cmp - /tmp/sum && echo "all is there"
swapoff vd0p3; echo "off $?"
swapon -s; echo "end of swapon"
awk '/^SwapTotal:/ { print "swap at the end " $2 }' /proc/meminfo
swapoff vd0p3 || echo "off twice $?"
"""
SWAPPED_AT_THE_END = MORE_THAN_MEMORY + """
mkswap vd0p3
swapon vd0p3
take &
until [ -e /tmp/full ]; do sleep 0.2; done
swapon -s
"""


def initrd(more):
    """A function for Scenario.initrd: the tree's, the shell and its utilities, and files."""
    def make(build):
        return userland.onto((build / "initrd.cpio").read_bytes(), more)
    return make


def commands(cpus, label):
    """What the commands print, in this order, and their status. The log is shown: it says whether kernel objects are left."""
    return Scenario(f"shell-exec-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC,
                    initrd=initrd({"etc/exec": COMMANDS.encode()}), label=label, seconds=15, allow=STATUS,
                    expect=("^one two$", "^first$", "^second$", "^got second$", "^loop 1$", "^loop 2$", "^loop 3$", "^early$", "^late$", "^c$", "^x$",
                            "^no program 127$", "^killed 143$", "^bye$", "^supervisor: init ended with status 3$", all_ended(3)))


# The log gets lines all the time while the commands write theirs: from a first one to a last one.
LOGGED = """
: > /tmp/goes-on
(for i in $(seq 40); do svc restart rtc0 gpio0 fwcfg0; done; rm /tmp/goes-on) &
n=0; while [ -e /tmp/goes-on ]; do n=$((n + 1)); echo "LINE"; done
echo "lines: $n"
"""
WHOLE = "line {}: it is whole, from its first character to the last one"
LOG_LINE, LOG_LINES_LEAST = re.compile(STAMP.pattern + r"[a-z0-9.-]+: \S"), 60


def are_whole(attendant):
    """No line of the log stands in the midst of the commands', in what came as it came, but where line.h (L4) says so: then what has been begun is there again below it."""
    number, logged, begun = 1, 0, ""
    lines = attendant.console().decode().replace("\r", "").split("\n")
    for text in lines[lines.index(WHOLE.format(1)):]:
        wanted = WHOLE.format(number)
        if LOG_LINE.match(text):
            logged, begun = logged + 1, ""
        elif begun:
            raise Failed(f"what should be line {number} is only: {begun}")
        elif text == wanted:
            number += 1
        elif text == f"lines: {number - 1}":
            break
        elif text and wanted.startswith(text):
            begun = text
        else:
            raise Failed(f"instead of line {number} came: {text}")
    if logged < LOG_LINES_LEAST:
        raise Failed(f"there are {logged} lines of the log between {number - 1} of the commands: too few to show anything")


def logged(cpus):
    return Scenario(f"shell-log-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC, initrd=initrd({"etc/exec": LOGGED.replace("LINE", WHOLE.format("$n")).encode()}),
                    label=CI, seconds=20, check=are_whole, expect=(r"^lines: \d+$", "^supervisor: init ended with status 0$", all_ended()))


# The log gets lines, and who would bring it out dies, is started again, and is stopped for good.
QUIET = """
echo begun; svc restart rtc0 gpio0 fwcfg0
svc fault console; until dmesg | grep -q 'supervisor: console ended'; do sleep 0.1; done
until svc | grep -q '^console  *running'; do sleep 0.1; done; echo again
svc stop console; until svc | grep -q '^console  *stopped'; do sleep 0.1; done; svc restart rtc0; sleep 0.2
dmesg | grep -c 'supervisor: console ended'
"""


def is_quiet(attendant):
    """From the first byte to the last the line has what the commands print, and the kernel's last words."""
    said = attendant.console()
    if said != b"begun\r\nagain\r\n2\r\nwharf: all programs have ended, status 0\r\n":
        raise Failed(f"this is not what the commands print: {said[:1000]}")


def quiet(cpus):
    return Scenario(f"shell-quiet-{cpus}cpu", {**VIRT, "cpus": cpus}, append=once(log=False), initrd=initrd({"etc/exec": QUIET.encode()}), label=CI, seconds=15,
                    check=is_quiet, expect=("^begun$", "^again$", all_ended()))


# Who computes has what the drivers and the log leave of the CPU, not the other way round: nobody who serves is ever less urgent, also not as he begins.
BUSY = """
(while :; do :; done) &
svc restart rtc0 gpio0
for i in $(seq 200); do [ $(svc | grep -Ec '^(rtc|gpio)0 +running +0') = 2 ] && break; sleep 0.1; done
svc | awk '$1 ~ /^(rtc0|gpio0)$/ { print $1, $2 }'
kill $!
"""


def busy():
    return Scenario("shell-busy-1cpu", {**VIRT, "cpus": 1}, append=EXEC, initrd=initrd({"etc/exec": BUSY.encode()}), label=CI, seconds=10,
                    anywhere=("^supervisor: rtc0 ended with status 0$", "^supervisor: gpio0 ended with status 0$"),
                    expect=("^gpio0 running$", "^rtc0 running$", "^supervisor: init ended with status 0$", all_ended()))


def bombs(cpus, label):
    return Scenario(f"shell-bombs-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC,
                    initrd=initrd({"etc/exec": BOMBS.encode()}), label=label, seconds=40,
                    expect=(r"^descriptors of \d+$", "^none left$", "^programs$", "^pipes$", "^processes$", "^over$",
                            "^supervisor: init ended with status 0$", all_ended()))


def full(cpus, label):
    return Scenario(f"shell-full-{cpus}cpu", {**VIRT, "mem": "128M", "cpus": cpus}, append=f"{EXEC} arg=overcommit=always",
                    initrd=initrd({"etc/exec": FULL.encode()}), label=label, seconds=20,
                    anywhere=("memory is full: process is asked to end something$", r"memory is full: process \d+ \(posix-bombs\) is ended"),
                    expect=("^memory: signal 9$", "^shell$", "^pipes$", "^supervisor: init ended with status 0$", all_ended()))


def swap(cpus, label):
    """A partition is made, used by a program with more memory than there is, and given up."""
    area = r"partition +\d+ +[1-9]\d+ +5 +0$"
    return Scenario(f"shell-swap-{cpus}cpu", {**VIRT, "mem": "64M", "cpus": cpus}, append=EXEC, disk=Card("virtio", size="256M"), label=label, seconds=60,
                    initrd=initrd({"etc/exec": SWAP.encode()}),
                    expect=(r"^swapon: vd0p3: it is no swap partition", "^before mkswap 1$", r"^swap area of \d+ KiB, [0-9a-f]{32}$", "^on 0$",
                            "^swapon: vd0p3: it is in use$", "^twice 1$", r"^vd0p3 +partition +\d+ +0 +5 +0$", "^free-sane$", rf"^vd0p3 +{area}",
                            r"^Filename\t+Type\t", r"^vd0p3 +partition\t\d+\t\t[1-9]\d+\t\t5$", "^2 lines of vmstat$", "^counts-sane$", "^ps-sane$",
                            "^status-sane$", "^meminfo 1$", "^proc-vmstat 1$", "^all is there$", "^off 0$", "^end of swapon$", "^swap at the end 0$",
                            "^off twice 1$", "^supervisor: init ended with status 0$", all_ended()))


def swapped_at_the_end(cpus, label):
    """The machine stops in order while memory is out: what brings it back is stopped after those whose memory it is."""
    return Scenario(f"shell-swapped-at-the-end-{cpus}cpu", {**VIRT, "mem": "64M", "cpus": cpus}, append=EXEC, disk=Card("virtio", size="256M"), label=label,
                    seconds=30, initrd=initrd({"etc/exec": SWAPPED_AT_THE_END.encode()}),
                    expect=(r"^vd0p3 +partition +\d+ +[1-9]\d+ +0 +0$", "^supervisor: init ended with status 0$", all_ended()))


def utilities(cpus):
    """Each utility once (utilities.sh), with a disk for iostat."""
    return Scenario(f"shell-utilities-{cpus}cpu", {**VIRT, "cpus": cpus}, append=EXEC, disk=Card("virtio"), label=CI, seconds=20,
                    initrd=initrd({"etc/exec": b". /samples/utilities.sh\n", "samples/utilities.sh": UTILITIES.read_bytes()}),
                    expect=(r"^utilities: 0 are wrong$", r"^supervisor: init ended with status 0$", all_ended()))


# Once nothing more is going to be said about the beginning: a line of the log would end what stands before it.
RC = b"while svc | grep -Eq '^(timekeeper|entropy) +(starting|running)'; do sleep 0.1; done; echo type a command\n"
# What is typed before the terminal is as the program wants it is kept as the shell's line editor does.
UPPER = "echo up; tr a-z A-Z\r"
AT_PROMPT = r"^(\x03|\^C)?\r?$"     # who was interrupted has ended, and the shell has begun a new line: before that he might read what is typed


def keys(text):
    return lambda attendant: attendant.type(text)


def nothing(_):
    """To go on in the order of the lines."""


def typed(name, cpus, *steps, expect=()):
    """A person at the prompt: (pattern of a line, what is typed then)..."""
    return Scenario(name, {**VIRT, "cpus": cpus}, append="arg=system=shell.conf", initrd=initrd({"etc/rc": RC}),
                    label=CI, seconds=15, when=tuple((pattern, keys(text)) for pattern, text in steps), anywhere=("^supervisor: init ends the system$",),
                    expect=(*expect, ended("bootstrap"), all_ended()))


def console(cpus):
    """A prompt, a command, ^C at a program, ^D to one, and the end."""
    return typed(f"shell-console-{cpus}cpu", cpus, (r"type a command", "echo said $((6 * 7))\r"), (r"^said 42", UPPER), (r"^up$", "words\r"),
                 (r"^WORDS", "\x03"), (AT_PROMPT, "echo status $?; cat; echo over\r"), (r"^status 130", "a line\r\x04"), (r"^over", "poweroff\r"),
                 expect=(r"^a line",))


def jobs(cpus):
    """Job control: a job is stopped by ^Z, and again when it reads in the background; it goes on in the foreground, and ends by ^C; one that writes in the
    background is stopped after `stty tostop`; kill ends a job, a stopped one too; a group that nobody would wake is not stopped by keys' signals. What a job
    prints it prints when it has the terminal: so the keys that follow are its own. At last the machine begins anew."""
    stopped = "until jobs > /tmp/jobs; grep -q 'Stopped (tty' /tmp/jobs; do :; done; jobs"     # ps says so before the shell has been told
    sleeps = "/bin/sleep 1000 & until ps -T | grep -q '^ *[1-9].* sleep$'; do :; done"    # with a pid: one that is becoming it has none
    orphan = "sh -c '(while kill -0 $$ 2>/dev/null; do sleep 0.01; done; sh -c \"kill -TSTP \\$\\$; echo orphan goes on\") &'"
    return typed(
        f"shell-jobs-{cpus}cpu", cpus,
        (r"type a command", UPPER), (r"^up$", "first\r"), (r"^FIRST$", "\x1a"), (r"\[1\] \+ Stopped ", "jobs\r"),
        (r"^\[1\] \+ Stopped ", f"bg; {stopped}\r"), (r"^\[1\] \+ Stopped \(tty input\)", "fg\r"),
        (r"^\\?tr a-z", "abc\r"), (r"^ABC$", "\x03"), (AT_PROMPT, "echo status $?\r"),
        (r"^status 130$", f"stty tostop; sh -c 'echo from behind' & {stopped}; fg; stty -tostop\r"), (r"\[1\] \+ Stopped \(tty output\)", ""),
        (r"^from behind$", f"{sleeps}; kill %1; wait %1; echo killed $?\r"),
        (r"^killed 143$", f"{sleeps}; kill -STOP %1; until ps -T | grep -q 'stopped .* sleep$'; do :; done; kill %1; "
                          "while ps -T | grep -q 'sleep$'; do :; done\r"),
        (r"\[1\] \+ Terminated ", f"{orphan}\r"), (r"orphan goes on$", "reboot\r"), (r"^type a command", "poweroff\r"))


PROC = """
busybox ps | grep -q ' S .*busybox ps$' && echo ps-self
busybox ps | grep -q '^ *[1-9][0-9]* root  *[0-9]* S  *init exec$' && echo ps-init
busybox free | awk '/^Mem:/ { if ($2 > 400000 && $3 + $4 == $2 && $4 > 100000) print "free-sane" }'
busybox uptime | grep -q 'up [0-9][0-9]* min,.*load average: [0-9]*\\.[0-9][0-9], ' && echo uptime-sane
busybox top -b -n 1 | grep -q 'Load average' && echo top-sane
busybox pidof init > /dev/null && echo pidof-sane
for f in cpuinfo filesystems loadavg meminfo mounts stat swaps uptime version vmstat self/stat self/status self/cmdline self/comm self/maps; do
    test $(cat /proc/$f | wc -c) -gt 1 || echo "empty $f"
done
cat /proc/self/comm; ls /proc/self/ | tr '\\n' ' '; echo
mount | tail -n 3
"""


def proc():
    """/proc as programs of others read it."""
    return Scenario("shell-proc", VIRT, append=EXEC,
                    initrd=initrd({"etc/exec": PROC.encode()}), label=CI, seconds=20,
                    expect=("^ps-self$", "^ps-init$", "^free-sane$", "^uptime-sane$", "^top-sane$", "^pidof-sane$",
                            "^sh$", "^cmdline comm maps stat status task ?$", "^/proc$", all_ended()))


def death():
    """The process server is killed under a shell with jobs; there is a prompt again, with echo, and job control works."""
    return Scenario("shell-death", VIRT, append="arg=system=shell.conf", initrd=initrd({"etc/rc": RC}), label=CI, seconds=10,
                    when=((r"type a command", keys("(while :; do :; done) & sleep 1000 & svc fault process\r")),
                          (r"^supervisor: init ended with status 137", keys("echo again $((6 * 7))\r")), (r"^again 42", keys(UPPER)), (r"^up$", keys("words\r")),
                          (r"^WORDS", keys("\x03")), (AT_PROMPT, keys("echo status $?; busybox ps | grep -c 'sleep 100[0]'\r")),
                          (r"^status 130", nothing), (r"^0", keys("poweroff\r"))),
                    expect=(ended("bootstrap"), all_ended()))


def all_scenarios(kind):
    if kind != "release":
        return []
    return [commands(1, CI), commands(4, CI), logged(2), logged(4), quiet(1), quiet(4), busy(), bombs(2, CI), full(1, CI), full(4, CI), console(1), console(4), jobs(1), jobs(4), utilities(1), utilities(4), proc(), death(),
            *(make(cpus, label) for make in (swap, swapped_at_the_end) for cpus, label in ((1, CI), (2, CI), (4, LONG)))]
