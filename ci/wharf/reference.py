# SPDX-License-Identifier: BSD-2-Clause
"""./wharf reference: a page for each interface of the system, made from interfaces/ by tools/defsgen.py, and a list of them."""

import re
import shutil
from pathlib import Path

from . import build, packages, steps
from .boards import ROOT

PLACE = re.compile(r"^Version (\d+), base (0x[0-9a-f]+)\. Made from `([^`]+)`\.( The kernel implements it)?", re.M)
HEAD = """<!-- SPDX-License-Identifier: BSD-2-Clause -->
# Interfaces

Made by `./wharf reference` from `interfaces/`; what the language means stands in `docs/defs.md`, what goes over the wire in `docs/abi.md`.

| Interface | Messages from | Version | Served by | What it is |
|---|---|---|---|---|
"""


def add_arguments(sub):
    sub.add_argument("-o", "--output", metavar="DIR", type=Path, default=ROOT / "build" / "reference", help="where to write it (build/reference)")


def main(options):
    packages.ensure("build")
    build.build("release")
    if steps.Settings.dry:
        return 0
    count = write(build.tree("release") / "generated", options.output)
    print(f"{options.output / 'README.md'}: {count} interfaces")
    return 0


def write(generated, output):
    """The pages of a build tree, and their list; returns how many."""
    output.mkdir(parents=True, exist_ok=True)
    pages = sorted(generated.glob("*.md"))
    for old in output.glob("*.md"):
        old.unlink()
    for page in pages:
        shutil.copyfile(page, output / page.name)
    rows = sorted((row(page.stem, page.read_text()) for page in pages), key=lambda found: found[0])
    (output / "README.md").write_text(HEAD + "".join(line for _, line in rows))
    return len(pages)


def row(name, text):
    """(the first message's number, a line of the list)."""
    version, base, _, kernel = PLACE.search(text).groups()
    about = first_sentence(text.split("\n\n")[1])
    return int(base, 0), f"| [`{name}`]({name}.md) | `{base}` | {version} | {'the kernel' if kernel else 'programs'} | {about} |\n"


def first_sentence(text):
    """Of an interface's comment; a list needs no more."""
    plain = " ".join(text.split()).replace("|", "\\|")
    end = re.search(r"[.:](?= [A-Z]|$)", plain)
    return plain[:end.start() + 1] if end else plain
