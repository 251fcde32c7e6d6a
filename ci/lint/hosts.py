# SPDX-License-Identifier: BSD-2-Clause
"""No package registry is named: set-up derives its sources from those of the machine."""

import re
from pathlib import Path

ABOUT = "no host name of a package registry"
ARCHIVE = re.compile(r"\b(?:deb|ftp|security|archive|snapshot|mirrors?|registry)\.[a-z0-9-]+\.(?:org|com|net)\b")
URL = re.compile(r"https?://([^/:\s]+)")


def machine_hosts():
    """Hosts of this machine's own package sources."""
    hosts = set()
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if path.is_file():
            hosts.update(URL.findall(path.read_text(errors="replace")))
    return hosts


def check(root, files):
    hosts = machine_hosts()
    for name in files:
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            found = ARCHIVE.search(line)
            named = found.group(0) if found else next((h for h in hosts if h in line), None)
            if named:
                yield name, number, f"names the package host {named}"
