# SPDX-License-Identifier: BSD-2-Clause
"""A system that lives on a card (ci/wharf/system.py), as ./wharf run has it: U-Boot, an initrd, an ext4 root, swap, a prompt; and what becomes of it when the card is
damaged or is not there. mksh, busybox and lua are ports: release only."""

import tempfile

from cards import Card
from mounts import DATA, on_card, put, tool
from programs import STATUS
from scenario import CI, Scenario, all_ended, ended
from shell import RC, keys
from wharf import system
from wharf.shell import once

VIRT = {"board": "virt", "gic": 2, "mem": "64M", "boot": "uboot"}
EXEC = f"{once(log=True)} arg=root=LABEL={system.ROOT_LABEL}"
READY = {"etc/rc": system.RC + RC}
SUPERBLOCK, DUMP = 1024, 3
MOUNTED, SWAP, FALLEN_BACK = (r"^mounter: {disk}p2 \(ext4\) is mounted on /$", r"^default-pager: block.{disk}, partition 3: \d+ pages$",
                              r"^mounter: LABEL=wharf-root is not the root: there is no such device; the root is the initrd$")

END = "^supervisor: init ends the system"


def lives(name, machine, where, disk, seconds, again=False):
    """A prompt; programs and a file of the root; at the end the card is clean. again: at the next start what was written is there."""
    first = "pwd; lua -e 'print(\"lua \" .. 6 * 7)'; echo kept > /home/kept; swapon -s | grep -c partition; echo said $((6 * 7))\r"
    last = "cat /home/kept; poweroff\r"
    said = (MOUNTED.format(disk=disk), SWAP.format(disk=disk))
    return Scenario(f"root-{name}", machine, "scr", append=system.BOOTARGS, root=READY, disk=Card(where, size="256M"), label=CI, seconds=seconds,
                    when=(("type a command", keys(first)), *((("^said 42", keys("reboot\r")), ("type a command", keys(last))) if again else
                                                            (("^said 42", keys(last)),))),
                    check=on_card({"/home/kept": b"kept\n"}),
                    anywhere=(*said, *((*said, f"{END}, and the machine begins anew$") if again else ()), f"{END}$"),
                    expect=(r"^/home$", r"^lua 42$", r"^1$", r"^said 42$", r"^kept$", ended("bootstrap"), all_ended()))


PATHS = """
cd /; echo a > first; lua -e 'print(os.rename("first", "second") and os.rename("/second", "third") and os.rename("third", "/home/fourth"))'; rm /home/fourth
ls -d ../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../../tmp
(cd /tmp; umount / || echo "runs $?")
pwd; echo *; cat dev/../etc/fstab | grep -c LABEL=WHARF; ls -1d dev/disk ../proc/self/../self/status /tmp/../etc/rc
cd /dev; pwd; cd ..; pwd; cd /mnt/../usr/bin; pwd
echo x > /dev/null; echo memory > /tmp/x; mv /tmp/x /home/x; cat /home/x; ln -s /home/x /tmp/l; cat /tmp/l; rm /tmp/l
mkdir /mnt/card; mount -r DISKp1 /mnt/card && ls /mnt/card | grep kernel; umount /mnt/card && echo unmounted
mount DISKp1 /home || echo "not in another one $?"
umount / || echo "busy $?"
df | grep -c ' /$'; stat -c %n /lost+found; sync && echo synced
mkdir /; rmdir /; rm /home/x && ls /home | wc -l
dd if=/dev/zero of=/home/big bs=64k count=160 2> /dev/null; sync; free | awk '/^Mem:/ { print "cached " ($6 > 10000 && $6 < 20000) ", to be had " ($7 > $4 + 10000) }'
rm /home/big; free | awk '/^Mem:/ { print "gone " ($6 < 10000) }'; awk '/^(Cached|Dirty):/ { n += ($2 < 10000) } END { print "lines " n }' /proc/meminfo
"""


