# SPDX-License-Identifier: BSD-2-Clause
"""The project's own files: what git knows and what is new and not ignored."""

import os

from . import steps
from .boards import ROOT


def files(*suffixes):
    """Paths relative to the checkout, sorted; all files when no suffix is given."""
    listing = steps.query(["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "ls-files", "-z",
                           "--cached", "--others", "--exclude-standard"])
    names = listing.split("\0") if listing else _walk()
    found = {n for n in names if n and (not suffixes or n.endswith(suffixes)) and (ROOT / n).is_file()}
    return sorted(found)


def _walk():
    """For a copy without git: everything but build/ and hidden folders that are not ours."""
    for directory, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in ("build", ".git", "__pycache__", ".cache")]
        for name in names:
            yield os.path.relpath(os.path.join(directory, name), ROOT)
