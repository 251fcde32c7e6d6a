# SPDX-License-Identifier: BSD-2-Clause
"""Dependencies that come as files: ci/deps.json -> build/deps/NAME.

Everything comes through apt, so its signatures cover it. A source tarball must also have the
pinned hash. A binary package is taken in the pinned version where the archive still has it, with
the pinned hash; where a point release has replaced it, the newer one is taken, and said so. Files
taken out of it may have pinned hashes of their own, which a newer one must meet too. An entry that
takes no files out of its archive keeps the archive itself.
A stamp (.stamp, a hash of the entry in ci/deps.json) makes the second run do nothing.
"""

import fnmatch
import hashlib
import json
import shutil
import subprocess
import tarfile

from . import packages, sources, steps
from .boards import ROOT
from .steps import Failure

DEPS = ROOT / "build" / "deps"


def pins():
    return json.loads((ROOT / "ci" / "deps.json").read_text())


def is_current(name, entry):
    stamp = DEPS / name / ".stamp"
    return stamp.is_file() and stamp.read_text().split("\n", 1)[0] == _fingerprint(entry)


def _fingerprint(entry):
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def ensure(*names):
    """Makes build/deps/NAME for each name."""
    table = pins()
    for name in names:
        if is_current(name, table[name]):
            continue
        if steps.Settings.dry:
            _show(name, table[name])
            continue
        with packages.apt_lock():
            if not is_current(name, table[name]):
                _fetch(name, table[name])


_shown = set()


def _show(name, entry):
    if name not in _shown:
        _shown.add(name)
        what = ["source", "--download-only", "--tar-only", entry["source"]] if "source" in entry \
            else ["download", f"{entry['package']}={entry['version']}"]
        steps.show(["apt-get", *what])
        steps.say(f"and unpack what build/deps/{name} takes of it (ci/deps.json)")


def _fetch(name, entry):
    config = sources.configuration("target", entry.get("release", sources.RELEASE))
    env = {"APT_CONFIG": str(config)}
    if not list((config.parent / "lists").glob("*Packages*")):
        packages.update(env)
    work = DEPS / f".{name}"
    shutil.rmtree(work, ignore_errors=True)
    (work / "download").mkdir(parents=True)
    (work / "files").mkdir()
    try:
        get = _get_source if "source" in entry else _get_package
        archive, version = get(name, entry, env, work / "download")
        if "take" in entry:
            _unpack(archive, entry, work / "files")
        else:
            archive.rename(work / "files" / archive.name)
        lacking = [file for file in entry["expect"] if not (work / "files" / file).is_file()]
        if lacking:
            raise Failure(f"{archive.name} does not hold {lacking[0]}, which {name} needs; the pin of {name} in "
                          "ci/deps.json must be brought up to date.")
        for file, pinned in entry.get("hashes", {}).items():
            if hashlib.sha256((work / "files" / file).read_bytes()).hexdigest() != pinned:
                raise Failure(f"{file} of {archive.name} does not have the pinned hash; it must be checked and pinned "
                              "in ci/deps.json.")
        (work / "files" / ".stamp").write_text(f"{_fingerprint(entry)}\n{version}\n")
        shutil.rmtree(DEPS / name, ignore_errors=True)
        (work / "files").rename(DEPS / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(name, argv, env, where):
    """Downloads with apt; once more with fresh lists, for a mirror that has moved on."""
    title = f"downloading {name} ({argv[-1]})"
    if steps.long(title, argv, "", cwd=where, env=env, log=f"fetch-{name}", must=False):
        return
    packages.update(env)
    steps.long(title, argv, f"check this machine's network and package mirror, then run the command again; "
               f"build/deps/{name} cannot be made without it.", cwd=where, env=env, log=f"fetch-{name}")


def _get_source(name, entry, env, where):
    _download(name, ["apt-get", "-q", "source", "--download-only", "--tar-only", entry["source"]],
              env, where)
    for path in where.glob("*.orig.tar.*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]:
            return path, entry["version"]
    found = ", ".join(sorted(path.name for path in where.iterdir()))
    raise Failure(f"the archive's source of {entry['source']} ({found}) is not the pinned version "
                  f"{entry['version']}; its hash must be checked and pinned in ci/deps.json.")


def _get_package(name, entry, env, where):
    package, version = entry["package"], entry["version"]
    if not steps.query(["apt-cache", "show", f"{package}={version}"], env):
        package, version = _newer(name, entry, env)
    _download(name, ["apt-get", "-q", "download", f"{package}={version}"], env, where)
    path = next(where.glob("*.deb"))
    if (package, version) == (entry["package"], entry["version"]):
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise Failure(f"{path.name} has the pinned version but not the pinned hash; do not use this mirror.")
    else:
        steps.say(f"{name}: the archive has {package} {version} instead of the pinned {entry['version']}; "
                  "apt verified its signature, it is used.")
    return path, version


def _newer(name, entry, env):
    """(package, version) that replaced the pinned one; a meta package leads to a renamed one."""
    if not packages.candidate(entry.get("newer", entry["package"]), env):
        packages.update(env)
    package = entry["package"]
    if "newer" in entry:
        lines = steps.query(["apt-cache", "depends", entry["newer"]], env).splitlines()
        follows = [line.split()[1] for line in lines if line.strip().startswith("Depends:")]
        package = follows[0] if follows else package
    version = packages.candidate(package, env)
    if not version:
        raise Failure(f"{package} ({name}) is not in the archive that this machine uses; look at "
                      "build/log/apt-update.log and run this again.")
    return package, version


def _unpack(archive, entry, where):
    """Takes the wanted files out of a tarball or .deb, without unpacking the rest."""
    if archive.suffix == ".deb":
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)],
                              stdout=subprocess.PIPE) as child:
            with tarfile.open(fileobj=child.stdout, mode="r|") as tar:
                _take(tar, entry["take"], where)
            child.stdout.read()
    else:
        with tarfile.open(archive) as tar:
            _take(tar, entry["take"], where)


def _take(tar, wanted, where):
    for member in tar:
        for pattern, prefix in wanted.items():
            if member.isfile() and fnmatch.fnmatch(member.name, pattern):
                target = where / _below(member.name, prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                with tar.extractfile(member) as source:
                    target.write_bytes(source.read())
                break


def _below(name, prefix):
    """The part of a member's name after `prefix` (which may hold *); '' keeps the last part."""
    name = name.removeprefix("./")
    if not prefix:
        return name.rsplit("/", 1)[1]
    return "/".join(name.split("/")[prefix.rstrip("/").count("/") + 1:])
