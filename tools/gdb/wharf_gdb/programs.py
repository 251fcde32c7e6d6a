# SPDX-License-Identifier: BSD-2-Clause
"""Programs' files: which one a task runs, where it is loaded, and the names of its functions."""

import bisect
import struct
from pathlib import Path

import gdb

from . import maps, records
from .machine import Bad, read_user

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT, SECTION, SYMBOL = struct.Struct("<IIQQQQQQ"), struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ")
LOAD, EXECUTABLE, SYMBOLS, FUNCTION, NO_TYPE = 1, 1, 2, 2, 0
SAMPLE = 64         # bytes compared, to see whether the file is what runs


class Program:
    """An ELF file. Bad: it is none, or its tables lie outside."""

    def __init__(self, path):
        self.path = path
        try:
            self.data = Path(path).read_bytes()
            self.header = HEADER.unpack_from(self.data)
            if self.data[:4] != b"\x7fELF" or self.data[4] != 2:
                raise Bad(f"{path} is no 64-bit ELF file")
            self.entry = self.header[4]
            self.segments = self._table(SEGMENT, self.header[5], self.header[9], self.header[10])
            self.functions = sorted(self._functions())
        except (OSError, struct.error, IndexError) as error:
            raise Bad(f"{path} cannot be read as an ELF file: {error}") from error
        self.starts = [start for start, _ in self.functions]

    def _table(self, layout, start, size, count):
        return [layout.unpack_from(self.data, start + n * size) for n in range(count)]

    def _functions(self):
        sections = self._table(SECTION, self.header[6], self.header[11], self.header[12])
        for _, kind, _, _, start, size, link, *_ in sections:
            if kind != SYMBOLS:
                continue
            text = sections[link][4]
            for at in range(start, start + size, SYMBOL.size):
                name, info, _, section, value, _ = SYMBOL.unpack_from(self.data, at)
                if section and info & 15 in (FUNCTION, NO_TYPE) and name:
                    word = self.data[text + name:self.data.index(b"\0", text + name)].decode(errors="replace")
                    if not word.startswith("$"):
                        yield value, word

    def text_start(self):
        """Page where its code begins, as linked."""
        for kind, flags, _, address, *_ in self.segments:
            if kind == LOAD and flags & EXECUTABLE:
                return address & ~0xfff
        raise Bad(f"{self.path} has no code")

    def sample(self):
        """What is at its entry; empty where the file has nothing there."""
        for kind, _, start, address, _, size, _, _ in self.segments:
            if kind == LOAD and address <= self.entry < address + size:
                at = start + self.entry - address
                return self.data[at:at + min(SAMPLE, address + size - self.entry)]
        return b""

    def name_of(self, address):
        """function+offset of an address as linked; '' outside its code."""
        ours = any(kind == LOAD and flags & EXECUTABLE and start <= address < start + size
                   for kind, flags, _, start, _, _, size, _ in self.segments)
        at = bisect.bisect_right(self.starts, address) - 1
        return f"{self.functions[at][1]}+{address - self.starts[at]:#x}" if ours and at >= 0 else ""


_programs = {}


def load(path):
    if path not in _programs:
        _programs[path] = Program(path)
    return _programs[path]


def build_tree():
    """Where the kernel's file lies, and the programs built with it."""
    return Path(gdb.current_progspace().filename).resolve().parent


def _candidates(name):
    """Files that may be the program of this name: one of the name, or, where that is a link's (sh, a utility's), any port's."""
    tree = build_tree()
    ports = tree.parent / "ports"
    named = [tree / "programs" / name, ports / name / name]
    return [path for path in (*named, *sorted(ports.glob("*/*"))) if path.is_file() and not path.suffix]


def file_of(task):
    """The file of the task's program; None where none of that name, or with that code, has been built."""
    name = task.text("name").split(" ")[0].rsplit("/", 1)[-1]
    for path in _candidates(name):
        try:
            same = is_of(load(path), task)
        except Bad:
            continue
        if same or (same is None and path.name == name):
            return path
    return None


def is_of(program, task):
    """The file is what the task runs, as its code shows; None: that is out of memory."""
    sample = program.sample()
    root = records.Record("struct pmap", task.pmap).root
    try:
        return read_user(root, program.entry + shift(program, task), len(sample)) == sample
    except Bad:
        return None


def shift(program, task):
    """How far above the addresses it was linked at the program is."""
    for region in maps.regions(task):
        if region.prot & maps.EXECUTE:
            return region.start - program.text_start()
    raise Bad(f"task {task.id} has no code")


_loaded = None


def load_symbols(task, words):
    """add-symbol-file, in the place of what was loaded so before. What is said about it."""
    global _loaded
    path = Path(words) if words else file_of(task)
    if not path:
        raise Bad(f"no program '{task.text('name')}' has been built; wharf symbols TASK FILE takes another file")
    program = load(path)
    distance = shift(program, task)
    if _loaded:
        gdb.execute(f"remove-symbol-file -a {_loaded:#x}", to_string=True)
        _loaded = None
    gdb.execute(f"add-symbol-file {path} -o {distance:#x}", to_string=True)
    _loaded = program.text_start() + distance
    yield f"symbols of {path}, loaded {distance:#x} above where it was linked"
    if is_of(program, task) is False:
        yield "warning: the task has other code at the program's entry than this file"
