# SPDX-License-Identifier: BSD-2-Clause
"""Private apt configurations under build/apt, derived from the machine's own package sources.

No registry is named anywhere in this project: the archive, its mirror, its proxy and its keys are
those that the machine already uses; only suite, components and types are replaced. There are two
kinds of configuration, and neither changes a file of the machine's apt:

  native  the machine's architecture and dpkg state, with backports: to install packages
  target  arm64, source packages, firmware, and an empty dpkg state: to download only, which needs
          no privilege. Always of one release (RELEASE, or the one that ci/deps.json names), so
          that what is built into the system is the same on every machine
"""

import re
from pathlib import Path

from .boards import ROOT
from .steps import Failure

APT = ROOT / "build" / "apt"
RELEASE = "bookworm"
COMPONENTS = "main contrib non-free-firmware"
DROPPED = {"types", "suites", "components", "architectures", "enabled"}


def release():
    """(id, codename) of the machine, from /etc/os-release."""
    fields = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        fields[key] = value.strip().strip('"')
    return fields.get("ID", ""), fields.get("VERSION_CODENAME", "")


def _one_line_entries(text):
    """deb [options] URI suite component..."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if match:
            options, uri, suite, components = match.groups()
            yield _entry(uri, [suite], components.split(), _option_fields(options or ""))


def _option_fields(options):
    """'[signed-by=F trusted=yes arch=amd64]' as deb822 fields."""
    fields = []
    for word in options.split():
        key, _, value = word.partition("=")
        name = "-".join(part.capitalize() for part in key.split("-"))
        if name.lower() not in DROPPED | {"arch"}:
            fields.append(f"{name}: {value.replace(',', ' ')}")
    return fields


def _deb822_entries(text):
    for stanza in re.split(r"\n\s*\n", text):
        fields, order = {}, []
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t" and order:
                fields[order[-1]] += "\n" + line
            elif ":" in line:
                key, _, value = line.partition(":")
                order.append(key.strip())
                fields[key.strip()] = value.strip()
        low = {key.lower(): value for key, value in fields.items()}
        if "deb" not in low.get("types", "").split() or low.get("enabled", "yes").lower() == "no":
            continue
        kept = [f"{key}: {fields[key]}" for key in order if key.lower() not in DROPPED | {"uris"}]
        for uri in low.get("uris", "").split():
            yield _entry(uri, low.get("suites", "").split(), low.get("components", "").split(), kept)


def _entry(uri, suites, components, fields):
    return {"uri": uri, "suites": suites, "components": components, "fields": fields}


def machine_entries(etc=Path("/etc/apt")):
    """Every enabled binary source of the machine."""
    entries = []
    paths = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for path in paths:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".list":
            entries += _one_line_entries(text)
        elif path.suffix == ".sources":
            entries += _deb822_entries(text)
    return entries


def derive(entries, codename, types, suites):
    """deb822 text: `suites` of each archive that serves the machine's release `codename`.

    An archive is known by serving that release's 'main'. Its security archive (suite
    CODENAME-security, often elsewhere) is kept as it stands, unless other suites are wanted."""
    stanzas = []
    for entry in entries:
        if "main" not in entry["components"]:
            continue
        if codename in entry["suites"]:
            stanzas.append(_stanza(entry, types, suites, COMPONENTS))
        security = [s for s in entry["suites"] if s in (f"{codename}-security", f"{codename}/updates")]
        if security and types == "deb":
            stanzas.append(_stanza(entry, "deb", security, "main"))
    if not stanzas:
        raise Failure(f"no package source for '{codename}' with component main was found in /etc/apt; "
                      "add your Debian mirror to /etc/apt/sources.list and run this again.")
    return "\n".join(dict.fromkeys(stanzas))


def _stanza(entry, types, suites, components):
    return "\n".join([f"Types: {types}", f"URIs: {entry['uri']}", f"Suites: {' '.join(suites)}",
                      f"Components: {components}", *entry["fields"], ""])


def configuration(kind, suite=RELEASE):
    """Writes the private configuration `kind` and returns the path of its apt.conf."""
    system, codename = release()
    if system != "debian" or not codename:
        raise Failure(f"set-up installs packages on Debian 12 or newer only (this is '{system}'); "
                      "install what ./wharf doctor lists by hand.")
    home = APT / (kind if suite == RELEASE else f"{kind}-{suite}")
    for part in ("lists/partial", "cache/archives/partial"):
        (home / part).mkdir(parents=True, exist_ok=True)
    lines = [f'Dir::State::lists "{home}/lists";', f'Dir::Cache "{home}/cache";',
             f'Dir::Etc::sourcelist "{home}/wharf.sources";', 'Dir::Etc::sourceparts "/dev/null";',
             'APT::Sandbox::User "root";', 'APT::Keep-Downloaded-Packages "false";',
             'Acquire::Languages "none";', 'Acquire::Retries "3";']
    if kind == "native":
        types, suites = "deb", [codename, f"{codename}-updates", f"{codename}-backports"]
    else:
        types, suites = "deb deb-src", [suite + suffix for suffix in ("", "-updates")]
        (home / "status").touch()
        lines += [f'Dir::State::status "{home}/status";', 'Dir::Etc::preferencesparts "/dev/null";',
                  'APT::Architecture "arm64";', 'APT::Architectures { "arm64"; };']
    _write(home / "wharf.sources", derive(machine_entries(), codename, types, suites))
    _write(home / "apt.conf", "\n".join(lines) + "\n")
    return home / "apt.conf"


def _write(path, text):
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