def twin(handle, partitions):
    """Another file system of the root's name."""
    with tempfile.NamedTemporaryFile(prefix="wharf-root-") as made:
        made.truncate(partitions[DUMP].size)
        tool("mke2fs", "-q", "-t", "ext4", "-L", system.ROOT_LABEL, made.name)
        put(handle, partitions[DUMP], made.name)


def paths():
    """Names that are on the card and names that are not, whichever way one comes to them."""
    return Scenario("root-paths", VIRT, "scr", append=EXEC, root={"etc/exec": f"{{ {PATHS.replace('DISK', 'vd0')} }} 2>&1\n".encode(), "etc/fstab": b""},
                    disk=Card("virtio", size="256M", fill=twin), label=CI, seconds=20, check=on_card(),
                    anywhere=(r"^mounter: wharf-root: both vd0p2 and vd0p4 are called that; the first is taken$", MOUNTED.format(disk="vd0")),
                    expect=("^true$", r"^(\.\./){45}tmp$", "^runs 1$", r"^/$", r"^bin boot dev etc home lost\+found mnt proc tmp usr var$", r"^0$", r"^\.\./proc/self/../self/status$", r"^/tmp/../etc/rc$",
                            r"^dev/disk$", r"^/dev$", r"^/$", r"^/usr/bin$", r"^memory$", r"^memory$", r"^kernel\.img$", r"^unmounted$",
                            r"^not in another one 1$", r"^busy 1$", r"^1$", r"^/lost\+found$", r"^synced$", r"^0$", r"^cached 1, to be had 1$", r"^gone 1$", r"^lines 2$", all_ended()))


KILLS = """
cd /home; exec 3> file
svc fault ext4.vd0p2; echo first >&3; until svc | grep -q '^ext4.vd0p2 *running'; do :; done
svc fault vd0; echo $((1 + 1)) > counted; cat counted; until svc | grep -q '^vd0  *running'; do :; done
svc fault mounter && until svc | grep -q '^mounter  *running'; do :; done
echo second >&3; echo x > /dev/null; cd ..; pwd; ls -1d dev/console home/../proc; cat /home/file; mount | grep ' on / '
"""


def kills():
    """The root's server dies, its card's driver, and the mounter: whoever uses the root notices a pause."""
    return Scenario("root-kills", VIRT, "scr", append=EXEC, root={"etc/exec": KILLS.encode()}, disk=Card("virtio", size="256M"), label=CI, seconds=20, allow=STATUS,
                    check=on_card({"/home/file": b"first\nsecond\n"}),
                    expect=(r"^2$", r"^/$", r"^dev/console$", r"^home/../proc$", r"^first$", r"^second$", r"^vd0p2 on / type ext4 \(rw\)$", all_ended()))


def damage(handle, partitions):
    """No superblock."""
    handle.seek(partitions[DATA].start + SUPERBLOCK)
    handle.write(bytes(SUPERBLOCK))


def falls_back(name, machine, medium, disk):
    """A prompt all the same, on the initrd, which has what repairs a file system."""
    return Scenario(f"root-{name}", machine, medium, append=EXEC, disk=disk, label=CI, seconds=20, root={} if medium else None,
                    initrd=fallen_back, anywhere=(FALLEN_BACK,), expect=(r"^/bin/e2fsck$", r"^e2fsck 1\.", all_ended()))


def fallen_back(build):
    """The card's initrd, with commands for who has no root."""
    return system.mkinitrd.archive({"etc/exec": b"which e2fsck; e2fsck -V 2>&1\n"}, system.initrd(build))


def all_scenarios(kind):
    if kind != "release":
        return []
    return [lives("virt", VIRT, "virtio", "vd0", 20, again=True), lives("virt-sd", {**VIRT, "gic": 3, "cpus": 2}, "sd", "sd0", 25),
            lives("raspi4b", {"board": "raspi4b", "boot": "uboot"}, "emmc2", "sd0", 30), paths(), kills(),
            falls_back("damaged", VIRT, "scr", Card("virtio", size="256M", fill=damage)),
            falls_back("absent", {**VIRT, "boot": "direct"}, None, None)]
