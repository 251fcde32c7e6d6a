# SPDX-License-Identifier: BSD-2-Clause
"""What is mounted (docs/mounts.md): a card with an ext4 and a FAT partition, made on the host, a table, and the commands mount, umount, sync and df; what the system leaves
on the card the host checks. mksh and busybox are ports: release only."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from cards import Card
from console import Failed
from programs import STATUS
from scenario import CI, EVERYDAY, Scenario, all_ended, counted, ended
from shell import EXEC, VIRT, initrd
from wharf import card

LABEL, NUMBER, UUID = "WHARFDATA", "1234ABCD", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
BOOT, DATA = 0, 1               # of card.layout()
FROM_HOST = b"written by the host\n"
TABLE = """# What is mounted.
{disk}p2 /data ext4 mkdir
{disk}p1 /boot/card fat ro,mkdir   # to be looked at
{disk}p3 /nothing auto mkdir,nofail
no0p1 /absent auto mkdir,nofail
/dev/disk/{disk}p1 /later auto noauto,mkdir
{disk}p2 relative ext4
"""


def tool(*words):
    return subprocess.run([shutil.which(str(words[0])) or f"/usr/sbin/{words[0]}", *map(str, words[1:])], check=True, capture_output=True, text=True).stdout


def put(handle, partition, path):
    handle.seek(partition.start)
    handle.write(Path(path).read_bytes())


def fill(handle, partitions, after=None):
    """An ext4 and a FAT file system, with a file each. after: a command of debugfs."""
    with tempfile.TemporaryDirectory(prefix="wharf-mounts-") as name:
        root = Path(name)
        (root / "files").mkdir()
        (root / "files" / "host").write_bytes(FROM_HOST)
        for file, partition in (("ext4", partitions[DATA]), ("fat", partitions[BOOT])):
            with open(root / file, "wb") as made:
                made.truncate(partition.size)
        tool("mke2fs", "-q", "-t", "ext4", "-L", LABEL, "-U", UUID, "-d", root / "files", root / "ext4")
        if after:
            tool("debugfs", "-w", "-R", after, root / "ext4")
        tool("mkfs.fat", "-n", "WHARFBOOT", "-i", NUMBER, root / "fat")
        tool("mcopy", "-i", root / "fat", root / "files" / "host", "::/host.txt")
        put(handle, partitions[DATA], root / "ext4")
        put(handle, partitions[BOOT], root / "fat")


def with_errors(handle, partitions):
    """The ext4 says that there is something wrong with it."""
    fill(handle, partitions, "set_super_value state 3")


def take(path, number, to):
    """The partition of an image, as a file."""
    partition = card.layout(path.stat().st_size)[number]
    with open(path, "rb") as image, open(to, "wb") as file:
        image.seek(partition.start)
        file.write(image.read(partition.size))


def on_card(ext4=None, fat=None):
    """A check: both file systems are whole and were unmounted; files of them have this content: {name: bytes}."""
    def check(attendant):
        with tempfile.TemporaryDirectory(prefix="wharf-mounts-") as name:
            data, boot, out = (Path(name) / file for file in ("ext4", "fat", "out"))
            take(attendant.paths[0], DATA, data)
            take(attendant.paths[0], BOOT, boot)
            look("e2fsck", "-fn", data)
            if "needs_recovery" in tool("dumpe2fs", "-h", data).split():
                raise Failed("the ext4 partition was not unmounted")
            look("fsck.fat", "-n", boot)
            for file, content in (ext4 or {}).items():
                tool("debugfs", "-R", f"dump {file} {out}", data)
                compare(file, out, content)
            for file, content in (fat or {}).items():
                tool("mcopy", "-n", "-o", "-i", boot, f"::{file}", out)
                compare(file, out, content)
    return check


def look(*words):
    try:
        tool(*words)
    except subprocess.CalledProcessError as error:
        raise Failed(f"{words[0]}: status {error.returncode}: {error.stdout}{error.stderr}") from error


def compare(file, path, content):
    found = path.read_bytes() if path.exists() else None
    if found != content:
        raise Failed(f"{file} on the card is {found!r}, not {content!r}")


def session(name, disk, script, expect, label=CI, table=TABLE, where="virtio", cpus=1, how=fill, check=None, anywhere=(), allow=(), seconds=20, when=(),
            extra=()):
    quietly = f"{{ {script.replace('DISK', disk)} }} > /tmp/out 2>&1; cat /tmp/out\n"    # no line of the log comes in the midst of one of these
    return Scenario(f"mounts-{name}", {**VIRT, "cpus": cpus, "extra": extra}, append=EXEC, disk=Card(where, fill=how), label=label, seconds=seconds, allow=allow,
                    initrd=initrd({"etc/exec": quietly.encode(), "etc/fstab": table.format(disk=disk).encode()}),
                    anywhere=anywhere, check=check, when=when, expect=(*expect, all_ended()))


COMMANDS = """
cat /data/host /boot/card/HOST.TXT
mount
df | grep /data
grep ^/dev/disk /proc/mounts
for disk in DISK DISKp2; do dd if=/dev/zero of=/dev/disk/$disk bs=512 count=1 conv=notrunc || echo "in use $?"; done
echo first > /data/first; mkdir /data/folder; echo second > /data/folder/second
echo no > /boot/card/no 2> /dev/null || echo "read only $?"
sync && echo synced
(cd /data/folder && umount /data || echo "busy $?")
exec 3< /data/first; umount /data || echo "open $?"; exec 3<&-
umount /boot/card && echo unmounted; ls /boot/card
mount /later && echo third > /later/third.txt && cat /later/host.txt
mount DISKp1 /twice -p || echo "twice $?"
umount /later && mount -p DISKp1 /mnt/x && cat /mnt/x/third.txt && umount /mnt/x && echo again
umount /data && mount -r LABEL=WHARFDATA /data && cat /data/folder/second
echo no > /data/no 2> /dev/null || echo "read only $?"
umount /data && mount UUID=0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9 /data && echo last > /data/last
mount /absent || echo "absent $?"
mount DISKp3 /tmp || echo "nothing $?"
mount -t fat DISKp2 /tmp || echo "no fat $?"
svc | grep -q '^fat\\.' || echo "no server is left"
"""


def commands(where, disk, cpus, label):
    """The table, the commands, and what is on the card at the end, with one file system mounted until then."""
    return session(f"commands-{where}-{cpus}cpu", disk, COMMANDS, label=label, where=where, cpus=cpus,
                   check=on_card({"/first": b"first\n", "/folder/second": b"second\n", "/last": b"last\n", "/host": FROM_HOST},
                                 {"/third.txt": b"third\n", "/host.txt": FROM_HOST}),
                   anywhere=(r"^mounter: /etc/fstab, line 7: relative: a path begins at the root$",),
                   expect=("^written by the host$", "^written by the host$", rf"^{disk}p2 on /data type ext4 \(rw\)$", rf"^{disk}p1 on /boot/card type fat \(ro\)$",
                           r"^/proc$", r"^ +\d+ +\d+ +\d+ +\d+% ext4 +/data$",
                           rf"^/dev/disk/{disk}p2 /data ext4 rw 0 0$", rf"^/dev/disk/{disk}p1 /boot/card vfat ro 0 0$",
                           "^in use 1$", "^in use 1$", r"^read only 1$", "^synced$", "^busy 1$", "^open 1$", "^unmounted$",
                           "^written by the host$", "^twice 1$", "^third$", "^again$", "^second$", "^read only 1$", "^absent 1$", "^nothing 1$", "^no fat 1$",
                           "^no server is left$"))


def errors():
    """One that says itself that there are errors in it is mounted to be read, and left as it is."""
    return session("errors", "vd0", "cat /data/host; echo x > /data/x 2> /dev/null || echo \"read only $?\"\n", how=with_errors,
                   expect=(r"^mounter: vd0p2: there are errors in this ext4: it can only be read until it has been checked$", "^written by the host$",
                           "^read only 1$"))


KILLS = """
cd /data && svc fault mounter && until svc | grep -q '^mounter  *running'; do :; done
mount | grep -c ' on /'
cd /; umount /boot/card && mount | grep -c ' on /'
svc fault ext4.DISKp2 && until svc | grep -q '^ext4.*running'; do :; done
until [ "$(ls -d /data/../data)" = /data/../data ]; do :; done; cat /data/host
umount /data && echo unmounted
"""


def kills():
    """The mounter dies, and knows its mounts again; a server dies, and `..` of its root is what it was."""
    return session("kills", "vd0", KILLS, allow=STATUS, check=on_card({"/host": FROM_HOST}), expect=("^2$", "^1$", "^written by the host$", "^unmounted$"))


LEFT = """
bad=0
for n in $(seq 100); do
    (cd /data; (trap 'exit 0' TERM; while :; do sleep 0.01; svc > /dev/null; done) & killer=$!
     cat host > x; tac x > y; dd if=/dev/zero of=z bs=4096 count=64 2> /dev/null; rm z; kill -TERM $killer; wait $killer)
    umount /data || bad=$((bad + 1))
    mount /data 2> /dev/null
