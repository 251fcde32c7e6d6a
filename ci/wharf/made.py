# SPDX-License-Identifier: BSD-2-Clause
"""What is made from the sources of a Debian package, once, into build/deps/NAME: newlib, U-Boot.

Same inputs, same bytes. A stamp (.stamp: a hash of the sources' pin, of the files that say how it is
made, and of the compiler's version) makes the second run do nothing. Two at once: the second waits.
"""

import fcntl
import hashlib
import json
import shutil

from . import deps, packages, steps


class Made:
    """What is made as NAME, from the dependency `source`, with packages, as files say, by a compiler."""

    def __init__(self, name, source, needs, files, compiler):
        self.name, self.source, self.needs, self.files, self.compiler = name, source, needs, files, compiler
        self.home = deps.DEPS / name

    def fingerprint(self):
        digest = hashlib.sha256(json.dumps(deps.pins()[self.source], sort_keys=True).encode())
        for path in (__file__, *self.files):
            with open(path, "rb") as handle:
                digest.update(handle.read())
        digest.update(self.compiler.encode())
        return digest.hexdigest()

    def is_current(self):
        stamp = self.home / ".stamp"
        return stamp.is_file() and stamp.read_text().strip() == self.fingerprint()

    def ensure(self, unpack, build, install, finish=lambda: None):
        """Makes it if it is not there: unpack(work), build(work), and install(work), which returns the folder that becomes
        build/deps/NAME; finish() then sees to what is done there, and is called also if it is there. A dry run calls build alone,
        which says what it would do."""
        current = self.is_current()
        if not current:
            packages.ensure(*self.needs)
            deps.ensure(self.source)
        work = deps.DEPS / f".{self.name}"
        if steps.Settings.dry:
            if not current:
                build(work)
            return
        with open(deps.DEPS / f".{self.name}.lock", "w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not self.is_current():
                self._make(work, unpack, build, install)
            finish()

    def _make(self, work, unpack, build, install):
        shutil.rmtree(work, ignore_errors=True)
        try:
            unpack(work)
            build(work)
            result = install(work)
            (result / ".stamp").write_text(self.fingerprint() + "\n")
            shutil.rmtree(self.home, ignore_errors=True)
            result.rename(self.home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
