# SPDX-License-Identifier: BSD-2-Clause
"""What happens is recorded while a command of the shell reads a file of an ext4 card: the flow from it through the file server and the card's driver to the interrupt, and
back, is there. mksh and busybox are ports: release only."""

import tempfile
from pathlib import Path

from cards import Card
from console import Failed
from main_job import DATA, tool
from scenario import CI, EVERYDAY, Scenario, all_ended
from shell import EXEC, initrd
from wharf import card
from wharf.timeline import Timeline, TimelineError

SIZE = 1 << 20
# What is written to the card begins after what is recorded. Who records is ended once, in the middle: the next one can begin all the same.
COMMANDS = """
trace 100 sleep 100 & tracer=$!
for i in $(seq 200); do ps -T | grep -q 'sleep$' && break; sleep 0.1; done
trace 1 && echo twice
kill -9 $tracer; wait $tracer; echo "ended $?"
trace 30 -o /tmp/trace.json sh -c '/bin/cat /data/file > /dev/null' && cp /tmp/trace.json /data/trace.json
umount /data && echo unmounted
"""

# What is wrong with the words, no folder, more events than may be, a command that is not there, a file system that is full; each ends by itself.
ERRORS = """
trace 0 || echo "no time $?"
trace -b 0 1 || echo "no room at all $?"
trace -b 1025 1 || echo "too much $?"
trace -o /nowhere/trace.json 1 true || echo "no folder $?"
trace -o /tmp/command.json 5 no-such-program && rm /tmp/command.json
trace -b 1 -o /tmp/short.json 60 sh -c 'for i in $(seq 20000); do echo; done | cat > /dev/null' && cp /tmp/short.json /data/trace.json && echo "short $?"
cat /dev/zero > /data/full 2> /dev/null || echo "it is full"
trace -o /data/none.json 5 ls /bin > /dev/null || echo "not written $?"
rm /data/full /data/none.json
umount /data && echo unmounted
"""


def fill(handle, partitions):
    with tempfile.TemporaryDirectory(prefix="wharf-trace-") as name:
        (Path(name) / "file").write_bytes(bytes(range(256)) * (SIZE // 256))
        data = partitions[DATA]
        tool("mke2fs", "-q", "-t", "ext4", "-d", name, "-E", f"offset={data.start}", handle.name, f"{data.size >> 10}k")


def written(path):
    """The timeline on a card."""
    data = card.layout(Path(path).stat().st_size)[DATA]
    with tempfile.TemporaryDirectory(prefix="wharf-trace-") as name:
        tool("debugfs", "-R", f"dump /trace.json {name}/trace.json", f"{path}?offset={data.start}")
        return Timeline((Path(name) / "trace.json").read_text())


def is_sane(attendant):
    """What is on the card is a file of its format. It."""
    try:
        return written(attendant.paths[0])
    except (OSError, TimelineError) as error:
        raise Failed(f"trace.json: {error}") from error


def check(attendant):
    timeline = is_sane(attendant)
    if timeline.lost:
        raise Failed(f"trace.json: {timeline.lost} events were lost")
    if not timeline.has_way("cat", "ext4", "vd0", "interrupts", "vd0", "ext4", "cat"):
        ways = "\n".join(sorted({" > ".join(way) for way in timeline.ways() if "cat" in way[0]}))
        raise Failed(f"trace.json: no flow goes from cat through ext4 and vd0 to the interrupt and back, but these do:\n{ways}")
    for name in ("fault", "woken"):
        if not any(mark[2] == name for mark in timeline.marks):
            raise Failed(f"trace.json: there is no {name}")


def of(name, cpus, commands, label, *expect, **more):
    return Scenario(f"trace-{name}", {"board": "virt", "gic": 2, "mem": "256M", "cpus": cpus}, append=EXEC, disk=Card("virtio", fill=fill), label=label,
                    seconds=15, initrd=initrd({"etc/exec": commands.encode(), "etc/fstab": b"vd0p2 /data ext4 mkdir\n"}), expect=(*expect, "^unmounted$", all_ended()), **more)


def trace(cpus, label):
    return of(f"{cpus}cpu", cpus, COMMANDS, label, "^trace: somebody else traces already$", "^ended 137$", r"^/tmp/trace.json: \d+ events, 0 lost$", check=check)


def errors():
    return of("errors", 2, ERRORS, CI, "^no time 2$", "^no room at all 2$", "^too much 2$", r"^trace: /nowhere/trace.json: No such file or directory$", "^no folder 1$",
              "no-such-program: .*not found$", r"^/tmp/command.json: \d+ events, ", "^trace: there is no room for more events: -b$", r"^/tmp/short.json: 3\d{4} events, ",
              "^short 0$", "^it is full$", "^trace: /data/none.json: it cannot be written$", "^not written 1$", check=is_sane)


def all_scenarios(kind):
    return [trace(1, CI), trace(4, EVERYDAY), errors()] if kind == "release" else []