done
echo "busy $bad times"
"""


def left():
    """What was waited for has nothing open: nothing is busy then. On four CPUs a task is taken down beside its parent."""
    return session("left-4cpu", "vd0", LEFT, cpus=4, check=on_card({"/host": FROM_HOST}), seconds=40, extra=counted(4, 3, "on"), expect=("^busy 0 times$",))


REMOVAL = """
echo kept > /data/kept; sync
echo take it out > /dev/console
until ! sync; do echo lost >> /data/lost; sleep 0.1; done
echo more > /data/more; sync || echo "sync $?"
cat /data/host
echo put it in > /dev/console
until dd if=/dev/disk/DISKp2 of=/dev/null bs=512 count=1; do sleep 0.1; done 2> /dev/null
sync || echo "sync $?"
umount /data || echo "umount $?"
mount | grep -c ' on /data '
mount DISKp2 /data && cat /data/kept && echo again > /data/again && umount /data && echo unmounted
"""


def removal():
    """A card is taken out while it is mounted, and put back: what was synced is there when it has been unmounted and mounted again."""
    return session("removal", "sd0", REMOVAL, where="sd", allow=STATUS, check=on_card({"/kept": b"kept\n", "/again": b"again\n", "/host": FROM_HOST}),
                   when=((r"^take it out$", lambda attendant: attendant.eject()), (r"^put it in$", lambda attendant: attendant.insert())),
                   expect=("^sync 1$", "^sync 1$", "^umount 1$", "^0$", "^kept$", "^unmounted$"))


def absent():
    """No card: nothing waits for it, and nothing is said."""
    return Scenario("mounts-absent", VIRT, append=EXEC, label=CI, seconds=10,
                    initrd=initrd({"etc/exec": b"mount | grep -c ' on /'; df | grep -c .\n", "etc/fstab": b"sd0p2 /data auto mkdir,nofail\nsd0p1 /x auto mkdir\n"}),
                    expect=("^0$", "^2$", all_ended()))


def at_prompt(name, last, *steps, **more):
    """A person writes, and ends the machine while the file system is mounted and a shell stands in it."""
    keys = lambda text: lambda attendant: attendant.type(text)     # noqa: E731
    rc = b"while svc | grep -Eq '^(timekeeper|entropy) +(starting|running)'; do sleep 0.1; done; echo type a command\n"
    return Scenario(f"mounts-{name}", VIRT, append="arg=system=shell.conf", disk=Card("virtio", fill=fill), label=CI, seconds=15,
                    initrd=initrd({"etc/rc": rc, "etc/fstab": TABLE.format(disk="vd0").encode()}),
                    when=(("type a command", keys("cd /data; (while :; do echo more; sleep 0.05; done) > /data/more & echo kept > kept; echo wrote $((6 * 7))\r")),
                          ("^wrote 42", keys(last)), *((pattern, keys(text)) for pattern, text in steps)),
                    check=on_card({"/kept": b"kept\n", "/host": FROM_HOST}), expect=(ended("bootstrap"), all_ended()), **more)


def all_scenarios(kind):
    if kind != "release":
        return []
    return [commands("virtio", "vd0", 1, EVERYDAY), commands("virtio", "vd0", 4, CI), commands("sd", "sd0", 1, CI), errors(), kills(), left(), absent(), removal(),
            at_prompt("poweroff", "poweroff\r"), at_prompt("reboot", "reboot\r", ("type a command", "cat /data/kept; poweroff\r"))]
