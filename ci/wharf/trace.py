# SPDX-License-Identifier: BSD-2-Clause
"""./wharf trace: boots in QEMU with an ext4 card, has the program trace record while commands run, and takes its file from the card (docs/tracing.md)."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import boards, build, card, packages, run, steps
from .boards import ROOT
from .steps import Failure
from .timeline import Timeline, TimelineError

CARD = ROOT / "build" / "trace.img"
SIZE, SAMPLE = "256M", 1 << 20
WORKLOAD = "sha256sum /data/sample; ls -l /bin > /tmp/list; sort -r /tmp/list | tail -n 1"
COMMANDS = """
trace -o /tmp/trace.json {seconds} sh /etc/traced && cp /tmp/trace.json /data/trace.json
umount /data
"""
FSTAB = "vd0p2 /data ext4 mkdir\n"


def add_arguments(sub):
    sub.add_argument("seconds", nargs="?", type=int, default=5, metavar="SECONDS", help="at the most; 5")
    sub.add_argument("-o", "--output", default="trace.json", metavar="FILE", help="for ui.perfetto.dev; trace.json")
    sub.add_argument("--exec", metavar="'COMMANDS'", default=WORKLOAD, help=f"what happens meanwhile: {WORKLOAD}")
    sub.add_argument("--preset", default="release", choices=build.TARGET_PRESETS)
    sub.add_argument("--timeout", type=float, metavar="S", help="give up after S seconds")
    run.add_machine_arguments(sub)


def main(options):
    if options.board != "virt" or options.sd or options.disk:
        raise Failure("./wharf trace has a card of its own, and so far only for --board virt; elsewhere, use the program trace.")
    packages.ensure("host")
    with tempfile.TemporaryDirectory(prefix="wharf-trace-") as name:
        folder = Path(name)
        (folder / "fstab").write_text(FSTAB)
        (folder / "traced").write_text(options.exec + "\n")
        options.add = [f"{folder}/fstab:/etc/fstab", f"{folder}/traced:/etc/traced"]
        options.exec = COMMANDS.format(seconds=options.seconds)
        options.disk, options.sd = "virtio", CARD
        if not steps.Settings.dry:
            _make_card(folder / "files")
        status = run.main(options)
        if status or steps.Settings.dry:
            return status
        _take(folder / "trace.json")
        return _look(folder / "trace.json", options.output)


def _tool(*words):
    path = shutil.which(words[0]) or f"/usr/sbin/{words[0]}"
    done = subprocess.run([path, *map(str, words[1:])], check=False, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{words[0]}: {done.stderr.strip()}")


def _data():
    return card.layout(boards.mem_bytes(SIZE))[1]


def _make_card(files):
    files.mkdir()
    (files / "sample").write_bytes(bytes(range(256)) * (SAMPLE // 256))
    CARD.parent.mkdir(exist_ok=True)
    card.make(CARD, boards.mem_bytes(SIZE))
    _tool("mke2fs", "-q", "-t", "ext4", "-d", files, "-E", f"offset={_data().start}", CARD, f"{_data().size >> 10}k")


def _take(to):
    _tool("debugfs", "-R", f"dump /trace.json {to}", f"{CARD}?offset={_data().start}")
    if not to.is_file() or not to.stat().st_size:
        raise Failure("nothing was recorded; -v shows what the system said.")


def _look(path, output):
    try:
        timeline = Timeline(path.read_text())
    except TimelineError as error:
        raise Failure(f"what was recorded makes no sense: {error}") from error
    shutil.copyfile(path, output)
    steps.say(f"{output}: {len(timeline.slices)} slices, {len(timeline.flows)} flows, {timeline.lost} events lost; open it in ui.perfetto.dev")
    return 0
