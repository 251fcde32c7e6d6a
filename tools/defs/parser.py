# SPDX-License-Identifier: BSD-2-Clause
"""The grammar of docs/defs.md: from a file to the table that the back ends read, checked but for its messages (layout.py)."""

import re
from pathlib import Path

from .dialect import DISPOSITIONS, SCALARS, UNITS, c_names
from .layout import finish
from .scanner import Scanner


class Parser(Scanner):
    """One file, recursive descent. `errors` are the rows of errors.def: name to sentence."""

    def __init__(self, path, text, errors):
        super().__init__(path, text)
        self.errors, self.enums, self.structs = errors, {}, {}

    def interface(self):
        doc = self.doc()
        self.expect("interface")
        if not doc:
            self.fail("the interface has no doc comment: put /** what it is for */ before it")
        found = {"format": 1, "source": Path(self.path).name, "interface": self.name("the interface's name")}
        found |= {"doc": doc, "base": self.number(), "kernel": None, "retired": [], "routines": []}
        if found["base"] % 0x100 or not 0 < found["base"] < 0x7fff0000:
            self.fail(f"base {found['base']:#x}: it has to be a multiple of 0x100 from 0x100 to 0x7ffeff00")
        self.expect("version")
        found["version"] = self.number()
        if self.accept("kernel"):
            found["kernel"] = self.name("the structure of the kernel's object")
        self.expect("{")
        while not self.accept("}"):
            self.item(found)
        self.take("end", "the end of the file: one interface a file")
        numbers = [routine["number"] for routine in found["routines"]]
        if not numbers:
            self.fail("the interface has no routine")
        return found | {"constants": list(self.constants.values()), "enums": list(self.enums.values()),
                        "structs": list(self.structs.values())}

    def item(self, found):
        doc = self.doc()
        if self.accept("retired"):
            found["retired"].append(self.routine_number(found))
            self.expect(";")
        elif self.tokens[self.at][0] == "number":
            number = self.routine_number(found)
            self.expect(":")
            found["routines"].append(self.routine(found, number, doc))
        elif self.accept("const"):
            name = self.new_name()
            self.expect("=")
            self.constants[name] = {"name": name, "value": self.number(), "doc": doc}
            self.expect(";")
        elif self.accept("enum"):
            self.enum(doc)
        elif self.accept("struct"):
            self.struct(doc)
        elif self.accept("extern"):
            self.extern(doc)
        else:
            self.take()
            self.fail("expected a routine (NUMBER: routine ...), retired, const, enum, struct, extern or }")

    def new_name(self):
        name = self.name("a name")
        if name in self.constants or name in self.enums or name in self.structs or name in SCALARS:
            self.fail(f"{name} is defined already: choose another name")
        return name

    def routine_number(self, found):
        number = self.number()
        if not 1 <= number <= 255:
            self.fail(f"routine number {number}: 1 to 255 are possible")
        if number in found["retired"]:
            self.fail(f"number {number} is retired: numbers are never used again, take the next free one")
        if any(number == routine["number"] for routine in found["routines"]):
            self.fail(f"number {number} is in use already: take the next free one")
        return number

    def enum(self, doc):
        name, values = self.new_name(), []
        self.expect("{")
        while not self.accept("}"):
            entry = {"doc": self.doc(), "name": self.name("a name")}
            self.expect("=")
            entry["value"] = self.number()
            if not 0 <= entry["value"] < 2**32:
                self.fail(f"{entry['name']} does not fit in u32, which enums travel as")
            if any(entry["name"] == other["name"] for other in values):
                self.fail(f"{entry['name']} occurs twice in enum {name}")
            values.append(entry)
            self.accept(",")
        self.enums[name] = {"name": name, "doc": doc, "values": values}
        self.accept(";")

    def struct(self, doc):
        name, fields, offset, alignment = self.new_name(), [], 0, 1
        self.expect("{")
        while not self.accept("}"):
            field = {"doc": self.doc(), "name": self.name("a field's name")}
            self.expect(":")
            field |= self.fixed_type()
            if field["type"].startswith("bool"):
                self.fail(f"{field['name']}: a byte from another task need not be 0 or 1; use u8 in structures")
            if any(field["name"] == other["name"] for other in fields):
                self.fail(f"field {field['name']} occurs twice in struct {name}")
            gap = -offset % field["alignment"]
            if gap:
                self.fail(f"{gap} hidden bytes before {field['name']}, whose content would leak: reorder the fields "
                          f"or put a field pad: u8[{gap}] there")
            fields.append(field | {"offset": offset})
            offset, alignment = offset + field["size"], max(alignment, field["alignment"])
            self.expect(";")
        if not fields or offset % alignment:
            self.fail(f"struct {name} needs {-offset % alignment or 1} more bytes at its end: add a field "
                      f"pad: u8[{-offset % alignment or 1}]")
        self.structs[name] = {"name": name, "doc": doc, "size": offset, "alignment": alignment, "fields": fields,
                              "header": None}
        self.accept(";")

    def extern(self, doc):
        """A structure of a header, which has to see to its layout itself."""
        self.expect("struct")
        name = self.new_name()
        self.expect("size")
        size = self.number()
        self.expect("alignment")
        alignment = self.number()
        if size < 1 or alignment not in (1, 2, 4, 8) or size % alignment:
            self.fail(f"struct {name}: the alignment is 1, 2, 4 or 8, and the size a multiple of it")
        self.structs[name] = {"name": name, "doc": doc, "size": size, "alignment": alignment, "fields": [],
                              "header": self.take("header", "a header such as <wharf/info.h>")}
        self.expect(";")

    def fixed_type(self):
        """A scalar, enum or structure, or a fixed array of them."""
        name = self.take("name", "a type")
        if name in SCALARS:
            found = {"class": "scalar", "ctype": SCALARS[name][0], "size": SCALARS[name][1]}
        elif name in self.enums:
            found = {"class": "scalar", "ctype": "uint32_t", "size": 4}
        elif name in self.structs:
            found = {"class": "struct", "ctype": f"struct {name}", "size": self.structs[name]["size"],
                     "alignment": self.structs[name]["alignment"]}
        else:
            self.fail(f"unknown type {name}: scalars are {' '.join(SCALARS)}; structures and enums are defined above "
                      "their first use")
        found = {"type": name, "alignment": found["size"], "element_size": found["size"], "count": None} | found
        if self.accept("["):
            count = self.number()
            self.expect("]")
            if count < 1:
                self.fail("an array has at least one element")
            found |= {"class": "fixed_array", "count": count, "size": count * found["size"], "type": f"{name}[{count}]"}
        return found

    def maximum(self, what, required=True):
        if not self.accept("max"):
            if required:
                self.fail(f"{what} has no maximum: add max N")
            return None
        value = self.number()
        if not 1 <= value < 2**32:
            self.fail(f"max {value}: 1 to 2^32 - 1 are possible")
        return value

    def argument_type(self, what):
        kind = self.peek()
        if kind in ("bytes", "string"):
            return self.byte_type(what)
        if kind in ("port", "ports"):
            return self.port_type(what)
        found = self.fixed_type()
        if self.accept("array"):
            if found["class"] == "fixed_array" or found["type"] == "bool":
                self.fail(f"{what}: elements of an array are scalars other than bool, or structures")
            found |= {"class": "array", "max": self.maximum(what)}
        elif found["class"] == "fixed_array" and found["ctype"] == "bool":
            self.fail(f"{what}: a byte from another task need not be 0 or 1; use u8")
        elif found["class"] == "scalar":
            found["max"] = self.maximum(what, required=False)
            if found["max"] is not None and not found["ctype"].startswith("uint"):
                self.fail(f"{what}: max is for unsigned numbers")
        elif self.peek() == "max":
            self.fail(f"{what}: an array of varying length is written TYPE array max N")
        return found

    def byte_type(self, what):
        kind = self.take()
        found = {"class": kind, "type": kind, "ctype": "char" if kind == "string" else "uint8_t", "element_size": 1,
                 "alignment": 1, "moved": False}
        if kind == "bytes" and self.accept("out_of_line"):
            found["class"] = "memory"
        found["max"] = self.maximum(what)
        if found["class"] == "memory":
            found["moved"] = self.accept("moved")
        return found

    def port_type(self, what):
        kind = self.take()
        found = {"class": kind, "type": kind, "max": 0, "moved": False}
        if kind == "ports":
            found["max"] = self.maximum(what)
        disposition = self.take("name", "a disposition")
        if disposition not in DISPOSITIONS:
            self.fail(f"{what}: {disposition} is no disposition; they are {' '.join(DISPOSITIONS)}")
        found["disposition"] = disposition
        words = []
        while self.tokens[self.at][0] == "name":
            words.append(self.take())
        found["take"] = "take" in words
        objects = [word for word in words if word != "take"]
        if len(objects) > 1:
            self.fail(f"{what}: one object type at most behind the disposition, not {' '.join(objects)}")
        return found | {"object": objects[0] if objects else None}

    def arguments(self, direction):
        found = []
        self.expect("(")
        while not self.accept(")"):
            name = self.name("an argument's name")
            self.expect(":")
            argument = {"name": name, "direction": direction, "line": self.here} | self.argument_type(name)
            if direction == "out" and argument["class"] == "scalar" and argument["max"] is not None:
                self.fail(f"{name}: a result has no max; it is for what a server checks")
            found.append(argument)
            if self.peek() != ")":
                self.expect(",")
        return found

    def routine(self, found, number, doc):
        oneway = self.accept("oneway")
        if not oneway:
            self.expect("routine")
        line = self.here
        name = self.name("the routine's name")
        if not doc:
            self.fail(f"routine {name} has no doc comment: put /** what it does */ before it")
        if any(name == other["name"] for other in found["routines"]):
            self.fail(f"routine {name} exists already: choose another name")
        routine = {"number": number, "id": found["base"] + number, "name": name, "doc": doc, "oneway": oneway,
                   "errors": [], "idempotent": False, "usual": False, "timeout": None, "line": line, "args": self.arguments("in")}
        if self.accept("->"):
            if oneway:
                self.fail(f"{name} is oneway, nobody waits for results: make it a routine or drop them")
            routine["args"] += self.arguments("out")
        while not self.accept(";"):
            self.option(routine)
        names = [found["interface"]] + [part for argument in routine["args"] for part in c_names(argument)]
        for one in names:
            if names.count(one) > 1:
                self.fail(f"routine {name}: the name {one} would occur twice in the C function (the interface's name, "
                          "NAME_size and NAME_count are parameters too): rename an argument", line)
        return routine

    def option(self, routine):
        word = self.take()
        if word in ("idempotent", "usual"):
            routine[word] = True
        elif word == "timeout":
            if not self.accept("never"):
                value, unit = re.fullmatch(r"(\d+)(\w+)", self.take("time", "a time such as 5s or 100ms")).groups()
                routine["timeout"] = int(value) * UNITS[unit]
        elif word == "errors" and not routine["oneway"]:
            self.expect("{")
            while not self.accept("}"):
                error = self.take("name", "an error")
                if error not in self.errors or not error.startswith("KERN_"):
                    self.fail(f"{error} is no error a server may answer: use a KERN_ row of errors.def, or add one")
                routine["errors"].append({"name": error, "sentence": self.errors[error]})
                self.accept(",")
        else:
            self.fail(f"unexpected '{word}': options of a routine are errors {{...}}, idempotent, usual, timeout; then ;")


def read_errors(path):
    row = re.compile(r'^ERROR\((\w+),\s*\d+,\s*\w+,\s*"([^"]*)"\)', re.M)
    return dict(row.findall(Path(path).read_text()))


def parse(path, errors):
    """The table of an interface, from its file and from errors.def."""
    return finish(Parser(path, Path(path).read_text(), read_errors(errors)).interface(), path)
