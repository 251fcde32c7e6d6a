# SPDX-License-Identifier: BSD-2-Clause
"""./wharf image: writes a card to boot from without privilege, the same bytes every time.

A card has the partitions of card.py: the boot partition is filled here, data and swap by system.py or not at all. The
table is an MBR with the FAT partition first: every version of the Pi 4's loader reads that, and so
does every U-Boot. What goes onto the boot partition is data: the "image" section of
board/NAME/board.json and the templates beside it, in which @BOOTARGS@ and @INITRD_OFFSET@ are replaced.
"""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import boards, build, card, deps, packages, ports, steps, system
from .boards import ROOT, BoardError
from .steps import Failure

MIB = card.MIB
SIZE = "256M"
EPOCH = "1735689600"        # every time stamp on a medium: 2025-01-01
VOLUME_ID = f"{card.DISK_ID:08x}"
ENVIRONMENT = {"SOURCE_DATE_EPOCH": EPOCH, "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}
IMAGE_MAGIC = b"ARM\x64"


def add_arguments(sub):
    sub.add_argument("--board", required=True, choices=boards.names("image"))
    sub.add_argument("--boot", choices=("direct", "scr", "extlinux"),
                     help="how the kernel is found (default: the board's first way)")
    sub.add_argument("--append", default="", metavar="ARGS", help="kernel arguments, for the tree's own initrd, and nothing on data and swap "
                     "(default: those of a shell on the console, with its root on the card)")
    sub.add_argument("--preset", default="release", choices=build.TARGET_PRESETS)
    sub.add_argument("--size", default=SIZE, metavar="SIZE", help=f"of the card, a power of two (default {SIZE})")
    sub.add_argument("--swap", metavar="SIZE", help="of the swap partition (default: a quarter of the card)")
    sub.add_argument("--tests", action="store_true", help="and tests.cpio, the programs of the tests, for ./wharf test --serial")
    sub.add_argument("-o", "--output", required=True, metavar="FILE")


def main(options):
    image = boards.load(options.board)["image"]
    way = options.boot or image["boot"][0]
    packages.ensure("build", "image")
    deps.ensure("libfdt", "lz4", "e2fsprogs", *image.get("deps", []))
    build.build(options.preset)
    kernel, initrd = (build.tree(options.preset) / name for name in ("kernel.img", "initrd.cpio"))
    content = None
    if not options.append:
        initrd, content = parts(build.tree(options.preset))
    append = options.append or system.BOOTARGS
    tests = build.tree(options.preset) / "initrd.cpio" if options.tests else None
    if write(options.board, way, options.output, kernel, initrd, append, options.size, options.swap, content, tests):
        steps.say(f"{options.output}: {options.size} for {options.board}, booted by {way}")
        if "note" in image:
            steps.say(image["note"])


def parts(tree):
    """Of a card that a system lives on: the initrd, a file beside the tree's, and the root's files (system.py)."""
    ports.ensure(*system.ALL_PORTS)
    initrd = tree / "initrd-card.cpio"
    if steps.Settings.dry:
        steps.say(f"and put {', '.join(system.ALL_PORTS)} into {initrd}, or onto the root")
        return initrd, {}
    initrd.write_bytes(system.initrd(tree))
    return initrd, system.files(tree)


def write(board, way, output, kernel, initrd, bootargs, size=SIZE, swap=None, content=None, tests=None):
    """Writes the card; does nothing when its inputs are those of last time and nobody has written to it since. content: of the root (system.files());
    None: data and swap stay empty. tests: the initrd of ./wharf test --serial. Returns success."""
    sizes = _check(board, way, size, swap)
    output = Path(output)
    if steps.Settings.dry:
        steps.say(f"card to write: {output} (mformat, mcopy{', mke2fs, debugfs' if content is not None else ''})")
        return False
    with _files(board, way, kernel, initrd, bootargs) as root:
        if tests:
            shutil.copyfile(tests, root / "tests.cpio")
        key = f"{_digest(root)} {digest_of(content)} {sizes}"
        stamp = stamp_of(output)
        if output.is_file() and stamp.is_file() and stamp.read_text() == f"{key} {output.stat().st_mtime_ns}":
            return True
        _write_card(output, sizes, boards.load(board)["image"]["label"], root, content)
        if output.resolve().is_relative_to(ROOT / "build"):
            stamp.write_text(f"{key} {output.stat().st_mtime_ns}")
    return True


def keep(board, way, output, kernel, initrd, bootargs, content):
    """A card that is there is kept, but for its boot partition if that is to have something else; one that is not is written. So what a system has written to
    its root is found by the next one. The root's files may be of an older build then, which is said."""
    output, sizes = Path(output), _check(board, way, SIZE, None)
    if steps.Settings.dry:
        steps.say(f"card to keep, or to write: {output}")
        return
    stamp = stamp_of(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with _files(board, way, kernel, initrd, bootargs) as root:
        boot, data = _digest(root), digest_of(content)
        was = stamp.read_text().split() if output.is_file() and stamp.is_file() else []
        label = boards.load(board)["image"]["label"]
        if len(was) != 2:
            steps.say(f"{os.path.relpath(output)}: a new card of {SIZE}")
            _write_card(output, sizes, label, root, content)
            was = [boot, data]
        elif was[0] != boot:
            stamp.write_text(f"- {was[1]}")     # who is interrupted here writes it once more
            with open(output, "r+b") as handle:
                _put(handle, card.layout(*sizes)[0], lambda path, part: _make_boot(path, part, label, root))
        if was[1] != data:
            steps.say(f"{os.path.relpath(output)}: the root is of an older build; --fresh makes a new one, and what is on it is lost")
        stamp.write_text(f"{boot} {was[1]}")


def _check(board, way, size, swap):
    """The sizes of card and swap in bytes. BoardError: there is no such card."""
    image = boards.load(board)["image"]
    if way not in image["boot"]:
        raise BoardError(f"a medium for '{board}' boots by: {', '.join(image['boot'])}; not by '{way}'.")
    sizes = boards.mem_bytes(size), boards.mem_bytes(swap) if swap else None
    card.layout(*sizes)
    return sizes


@contextmanager
def _files(board, way, kernel, initrd, bootargs):
    """A folder with what is on the boot partition."""
    with tempfile.TemporaryDirectory(prefix="wharf-image-") as name:
        _collect(board, boards.load(board)["image"], way, Path(name), {"kernel": kernel, "initrd": initrd}, bootargs)
        yield Path(name)


def digest_of(content):
    """A word for {name: bytes}."""
    digest = hashlib.sha256()
    for name, data in sorted((content or {}).items()):
        digest.update(f"{name} {type(data).__name__} {len(data)}\0".encode() + data)
    return digest.hexdigest() if content is not None else "empty"


def stamp_of(output):
    """Where it stands what a card below build/ was made of."""
    return output.parent / f".{output.name}.inputs"


def _collect(board, image, way, root, built, bootargs):
    """Puts the medium's files below `root`."""
    directory = boards.load(board)["dir"]
    for target, source in {**image["files"], **image.get(f"files_{way}", {})}.items():
        path = built.get(source) if source in built else boards.resolve(source)
        if path is None:
            continue
        if not Path(path).is_file():
            raise Failure(f"{path} is missing: the build has not made it, or set-up has not fetched it; remove "
                          "build/ and run this again.")
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / target)
    values = {"@BOOTARGS@": bootargs, "@INITRD_OFFSET@": f"{_memory_size(built['kernel']):#x}"}
    for target, template in image.get(f"templates_{way}", {}).items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        (root / target).write_text(_fill((directory / template).read_text(), values))
    if way == "scr":
        _run(["mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-n", "Wharf",
              "-d", root / "boot.cmd", root / "boot.scr"])


def _fill(text, values):
    """Replaces the marks; a line that ends in a mark without a value is left out (U-Boot does not
    take a lone "append")."""
    for mark, value in values.items():
        if any(character in value for character in '"$\\\n'):
            raise Failure(f"kernel arguments for a boot medium cannot hold quotes, $ or \\: {value}")
        if not value:
            text = "".join(line for line in text.splitlines(True) if not line.rstrip().endswith(mark))
        text = text.replace(mark, value)
    return text


def _memory_size(kernel):
    """Memory that the kernel takes from its load address, with its bss, in whole 2 MiB."""
    head = Path(kernel).read_bytes()[:64]
    if len(head) < 64 or head[56:60] != IMAGE_MAGIC:
        raise Failure(f"{kernel} has no arm64 Image header; build it again.")
    size = struct.unpack_from("<Q", head, 16)[0]
    return (size + 2 * MIB - 1) // (2 * MIB) * (2 * MIB)


def _digest(root):
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        body = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(json.dumps([str(path.relative_to(root)), body]).encode())
    return digest.hexdigest()


def _write_card(output, sizes, label, root, content):
    """In a file beside it first: a card is whole, or not there."""
    partial = output.parent / f".{output.name}.part"
    try:
        boot, data, swap = card.make(partial, *sizes)[:3]
        with open(partial, "r+b") as handle:
            _put(handle, boot, lambda path, part: _make_boot(path, part, label, root), empty=True)
            if content is not None:
                _put(handle, data, lambda path, part: system.root(path, part.size, content), empty=True)
                handle.seek(swap.start)
                handle.write(system.swap_header(swap.size))
        partial.rename(output)
    finally:
        partial.unlink(missing_ok=True)


def _put(handle, partition, make, empty=False):
    """What make(file, partition) makes becomes the partition's content. empty: it has nothing but zeroes, which so need not be written."""
    with tempfile.NamedTemporaryFile(prefix="wharf-partition-") as file:
        make(file.name, partition)
        with open(file.name, "rb") as made:
            for at in range(partition.start, partition.end, MIB):
                piece = made.read(MIB)
                if not empty or piece.strip(b"\0"):
                    handle.seek(at)
                    handle.write(piece)


def _make_boot(path, partition, label, root):
    os.truncate(path, partition.size)
    _run(["mformat", "-i", path, "-F", "-c", "1", "-T", str(partition.size // card.SECTOR), "-h", "64",
          "-s", "32", "-H", str(partition.start // card.SECTOR), "-N", VOLUME_ID, "-v", label, "::"])
    for file in sorted(root.rglob("*")):
        name = f"::/{file.relative_to(root)}"
        if file.is_dir():
            _run(["mmd", "-i", path, name])
        else:
            _run(["mcopy", "-i", path, file, name])


def _run(argv, text=None):
    argv = [packages.which(argv[0]) or argv[0], *map(str, argv[1:])]
    if steps.Settings.verbose:
        steps.show(argv, env=None)
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False,
                          env=dict(os.environ, **ENVIRONMENT))
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"{Path(argv[0]).name} could not write the medium ({said[-1] if said else 'no reason given'}); "
                      "is there room on the disk?")
