# SPDX-License-Identifier: BSD-2-Clause
"""What a card has beside the kernel: an initrd with what it takes to come to the root, the root itself, an ext4 file system, and a swap area.

The initrd has the system's programs and drivers, and of others' programs a shell, its utilities and what repairs file systems: with it alone there is a prompt,
too, when the card is damaged. All else is on the root. Tests and benchmarks are on neither. Made without privilege, the same bytes every time.
"""

import os
import struct
import subprocess
import sys
import tempfile
import uuid
import zlib
from pathlib import Path

from . import card, newlib, packages, ports, shell, steps, userland
from .boards import ROOT
from .steps import Failure

sys.path.insert(0, str(ROOT / "tools"))
import mkinitrd  # noqa: E402

ROOT_LABEL, SWAP_LABEL = "wharf-root", "wharf-swap"
BOOTARGS = f"{shell.INTERACTIVE} arg=root=LABEL={ROOT_LABEL}"
# On the root only: the port, the program.
PORTS = (("lua", "lua"), ("lua", "luac"), ("bzip2", "bzip2"), ("dash", "dash"))
ALL_PORTS = tuple(dict.fromkeys((*userland.ALL_PORTS, *(port for port, _ in PORTS))))
# What the initrd has of the programs that a person uses: those of userland.DISK_TOOLS, and Wharf's own.
RESCUE, RESCUE_TOOLS = ("e2fsck",), ("bootstrap", "dmesg", "lsdev", "mount", "poweroff", "reboot", "svc", "umount")
# Empty folders of the root. Those of the first row stand for what is not on it (docs/files.md, "Another root").
FOLDERS = ("boot", "dev", "mnt", "proc", "tmp",
           "home", "var")
# Beside the programs, what the initrd needs of the tree's.
DATA, DESCRIPTION, OVERLAYS = (".driver", ".dtbo"), "shell.conf", "overlays.conf"
FSTAB = b"""# What is mounted beside the root (docs/mounts.md): device, path, format, options. What the root is the boot argument arg=root= says.
LABEL=WHARF  /boot/card  fat  ro,mkdir,nofail,noauto
"""
RC = f"""# What init has /bin/sh run before the first shell.
swapon LABEL={SWAP_LABEL}
""".encode()
FEATURES = ("64bit,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,has_journal,huge_file,large_file,metadata_csum,resize_inode,"
            "sparse_super")
EPOCH = 1735689600          # every time stamp on a card: 2025-01-01
SWAP_HEADER = struct.Struct("<16sIIII16s16s")       # pager/swap_header.h
SWAP_PAGE, SWAP_PAGES_MOST = 4096, 4 << 20


# ---- the initrd ----

def initrd(build):
    """The bytes of a card's initrd. build: the tree that was built."""
    whole = mkinitrd.files((build / "initrd.cpio").read_bytes())
    started = _words(whole[DESCRIPTION], "program")
    for name, data in whole.items():
        if name.endswith(".driver"):
            started |= _words(data, "file") or _words(data, "driver")
    mine = {name: data for name, data in whole.items() if name in {*started, *RESCUE_TOOLS, DESCRIPTION, OVERLAYS} or name.endswith(DATA)}
    return userland.onto(mkinitrd.archive(mine), disk_tools=RESCUE)


def _words(text, key):
    """What stands behind a key of a description."""
    rows = (line.split() for line in text.decode().splitlines())
    return {row[1] for row in rows if len(row) > 1 and row[0] == key}


# ---- the root ----

def files(build):
    """path -> content of the root's files."""
    whole = mkinitrd.files((build / "initrd.cpio").read_bytes())
    programs = [name for name in (build / "system.txt").read_text().split() if name in whole]
    own = mkinitrd.files(userland.onto(mkinitrd.archive({name: whole[name] for name in programs}), disk_tools=True))
    found = {name if "/" in name else f"bin/{name}": data for name, data in own.items()}
    for port, program in PORTS:
        found[f"bin/{program}"] = mkinitrd.content(ports.OUT / port / program, f"{newlib.CROSS}objcopy")
    return found | {"etc/fstab": FSTAB, "etc/rc": RC}


def root(path, size, content):
    """Makes the file `path` of so many bytes an ext4 file system with these files."""
    with tempfile.TemporaryDirectory(prefix="wharf-root-") as name:
        tree, script = Path(name) / "root", Path(name) / "script"
        for folder in FOLDERS:
            (tree / folder).mkdir(parents=True)
        for file, data in content.items():
            _put(tree / file, data)
        paths = ["", *sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))]
        script.write_text("".join(f'sif "/{file}" {field}\n' for file in paths
                                  for field in ("uid 0", "gid 0", f"ctime @{EPOCH}", f"crtime @{EPOCH}")))
        for file in reversed(paths):    # what is in a folder before it
            if (tree / file).is_dir() and not (tree / file).is_symlink():
                (tree / file).chmod(0o755)
            os.utime(tree / file, (EPOCH, EPOCH), follow_symlinks=False)
        with open(path, "wb") as handle:
            handle.truncate(size)
        identity = uuid.uuid5(card.NAMESPACE, ROOT_LABEL)
        _run("mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", "4096", "-I", "256", "-L", ROOT_LABEL, "-U", identity, "-E", f"hash_seed={identity},root_owner=0:0",
             "-d", tree, path)
        _run("debugfs", "-w", "-f", script, path)


def _put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, mkinitrd.Link):
        os.symlink(bytes(data), path)
    else:
        path.write_bytes(data)
        path.chmod(0o755 if data.startswith((mkinitrd.ELF, b"#!")) else 0o644)


def _run(*words):
    argv = [packages.which(words[0]) or words[0], *map(str, words[1:])]
    if steps.Settings.verbose:
        steps.show(argv, env=None)
    done = subprocess.run(argv, capture_output=True, text=True, check=False,
                          env={**os.environ, "E2FSPROGS_FAKE_TIME": str(EPOCH), "MKE2FS_CONFIG": "/dev/null", "TZ": "UTC", "LC_ALL": "C"})
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"{words[0]} could not make the root ({said[-1] if said else 'no reason given'}); is it too small, or the disk full?")


# ---- swap ----

def swap_header(size):
    """The first page of a swap partition of so many bytes: what mkswap writes."""
    pages = min(size // SWAP_PAGE - 1, SWAP_PAGES_MOST)
    identity = uuid.uuid5(card.NAMESPACE, SWAP_LABEL).bytes

    def page(crc):
        return SWAP_HEADER.pack(b"wharf-swap area", 1, SWAP_PAGE, pages, crc, identity, SWAP_LABEL.encode()).ljust(SWAP_PAGE, b"\0")
    return page(zlib.crc32(page(0)))
