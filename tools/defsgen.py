#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Interface definitions (.defs, docs/defs.md) to C, in two steps with JSON between them.

    defsgen.py FILE.defs --json OUT.json
    defsgen.py OUT.json [--types F] [--header F] [--client F] [--server F] [--kernel-header F]
                        [--kernel F] [--md F] [--trace F] [--fuzz F] [--abi F]
    defsgen.py --check-abi GOLDEN NEW

The front end parses, checks and lays messages out; the back ends read nothing but the JSON. Errors
are FILE:LINE: what is wrong and what to do. Generated names of locals end in _, which names in a
.defs file may not, so that they cannot meet.
"""

import argparse
import difflib
import json
import re
import sys
from pathlib import Path

ERRORS_DEF = Path(__file__).resolve().parents[1] / "interfaces/include/wharf/abi/errors.def"
REGISTER_BYTES, BODY_MAX, DESCRIPTORS_MAX, RIGHTS_MAX, DESCRIPTOR = 64, 8192, 32, 64, 16
SCALARS = {"u8": ("uint8_t", 1), "u16": ("uint16_t", 2), "u32": ("uint32_t", 4), "u64": ("uint64_t", 8),
           "i32": ("int32_t", 4), "i64": ("int64_t", 8), "bool": ("bool", 1)}
# Disposition as written: constant for the sender, and the kind of right that arrives.
DISPOSITIONS = {"copy_send": ("MSG_COPY_SEND", "MSG_MOVE_SEND"), "move_send": ("MSG_MOVE_SEND",) * 2,
                "make_send": ("MSG_MAKE_SEND", "MSG_MOVE_SEND"),
                "make_send_once": ("MSG_MAKE_SEND_ONCE", "MSG_MOVE_SEND_ONCE"),
                "move_send_once": ("MSG_MOVE_SEND_ONCE",) * 2, "move_receive": ("MSG_MOVE_RECEIVE",) * 2}
UNITS = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}
CARRIED = ("port", "memory", "ports")     # travel as descriptors
VARIABLE = ("bytes", "string", "array")   # travel behind a count
RESERVED = set("""auto bool break case char const continue default do double else enum extern false float for goto if
    inline int long register restrict return short signed sizeof static struct switch true typedef typeof union
    unsigned void volatile while message reply_to deadline call target""".split())
TOKEN = re.compile(r"/\*\*(?P<doc>.*?)\*/|(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<time>\d+(?:ns|us|ms|s)\b)|"
                   r"(?P<number>0x[0-9a-fA-F]+|\d+)\b|<(?P<header>[\w/.]+)>|(?P<name>[A-Za-z][A-Za-z0-9_]*)|"
                   r"(?P<mark>->|[{}()\[\]:;,=-])", re.S)


class Failure(Exception):
    """An error of the input, complete with its place."""


# ---------------------------------------------------------------------------- front end: parsing

class Parser:
    """One file, recursive descent. `here` is the line of the token that was taken last."""

    def __init__(self, path, text, errors):
        self.path, self.errors, self.here, self.at = path, errors, 1, 0
        self.constants, self.enums, self.structs = {}, {}, {}
        self.tokens = list(self.scan(text))

    def fail(self, text, line=None):
        raise Failure(f"{self.path}:{line or self.here}: {text}")

    def scan(self, text):
        place, line = 0, 1
        while place < len(text):
            match = TOKEN.match(text, place)
            if not match:
                self.fail(f"unexpected character {text[place]!r}", line)
            if match.lastgroup != "skip":
                yield match.lastgroup, match[match.lastgroup], line
            line += match[0].count("\n")
            place = match.end()
        yield "end", "end of file", line

    def peek(self):
        return self.tokens[self.at][1] if self.tokens[self.at][0] != "doc" else "/**"

    def take(self, kind=None, what=None):
        found, text, self.here = self.tokens[self.at]
        if kind and found != kind:
            self.fail(f"expected {what or kind}, found '{text.strip() if found != 'doc' else 'a doc comment'}'")
        self.at += 1
        return text

    def accept(self, text):
        if self.peek() == text:
            self.take()
            return True
        return False

    def expect(self, text):
        if not self.accept(text):
            self.here = self.tokens[self.at][2]
            self.fail(f"expected '{text}', found '{self.peek()}'")

    def name(self, what):
        name = self.take("name", what)
        if name.endswith("_") or "__" in name:
            self.fail(f"the name {name} contains __ or ends in _, which generated code keeps for itself: rename it")
        if name in RESERVED:
            self.fail(f"{name} is a word of C or of the generated code: rename it")
        return name

    def number(self):
        negative = self.accept("-")
        if self.tokens[self.at][0] == "name":
            name = self.take()
            if name not in self.constants:
                self.fail(f"{name} is no constant: define it above with const {name} = ...;")
            value = self.constants[name]["value"]
        else:
            value = int(self.take("number", "a number"), 0)
        return -value if negative else value

    def doc(self):
        text = self.take() if self.tokens[self.at][0] == "doc" else None
        if text is None:
            return ""
        lines = [line.strip().removeprefix("*").strip() for line in text.strip().splitlines()]
        return "\n".join(lines).strip()

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


def c_names(argument):
    """The C parameters an argument becomes."""
    if argument["class"] in ("bytes", "memory"):
        return [argument["name"], argument["name"] + "_size"]
    if argument["class"] in ("array", "ports"):
        return [argument["name"], argument["name"] + "_count"]
    return [argument["name"]]


# --------------------------------------------------------------------------- front end: layout

def align(offset, alignment):
    return -(-offset // alignment) * alignment


def lay_out(arguments):
    """A message: where everything is. Variable arguments have the offset of the worst case."""
    carried = [argument for argument in arguments if argument["class"] in CARRIED]
    message = {"descriptors": [], "fixed": [], "variable": []}
    for index, argument in enumerate(carried):
        message["descriptors"].append({"name": argument["name"], "offset": index * DESCRIPTOR})
    offset = len(carried) * DESCRIPTOR
    for argument in arguments:
        if argument["class"] not in CARRIED + VARIABLE:
            offset = align(offset, argument["alignment"])
            message["fixed"].append({"name": argument["name"], "offset": offset, "size": argument["size"]})
            offset += argument["size"]
    message["start"] = offset
    for argument in arguments:
        if argument["class"] in VARIABLE:
            at = align(offset, 4)
            slot = align(at + 4, argument["alignment"])
            message["variable"].append({"name": argument["name"], "offset": at, "slot": slot})
            offset = slot + argument["max"] * argument["element_size"]
    message["max"] = align(offset, 8)
    message["length"] = None if message["variable"] else message["max"]
    return message


def finish(found, path):
    """Lay all routines out and check what the transport limits."""
    for routine in found["routines"]:
        for direction, key in (("in", "request"), ("out", "reply")):
            arguments = [argument for argument in routine["args"] if argument["direction"] == direction]
            message = routine[key] = lay_out(arguments)
            place, what = f"{path}:{routine['line']}", f"{key} of routine {routine['name']}"
            if message["max"] > BODY_MAX:
                worst = max(arguments, key=lambda a: a.get("size") or a["max"] * a.get("element_size", 0))
                raise Failure(f"{place}: the {what} may be {message['max']} bytes long, {BODY_MAX} are possible: lower "
                              f"the max of {worst['name']}, or make it bytes out_of_line")
            if len(message["descriptors"]) > DESCRIPTORS_MAX:
                raise Failure(f"{place}: the {what} has {len(message['descriptors'])} descriptors, {DESCRIPTORS_MAX} "
                              "are possible: use ports max N for several rights of a kind")
            rights = sum(1 if argument["class"] == "port" else argument["max"] for argument in arguments
                         if argument["class"] in ("port", "ports"))
            if rights > RIGHTS_MAX:
                raise Failure(f"{place}: the {what} may carry {rights} rights, {RIGHTS_MAX} are possible: lower the max of "
                              "its ports, or send several messages")
            for argument in arguments if found["kernel"] else []:
                if argument["class"] in ("memory", "ports"):
                    raise Failure(f"{path}:{argument['line']}: {argument['name']}: interfaces of the kernel carry nothing "
                                  "out of line: use bytes max N, or single ports")
        for argument in routine["args"]:
            del argument["line"]
        del routine["line"]
    return found


def read_errors(path):
    row = re.compile(r'^ERROR\((\w+),\s*\d+,\s*\w+,\s*"([^"]*)"\)', re.M)
    return dict(row.findall(Path(path).read_text()))


def parse(path, errors=ERRORS_DEF):
    return finish(Parser(path, Path(path).read_text(), read_errors(errors)).interface(), path)


# ------------------------------------------------------------------------------- back ends: tools

class Code:
    """Lines of C, indented by their braces."""

    def __init__(self, about, includes):
        self.lines, self.depth = [], 0
        self("/* SPDX-License-Identifier: BSD-2-Clause */", f"/* {about} Made by tools/defsgen.py: edit the .defs. */")
        self(*(["#pragma once"] if about.startswith("Header") else []), "", *[f"#include <{name}>" for name in includes])

    def __call__(self, *lines):
        for line in lines:
            self.depth -= line.startswith("}")
            label = line.startswith(("#", "case ", "default:"))
            self.lines.append((" " * 4 * (self.depth - (label and self.depth > 0)) + line) if line else "")
            self.depth += line.endswith("{")

    def comment(self, text):
        if text:
            lines = text.splitlines()
            self("/** " + lines[0] + (" */" if len(lines) == 1 else ""))
            self(*[" *  " + line + (" */" if line is lines[-1] else "") for line in lines[1:]])

    def function(self, head, body):
        self("", head, "{")
        self(*body)
        self("}")

    def text(self):
        return "\n".join(self.lines) + "\n"


class Names:
    """What an interface's things are called in C."""

    def __init__(self, found):
        self.found, self.name = found, found["interface"]
        self.upper = self.name.upper()
        self.types = {item["name"]: f"struct {item['name'] if item['header'] else self.name + '_' + item['name']}"
                      for item in found["structs"]}

    def ctype(self, item):
        return self.types[item["ctype"].removeprefix("struct ")] if item["ctype"].startswith("struct ") else item["ctype"]

    def routine_id(self, routine):
        return f"{self.upper}_ID_{routine['name'].upper()}"

    def wire(self, routine, key):
        return f"struct {self.name}_{routine['name']}_{key}"

    def parameters(self, routine, view, directions=("in", "out")):
        """Of a routine's function: view is client, server, kernel or reply (results by value)."""
        found = []
        for argument in routine["args"]:
            if argument["direction"] in directions:
                out = argument["direction"] == "out" and view != "reply"
                found += self.parameter(argument, view, out)
        return found

    def parameter(self, argument, view, out):
        name, kind = argument["name"], argument["class"]
        const, star = ("", "*") if out else ("const ", "")
        if kind == "scalar":
            return [f"{argument['ctype']} {star}{name}"]
        if kind == "struct":
            return [f"{const}{self.ctype(argument)} *{name}"]
        if kind == "fixed_array":
            return [f"{const}{self.ctype(argument)} {name}[{argument['count']}]"]
        if kind == "string":
            return [f"{const}char *{name}"]
        if kind in ("bytes", "array"):
            element = self.ctype(argument) if kind == "array" or view == "kernel" else "void"
            return [f"{const}{element} *{name}", f"uint32_t {star}{c_names(argument)[1]}"]
        if kind == "port":
            return [f"struct kright *{name}" if view == "kernel" else f"mach_port_name_t {star}{name}"]
        # Out of line: a server function may keep what came, so that it is not const there.
        element = "void" if kind == "memory" else "mach_port_name_t"
        const = "" if view == "server" else const
        return [f"{element} *{star}{name}" if out else f"{const}{element} *{name}",
                f"uint32_t {star}{c_names(argument)[1]}"]


def of(routine, key):
    """The message's items with their arguments: [(item, argument)] by kind."""
    direction = "in" if key == "request" else "out"
    arguments = {argument["name"]: argument for argument in routine["args"] if argument["direction"] == direction}
    message = routine[key]
    return message, {kind: [(item, arguments[item["name"]]) for item in message[kind]]
                     for kind in ("descriptors", "fixed", "variable")}


def count_of(argument):
    return c_names(argument)[1] if len(c_names(argument)) > 1 else f"{argument['name']}_size_"


def gaps(routine, key, shift=0):
    """Members of the structure over the fixed part: [(offset, item or None, bytes)]."""
    message, items = of(routine, key)
    offset, found = len(items["descriptors"]) * DESCRIPTOR, []
    for item, argument in items["fixed"]:
        if item["offset"] > offset:
            found.append((offset, None, item["offset"] - offset))
        found.append((item["offset"], argument, item["size"]))
        offset = item["offset"] + item["size"]
    if message["length"] is not None and message["length"] > offset:
        found.append((offset, None, message["length"] - offset))
    return [(at - shift, item, size) for at, item, size in found]


def wire_struct(code, names, routine, key, kernel=False):
    """The fixed part as a structure. It may alias anything: bodies are arrays of words elsewhere."""
    carried = len(routine[key]["descriptors"])
    members = gaps(routine, key, carried * DESCRIPTOR if kernel else 0)
    if not has_struct(routine, key, kernel):
        return
    kind = names.wire(routine, key)
    code("", kind.replace("struct ", "struct [[gnu::may_alias]] ") + " {")
    if carried and not kernel:
        code(f"struct msg_descriptor descriptor[{carried}];")
    for offset, argument, size in members:
        if argument is None:
            code(f"uint8_t pad_{offset}_[{size}];")
        else:
            base = "uint8_t" if argument["ctype"] == "bool" else names.ctype(argument)
            code(f"{base} {argument['name']}" + (f"[{argument['count']}];" if argument["count"] else ";"))
    code("};")
    for offset, argument, _ in members:
        if argument is not None:
            code(f'_Static_assert(offsetof({kind}, {argument["name"]}) == {offset}, "layout is ABI");')


def has_struct(routine, key, kernel=False):
    return bool(routine[key]["fixed"] or routine[key]["descriptors"] and not kernel)


def pads(routine, key, to):
    return [f"__builtin_memset({to}->pad_{offset}_, 0, {size});" for offset, argument, size in gaps(routine, key)
            if argument is None and has_struct(routine, key)]


def descriptor(argument, value, size):
    """A descriptor to send."""
    fields = {"value": value}
    if argument["class"] != "port":
        fields |= {"value": f"(uintptr_t){value}", "size": size,
                   "kind": "MSG_OOL_MEMORY" if argument["class"] == "memory" else "MSG_OOL_PORTS"}
    if argument["class"] != "memory":
        fields["disposition"] = DISPOSITIONS[argument["disposition"]][0]
    if argument["moved"]:
        fields["flags"] = "MSG_DEALLOCATE"
    return "(struct msg_descriptor){" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "}"


def shape(message, length=None):
    return f"WIRE_SHAPE({message['length'] if length is None else length}, {len(message['descriptors'])})"


def encode(routine, key, to, body):
    """Arguments that are parameters by value into a body to send; leaves the length in at_."""
    message, items = of(routine, key)
    lines = []
    for _, argument in items["variable"]:
        if argument["class"] == "string":
            lines.append(f"const uint32_t {count_of(argument)} = wire_string_size({argument['name']}, {argument['max']});")
    limits = [f"{count_of(argument)} > {argument['max']}u" for _, argument in items["variable"] + items["descriptors"]
              if argument["class"] != "port" and argument["max"] < 2**32 - 1]
    if limits:
        lines += [f"if ({' || '.join(limits)}) {{", "return KERN_INVALID_ARGUMENT;", "}"]
    for index, (_, argument) in enumerate(items["descriptors"]):
        lines.append(f"{to}->descriptor[{index}] = {descriptor(argument, argument['name'], count_of(argument))};")
    for _, argument in items["fixed"]:
        name = argument["name"]
        lines.append(f"__builtin_memcpy({to}->{name}, {name}, sizeof {to}->{name});" if argument["class"] == "fixed_array"
                     else f"{to}->{name} = {'*' if argument['class'] == 'struct' else ''}{name};")
    lines += pads(routine, key, to)
    if items["variable"]:
        lines.append(f"uint32_t at_ = {message['start']};")
        for _, argument in items["variable"]:
            lines.append(f"at_ = wire_put({body}, at_, {argument['name']}, {count_of(argument)}, "
                         f"{argument['element_size']}, {argument['alignment']});")
        lines.append(f"at_ = wire_pad({body}, at_, WIRE_ALIGN);")
    return lines


def scan_variable(routine, key, body, length, error, shift=0):
    """Find the variable arguments in a body that came: NAME_at_ and their counts are set."""
    message, items = of(routine, key)
    if not items["variable"]:
        return []
    tests, lines = [], [f"uint32_t next_ = {message['start'] - shift};"]
    for _, argument in items["variable"]:
        lines += [f"const void *{argument['name']}_at_ = NULL;", f"uint32_t {argument['name']}_n_ = 0;"]
        tests.append(f"!wire_get({body}, {length}, &next_, {argument['element_size']}, {argument['alignment']}, "
                     f"{argument['max']}, &{argument['name']}_at_, &{argument['name']}_n_)")
        if argument["class"] == "string":
            tests.append(f"!wire_is_string({argument['name']}_at_, {argument['name']}_n_)")
    lines += [f"if ({tests[0]} ||"] + [f"    {test} ||" for test in tests[1:]]
    return lines + [f"    wire_align(next_, WIRE_ALIGN) != {length}) {{", error, "}"]


def wanted(code, routine, key, table):
    """The table a received body's descriptors are compared with."""
    carried = of(routine, key)[1]["descriptors"]
    if carried:
        code("", f"static const struct wire_descriptor {table}[{len(carried)}] = {{")
        for _, argument in carried:
            kind = {"port": "MSG_PORT", "memory": "MSG_OOL_MEMORY", "ports": "MSG_OOL_PORTS"}[argument["class"]]
            right = "0" if argument["class"] == "memory" else DISPOSITIONS[argument["disposition"]][1]
            code(f"{{.kind = {kind}, .disposition = {right}, .max = {argument['max']}u}},")
        code("};")
    return bool(carried)


# -------------------------------------------------------------------------- back ends: the headers

def make_types(found):
    names = Names(found)
    code = Code(f"Header of interface {names.name}: numbers, constants and structures. {found['source']}.",
                ["stddef.h", "stdint.h", *sorted({item["header"] for item in found["structs"] if item["header"]})])
    code("", "/* Numbers. */", f"#define {names.upper}_BASE {found['base']:#x}u",
         f"#define {names.upper}_VERSION {found['version']}u")
    for key in ("request", "reply"):
        longest = max(routine[key]["max"] for routine in found["routines"])
        code(f"#define {names.upper}_{key.upper()}_MAX {longest}u /* longest body */")
    for routine in found["routines"]:
        code(f"#define {names.routine_id(routine)} {routine['id']:#x}u")
    if found["constants"]:
        code("")
    for item in found["constants"]:
        code.comment(item["doc"])
        suffix = "" if item["value"] < 0 else "u" if item["value"] < 2**32 else "ull"
        value = f"({item['value']})" if item["value"] < 0 else f"{item['value']}{suffix}"
        code(f"#define {names.upper}_{item['name'].upper()} {value}")
    for item in found["enums"]:
        code("")
        code.comment(item["doc"])
        code(f"enum {names.name}_{item['name']} {{")
        for entry in item["values"]:
            code.comment(entry["doc"])
            code(f"{names.upper}_{item['name'].upper()}_{entry['name'].upper()} = {entry['value']},")
        code("};")
    for item in found["structs"]:
        make_struct(code, names, item)
    return code.text()


def make_struct(code, names, item):
    kind = names.types[item["name"]]
    code("")
    if item["header"]:
        code(f'_Static_assert(sizeof({kind}) == {item["size"]} && _Alignof({kind}) == {item["alignment"]}, "layout is ABI");')
        return
    code.comment(item["doc"])
    code(kind + " {")
    for field in item["fields"]:
        code.comment(field["doc"])
        code(f"{names.ctype(field)} {field['name']}" + (f"[{field['count']}];" if field["count"] else ";"))
    code("};", f'_Static_assert(sizeof({kind}) == {item["size"]}, "layout is ABI");')


def routine_doc(routine, extra=()):
    lines = [routine["doc"]]
    if routine["errors"]:
        lines.append("Errors: " + ", ".join(error["name"] for error in routine["errors"]) + ".")
    return "\n".join(lines + list(extra))


def client_head(names, routine, until=True):
    parameters = [f"mach_port_name_t {names.name}"] + names.parameters(routine, "client")
    return (f"kern_return_t {names.name}_{routine['name']}{'_until' if until else ''}"
            f"({', '.join(parameters + (['uint64_t deadline'] if until else []))})")


def reply_head(names, routine):
    parameters = ["mach_port_name_t reply_to", "kern_return_t result_"] + names.parameters(routine, "reply", ("out",))
    return f"kern_return_t {names.name}_reply_{routine['name']}({', '.join(parameters)})"


def make_header(found):
    names = Names(found)
    code = Code(f"Header of interface {names.name}, version {found['version']}. {found['source']}.",
                ["stdbool.h", "stddef.h", "stdint.h", f"wharf/if/{names.name}_types.h", "wharf/error.h",
                 "wharf/message.h"])
    code("", "struct server_interface;", "struct server_message;", "")
    code.comment(found["doc"])
    code("", "/* For clients. Results are written on KERN_SUCCESS only (an array that is all of a long reply on",
         " * MIG_BAD_REPLY, too); for a result of varying length there is room for its max. The form _until has an absolute deadline, UINT64_MAX for none. */")
    for routine in found["routines"]:
        code("")
        code.comment(routine_doc(routine))
        code(client_head(names, routine, until=False) + ";", client_head(names, routine) + ";")
    code("", "/* For servers: <libsys/server.h> says who owns what. A member left NULL: KERN_NOT_SUPPORTED. */",
         f"struct {names.name}_ops {{")
    for routine in found["routines"]:
        code.comment(routine["doc"])
        parameters = ["struct server_message *message"] + names.parameters(routine, "server")
        code(f"kern_return_t (*{routine['name']})({', '.join(parameters)});")
    code("};", "", "/** A row for server_run(). */",
         f"struct server_interface {names.name}_interface(const struct {names.name}_ops *ops, void *context);",
         "/** Answer one message: server_dispatch() for this interface alone. */",
         f"kern_return_t {names.name}_server(const struct {names.name}_ops *ops, void *context,",
         "    struct server_message *message);", "",
         "/* Answers to what returned MIG_NO_REPLY. `reply_to` is used up unless a MACH_SEND_ error comes back. */")
    code(*[reply_head(names, routine) + ";" for routine in found["routines"] if not routine["oneway"]])
    return code.text()


# --------------------------------------------------------------------------- back end: client stubs

def in_registers(routine):
    return not routine["oneway"] and all(routine[key]["length"] is not None and not routine[key]["descriptors"] and
                                         routine[key]["max"] <= REGISTER_BYTES for key in ("request", "reply"))


def words(routine, key):
    """The fixed part by words: {index: [(argument, offset in it, bytes, shift)]}."""
    found = {}
    for item, argument in of(routine, key)[1]["fixed"]:
        for index in range(item["offset"] // 8, (item["offset"] + item["size"] - 1) // 8 + 1):
            first = max(item["offset"], index * 8)
            size = min(item["offset"] + item["size"], index * 8 + 8) - first
            found.setdefault(index, []).append((argument, first - item["offset"], size, 8 * (first - index * 8)))
    return found


def register_stub(names, routine):
    lines, request = ["uint64_t word_[8];"], words(routine, "request")
    for index in range(8):
        parts = []
        for argument, offset, size, shift in request.get(index, []):
            value = f"wire_piece({argument['name']}, {offset}, {size})"
            if argument["class"] == "scalar":
                unsigned = argument["ctype"] if argument["ctype"] == "bool" else f"uint{8 * size}_t"
                value = f"(uint64_t)({unsigned}){argument['name']}"
            parts.append(value + (f" << {shift}" if shift else ""))
        value = " | ".join(parts) or ("0" if index * 8 < routine["request"]["length"] else "user_msg_any()")
        lines.append(f"word_[{index}] = {value};")
    lines += ["kern_return_t result_;", f"if (!stub_call_words({names.name}, {names.routine_id(routine)}, "
              f"{routine['request']['length']}, word_,",
              f"    {shape(routine['reply'])}, deadline, &result_)) {{", "return result_;", "}"]
    for index, parts in sorted(words(routine, "reply").items()):
        for argument, offset, size, shift in parts:
            value = f"word_[{index}]" + (f" >> {shift}" if shift else "")
            if argument["class"] != "scalar":
                lines.append(f"wire_store({argument['name']}, {offset}, {size}, {value});")
            elif argument["ctype"] == "bool":
                lines.append(f"*{argument['name']} = (uint8_t)({value}) != 0;")
            else:
                lines.append(f"*{argument['name']} = ({argument['ctype']})({value});")
    return lines + ["return result_;"]


def whole_array(routine, key):
    """The argument that is all of a long body as it lies in the caller's memory; None: there is none."""
    message, items = of(routine, key)
    alone = len(items["fixed"]) == 1 and not items["descriptors"] and not items["variable"]
    if not alone or message["max"] <= REGISTER_BYTES:
        return None
    item, argument = items["fixed"][0]
    whole = argument["class"] == "fixed_array" and item["size"] == message["length"]
    return argument["name"] if whole and argument["alignment"] == 8 else None


def take_reply(routine):
    """Results out of body_, all checks before the first is written."""
    message, items = of(routine, "reply")
    carried, length = len(message["descriptors"]), "wire_length(shape_)"
    if whole_array(routine, "reply"):
        return [f"if (shape_ != {shape(message)}) {{",
                f"return stub_bad_reply({whole_array(routine, 'reply')}, shape_);", "}"]
    tests = [f"shape_ != {shape(message)}" if message["length"] is not None else f"wire_descriptors(shape_) != {carried}"]
    if message["length"] is None and message["start"]:
        tests.append(f"wire_length(shape_) < {message['start']}")
    if carried:
        tests.append(f"!stub_descriptors_fit(body_.word, {routine['name']}_results, {carried})")
    bad = "return stub_bad_reply(body_.word, shape_);"
    lines = [f"if ({' || '.join(tests)}) {{", bad, "}"] + scan_variable(routine, "reply", "body_.word", length, bad)
    for index, (_, argument) in enumerate(items["descriptors"]):
        value, kind = f"body_.reply.descriptor[{index}]", argument["class"]
        cast = {"port": "(mach_port_name_t)", "memory": "(void *)(uintptr_t)",
                "ports": "(mach_port_name_t *)(uintptr_t)"}[kind]
        lines.append(f"*{argument['name']} = {cast}{value}.value;")
        if kind != "port":
            lines.append(f"*{count_of(argument)} = {value}.size;")
    for _, argument in items["fixed"]:
        name, truth = argument["name"], " != 0" if argument["ctype"] == "bool" else ""
        lines.append(f"__builtin_memcpy({name}, body_.reply.{name}, sizeof body_.reply.{name});"
                     if argument["class"] == "fixed_array" else f"*{name} = body_.reply.{name}{truth};")
    for _, argument in items["variable"]:
        name = argument["name"]
        lines += [f"if ({name}_n_ != 0) {{",
                  f"__builtin_memcpy({name}, {name}_at_, (size_t){name}_n_ * {argument['element_size']});", "}"]
        if argument["class"] != "string":
            lines.append(f"*{count_of(argument)} = {name}_n_;")
    return lines


def body_room(names, routine, keys):
    """The variable body_, with room for a short reply at least; none if nothing needs it."""
    keys = [key for key in keys if not whole_array(routine, key)]
    if not keys:
        return []
    room = max([routine[key]["max"] for key in keys] + [REGISTER_BYTES])
    parts = [f"{names.wire(routine, key)} {key};" for key in keys if has_struct(routine, key)]
    return ["union {", f"uint64_t word[{room // 8}];", *parts, "} body_;"]


def body_stub(names, routine):
    request = routine["request"]
    if routine["oneway"] and not request["max"]:
        return [f"return stub_send({names.name}, MSG_COPY_SEND, {names.routine_id(routine)}, NULL, 0, deadline);"]
    lines = body_room(names, routine, ("request",) if routine["oneway"] else ("request", "reply"))
    sent, taken = whole_array(routine, "request"), not routine["oneway"] and whole_array(routine, "reply")
    if not sent:
        lines += encode(routine, "request", "(&body_.request)", "body_.word")
    sent = sent or ("body_.word" if request["max"] else "NULL")
    size = "at_" if request["length"] is None else request["length"]
    identity = f"{names.name}, {names.routine_id(routine)}"
    if routine["oneway"]:
        identity = f"{names.name}, MSG_COPY_SEND, {names.routine_id(routine)}"
        return lines + [f"return stub_send({identity}, {sent}, {shape(request, size)}, deadline);"]
    room = f"{taken}, {routine['reply']['max']}" if taken else "body_.word, sizeof body_.word"
    call = f"stub_call({identity}, {sent}, {shape(request, size)}, {room}, deadline, &shape_)"
    lines += ["uint32_t shape_;", f"const kern_return_t result_ = {call};", "if (result_ != KERN_SUCCESS) {",
              "return result_;", "}"]
    return lines + take_reply(routine) + ["return KERN_SUCCESS;"]


def both_stubs(code, names, routine):
    """The stub with and the one without a deadline. A short call is compiled twice: the one that is
    used most does without a parameter."""
    inner = ", ".join([names.name] + [name for argument in routine["args"] for name in c_names(argument)])
    timeout = "UINT64_MAX" if routine["timeout"] is None else f"stub_deadline({routine['timeout']}u)"
    function = f"{names.name}_{routine['name']}_until"
    if in_registers(routine):
        core = client_head(names, routine).replace(function, f"call_{routine['name']}")
        code.function("[[gnu::always_inline]] static inline " + core, register_stub(names, routine))
        function = f"call_{routine['name']}"
        code.function(client_head(names, routine), [f"return {function}({inner}, deadline);"])
    else:
        code.function(client_head(names, routine), body_stub(names, routine))
    code.function(client_head(names, routine, until=False), [f"return {function}({inner}, {timeout});"])


def make_client(found):
    names = Names(found)
    code = Code(f"Client stubs of interface {names.name}. {found['source']}.",
                ["libsys/stub.h", f"wharf/if/{names.name}.h"])
    for routine in found["routines"]:
        for key in ("request", "reply"):
            if not in_registers(routine):
                wire_struct(code, names, routine, key)
        if not routine["oneway"]:
            wanted(code, routine, "reply", f"{routine['name']}_results")
        both_stubs(code, names, routine)
    return code.text()


# ----------------------------------------------------------------------- back ends: server, kernel

def limits(items):
    tests = [f"in_->{argument['name']} > {argument['max']}u" for _, argument in items["fixed"]
             if argument["class"] == "scalar" and argument["max"] is not None]
    return [f"if ({' || '.join(tests)}) {{", "return KERN_INVALID_ARGUMENT;", "}"] if tests else []


def received(names, argument, index, kernel):
    """What a function is given for an argument of the request."""
    name, kind = argument["name"], argument["class"]
    if kind == "scalar":
        return [f"in_->{name}" + (" != 0" if argument["ctype"] == "bool" else "")]
    if kind in ("struct", "fixed_array"):
        return [("&" if kind == "struct" else "") + f"in_->{name}"]
    if kind in VARIABLE:
        return [f"{name}_at_"] + ([] if kind == "string" else [f"{name}_n_"])
    if kernel:
        return [f"&call->right[{index}]"]
    value = f"in_->descriptor[{index}]"
    cast = {"port": "(mach_port_name_t)", "memory": "(void *)(uintptr_t)", "ports": "(mach_port_name_t *)(uintptr_t)"}
    return [f"{cast[kind]}{value}.value"] + ([] if kind == "port" else [f"{value}.size"])


class Results:
    """How a function's results get into the reply: locals before, arguments, lines after."""

    def __init__(self, names, routine, kernel, out):
        message, items = of(routine, "reply")
        shift = len(message["descriptors"]) * DESCRIPTOR if kernel else 0
        self.before, self.arguments, self.after = [], {}, []
        for index, (_, argument) in enumerate(items["descriptors"]):
            self.carried(argument, index, kernel)
        for _, argument in items["fixed"]:
            self.fixed(argument)
        self.after += pads(routine, "reply", "out_") if not kernel else [
            f"__builtin_memset(out_->pad_{offset}_, 0, {size});" for offset, item, size in gaps(routine, "reply", shift)
            if item is None and has_struct(routine, "reply", True)]
        if items["variable"]:
            self.after.append(f"uint32_t end_ = {message['start'] - shift};")
        for item, argument in items["variable"]:
            self.variable(names, argument, item["slot"] - shift, out)
        if items["variable"]:
            self.after.append(f"end_ = wire_pad({out}, end_, WIRE_ALIGN);")

    def carried(self, argument, index, kernel):
        name, kind = argument["name"], argument["class"]
        if kernel:
            self.before.append(f"call->out_right[{index}] = (struct kright){{0}};")
            self.arguments[name] = [f"&call->out_right[{index}]"]
            return
        kinds = {"port": "mach_port_name_t ", "memory": "void *", "ports": "mach_port_name_t *"}
        self.before.append(f"{kinds[kind]}{name}_ = {'MSG_NULL' if kind == 'port' else 'NULL'};")
        self.arguments[name] = [f"&{name}_"]
        if kind != "port":
            self.before.append(f"uint32_t {name}_n_ = 0;")
            self.arguments[name].append(f"&{name}_n_")
        self.after.append(f"out_->descriptor[{index}] = {descriptor(argument, name + '_', name + '_n_')};")

    def fixed(self, argument):
        name = argument["name"]
        if argument["ctype"] == "bool":
            self.before.append(f"bool {name}_ = false;")
            self.arguments[name] = [f"&{name}_"]
            self.after.append(f"out_->{name} = {name}_;")
        else:
            self.arguments[name] = [("" if argument["class"] == "fixed_array" else "&") + f"out_->{name}"]

    def variable(self, names, argument, slot, out):
        name, kind, most = argument["name"], argument["class"], argument["max"]
        element = "char" if kind == "string" else names.ctype(argument)
        self.before.append(f"{element} *const {name}_ = ({element} *)(void *)((char *){out} + {slot});")
        self.arguments[name] = [f"{name}_"]
        if kind == "string":
            self.after += [f"{name}_[{most - 1}] = '\\0';"]
            self.after += [f"const uint32_t {name}_n_ = wire_string_size({name}_, {most});"]
        else:
            self.before.append(f"uint32_t {name}_n_ = 0;")
            self.arguments[name].append(f"&{name}_n_")
            self.after += [f"{name}_n_ = {name}_n_ < {most}u ? {name}_n_ : {most}u;"]
        self.after.append(f"end_ = wire_settle({out}, end_, {slot}, {name}_n_, {argument['element_size']}, "
                          f"{argument['alignment']});")


def call_of(names, routine, results, kernel):
    """The arguments of the hand-written function."""
    found, index = [], 0
    for argument in routine["args"]:
        if argument["direction"] == "out":
            found += results.arguments[argument["name"]]
        else:
            found += received(names, argument, index, kernel)
            index += argument["class"] in CARRIED
    return found


def server_handler(names, routine):
    _, items = of(routine, "request")
    reply = routine["reply"]
    lines = [f"const struct {names.name}_ops *const ops_ = message->ops;"]
    if items["fixed"] or items["descriptors"]:
        lines.append(f"const {names.wire(routine, 'request')} *const in_ = message->in;")
    if has_struct(routine, "reply"):
        lines.append(f"{names.wire(routine, 'reply')} *const out_ = message->out;")
    lines += [f"if (ops_->{routine['name']} == NULL) {{", "return KERN_NOT_SUPPORTED;", "}"]
    if routine["request"]["variable"]:
        lines.append("const uint32_t length_ = msg_length(message->received.control);")
    if routine["request"]["variable"] and routine["request"]["start"]:
        lines += [f"if (length_ < {routine['request']['start']}) {{", "return MIG_BAD_ARGUMENTS;", "}"]
    lines += limits(items)
    lines += scan_variable(routine, "request", "message->in", "length_", "return MIG_BAD_ARGUMENTS;")
    results = Results(names, routine, False, "message->out")
    call = f"ops_->{routine['name']}({', '.join(['message'] + call_of(names, routine, results, False))})"
    if not results.after:
        return lines + results.before + [f"return {call};"]
    lines += results.before + [f"const kern_return_t result_ = {call};", "if (result_ != KERN_SUCCESS) {",
                               "return result_;", "}"] + results.after
    if reply["variable"]:
        lines.append(f"message->out_shape = {shape(reply, 'end_')};")
    return lines + ["return KERN_SUCCESS;"]


def reply_function(names, routine):
    reply = routine["reply"]
    if not reply["max"]:
        return ["return stub_send(reply_to, MSG_MOVE_SEND_ONCE, result_, NULL, 0, UINT64_MAX);"]
    lines = ["if (result_ != KERN_SUCCESS) {",
             "return stub_send(reply_to, MSG_MOVE_SEND_ONCE, result_, NULL, 0, UINT64_MAX);", "}"]
    sent = whole_array(routine, "reply")
    if not sent:
        lines += body_room(names, routine, ("reply",)) + encode(routine, "reply", "(&body_.reply)", "body_.word")
    size = "at_" if reply["length"] is None else reply["length"]
    return lines + [f"return stub_send(reply_to, MSG_MOVE_SEND_ONCE, KERN_SUCCESS, {sent or 'body_.word'}, "
                    f"{shape(reply, size)}, UINT64_MAX);"]


def make_server(found):
    names = Names(found)
    code = Code(f"Server side of interface {names.name}. {found['source']}.",
                ["libsys/server.h", "libsys/stub.h", f"wharf/if/{names.name}.h"])
    last, rows, tables = max(routine["number"] for routine in found["routines"]), {}, []
    for routine in found["routines"]:
        for key in ("request", "reply"):
            wire_struct(code, names, routine, key)
        if wanted(code, routine, "request", f"{routine['name']}_arguments"):
            tables.append(f"[{routine['number']}] = {routine['name']}_arguments,")
        code.function(f"static kern_return_t serve_{routine['name']}(struct server_message *message)",
                      server_handler(names, routine))
        wanted_shape, message = shape(routine["request"], routine["request"]["length"] or 0), routine["request"]
        if message["length"] is None:
            wanted_shape = "SERVER_VARIABLE | " + wanted_shape
        elif message["length"] > REGISTER_BYTES or message["descriptors"]:
            wanted_shape = "SERVER_LONG | " + wanted_shape
        reply = shape(routine["reply"], routine["reply"]["length"] or 0)
        rows[routine["number"]] = f"{{{wanted_shape}, {reply}, serve_{routine['name']}}}"
        if not routine["oneway"]:
            code.function(reply_head(names, routine), reply_function(names, routine))
    code("", "static const struct server_routine routines[] = {")
    code(*[f"[{n}] = {rows.get(n, '{SERVER_ABSENT, 0, NULL}')}," for n in range(last + 1)])
    code("};", "", f"static const struct wire_descriptor *const descriptors[{last + 1}] = {{")
    code(*(tables or ["NULL,"]))
    code("};")
    code.function(f"struct server_interface {names.name}_interface(const struct {names.name}_ops *ops, void *context)",
                  ["return (struct server_interface){", f".base = {names.upper}_BASE,", f".numbers = {last + 1},",
                   ".routines = routines,", ".descriptors = descriptors,", ".ops = ops,", ".context = context,",
                   f".request_max = {names.upper}_REQUEST_MAX,", f".reply_max = {names.upper}_REPLY_MAX,", "};"])
    code.function(f"kern_return_t {names.name}_server(const struct {names.name}_ops *ops, void *context,\n"
                  "    struct server_message *message)",
                  [f"const struct server_interface interface = {names.name}_interface(ops, context);",
                   "return server_dispatch(&interface, message);"])
    return code.text()


def kernel_head(names, routine):
    parameters = ["struct kcall *call", f"struct {names.found['kernel']} *target"] + names.parameters(routine, "kernel")
    return f"kern_return_t k{names.name}_{routine['name']}({', '.join(parameters)})"


def demux_head(names):
    return (f"kern_return_t {names.name}_demux(struct kcall *call, struct {names.found['kernel']} *target, "
            "uint32_t number)")


def make_kernel_header(found):
    names = Names(found)
    code = Code(f"Header of interface {names.name} as the kernel implements it. {found['source']}.",
                ["stdbool.h", "stdint.h", f"wharf/if/{names.name}_types.h", "wharf/error.h"])
    code("", "struct kcall;", "struct kright;", f"struct {found['kernel']};", "")
    code.comment(found["doc"])
    code("", "/** Carry the call out: decode, call the function below, encode. number: id - base. After an error",
         " *  there is no reply body; rights the request carried and nobody took are the caller's to release.",
         " *  MIG_BAD_ID, MIG_BAD_ARGUMENTS, or what the function returned. */", demux_head(names) + ";", "",
         "/* Written by hand. A right of the request is taken by emptying its struct kright; on error no right",
         " * of the reply is filled in. On success every result has been written in full; the counts of results",
         " * of varying length are 0 before the call, and there is room for their max. */")
    for routine in found["routines"]:
        code("")
        code.comment(routine_doc(routine))
        code(kernel_head(names, routine) + ";")
    return code.text()


def kernel_handler(names, routine):
    request, items = of(routine, "request")
    reply, carried = routine["reply"], len(request["descriptors"])
    shift = carried * DESCRIPTOR
    lines = []
    if items["fixed"]:
        lines.append(f"const {names.wire(routine, 'request')} *const in_ = call->in;")
    if has_struct(routine, "reply", True):
        lines.append(f"{names.wire(routine, 'reply')} *const out_ = call->out;")
    size = f"call->in_size < {request['start'] - shift}"
    tests = [f"call->rights != {carried}"] + ([size] if request["start"] - shift else [])
    if request["length"] is not None:
        tests = [f"call->in_shape != KCALL_SHAPE({request['length'] - shift}, {carried})"]
    tests += [f"!right_is(&call->right[{index}], {DISPOSITIONS[argument['disposition']][1]})"
              for index, (_, argument) in enumerate(items["descriptors"])]
    lines += [f"if ({' || '.join(tests)}) {{", "return MIG_BAD_ARGUMENTS;", "}"] + limits(items)
    lines += scan_variable(routine, "request", "call->in", "call->in_size", "return MIG_BAD_ARGUMENTS;", shift)
    results = Results(names, routine, True, "call->out")
    function = f"k{names.name}_{routine['name']}"
    arguments = ", ".join(["call", "target"] + call_of(names, routine, results, True))
    rights = [f"call->out_rights = {len(reply['descriptors'])};"] if reply["descriptors"] else []
    if reply["max"] > REGISTER_BYTES:
        rights.append("call->long_out = true;")
    if not results.after and not reply["descriptors"]: # the size before the call, which then is the last thing done
        size = [f"call->out_size = {reply['length']};"] if reply["length"] else []
        return lines + results.before + rights + size + [f"return {function}({arguments});"]
    lines += results.before + [f"const kern_return_t result_ = {function}({arguments});", "if (result_ != KERN_SUCCESS) {",
                               "return result_;", "}"] + results.after
    length = "end_" if reply["length"] is None else reply["length"] - len(reply["descriptors"]) * DESCRIPTOR
    return lines + [f"call->out_size = {length};"] + rights + ["return KERN_SUCCESS;"]


def make_kernel(found):
    names = Names(found)
    code = Code(f"Interface {names.name}: from messages to the kernel's functions. {found['source']}.",
                ["kern/kcall.h", "stddef.h", f"wharf/if/{names.name}_kernel.h", "wharf/message.h", "wharf/wire.h"])
    if any(routine["request"]["descriptors"] for routine in found["routines"]):
        code.function("static inline bool right_is(const struct kright *right, uint8_t kind)",
                      ["return right->kind == kind || right->kind == 0;"])
    cases = []
    for routine in found["routines"]:
        for key in ("request", "reply"):
            wire_struct(code, names, routine, key, kernel=True)
        body = kernel_handler(names, routine)
        # What does more after the call than to return would have all of them begin with a frame.
        out_of_line = "" if body[-1].startswith("return k") else "[[gnu::noinline]] "
        code.function(f"{out_of_line}static kern_return_t call_{routine['name']}(struct kcall *call, "
                      f"struct {found['kernel']} *target)", body)
        cases += [f"case {routine['number']}: return call_{routine['name']}(call, target);"]
    usual = [str(routine["number"]) for routine in found["routines"] if routine["usual"]]
    number = f"__builtin_expect(number, {usual[0]})" if usual else "number"
    code.function(demux_head(names), [f"switch ({number}) {{", *cases, "default: return MIG_BAD_ID;", "}"])
    return code.text()


# ------------------------------------------------------------- back ends: documents, trace, golden

def written(argument):
    """An argument's type as in the .defs, for people."""
    kind = argument["class"]
    text = {"memory": "bytes out_of_line", "array": f"{argument['type']} array"}.get(kind, argument["type"])
    if argument.get("max") and kind != "port":
        text += f" max {argument['max']}"
    for word in (argument.get("disposition"), argument.get("object")):
        text += f" {word}" if word else ""
    return text + (" take" if argument.get("take") else "") + (" moved" if argument.get("moved") else "")


def make_md(found):
    by = f" The kernel implements it, for its `struct {found['kernel']}`." if found["kernel"] else ""
    lines = ["<!-- SPDX-License-Identifier: BSD-2-Clause -->", f"# Interface {found['interface']}", "",
             found["doc"].replace("\n", " "), "",
             f"Version {found['version']}, base {found['base']:#x}. Made from `{found['source']}`.{by}", ""]
    for item in found["constants"]:
        lines.append(f"- `const {item['name']} = {item['value']}` {item['doc']}".rstrip())
    for item in found["enums"]:
        values = ", ".join(f"`{entry['name']}` = {entry['value']}" for entry in item["values"])
        lines.append(f"- `enum {item['name']}`: {values}. {item['doc']}".rstrip())
    for item in found["structs"]:
        fields = ", ".join(f"`{field['name']}: {field['type']}`" for field in item["fields"]) or f"`<{item['header']}>`"
        lines.append(f"- `struct {item['name']}` ({item['size']} bytes): {fields}. {item['doc']}".rstrip())
    for routine in found["routines"]:
        lines += ["", f"## {routine['number']}: {routine['name']}", "", routine["doc"], "",
                  f"Message {routine['id']:#x}{', oneway' if routine['oneway'] else ''}"
                  f"{', idempotent' if routine['idempotent'] else ''}; timeout "
                  f"{'never' if routine['timeout'] is None else str(routine['timeout']) + ' ns'}.", ""]
        if routine["args"]:
            lines += ["| Argument | Direction | Type |", "|---|---|---|"]
            lines += [f"| `{argument['name']}` | {argument['direction']} | {written(argument)} |"
                      for argument in routine["args"]]
        if routine["errors"]:
            lines += ["", "| Error | |", "|---|---|"]
            lines += [f"| `{error['name']}` | {error['sentence']} |" for error in routine["errors"]]
    if found["retired"]:
        lines += ["", "Retired numbers: " + ", ".join(map(str, found["retired"])) + "."]
    return "\n".join(lines) + "\n"


def make_trace(found):
    """id -> what a decoder of traces needs. An argument behind one of varying length has no offset."""
    table = {}
    for routine in found["routines"]:
        entry = table[f"{routine['id']:#x}"] = {"interface": found["interface"], "routine": routine["name"]}
        for key in ("request", "reply"):
            _, items = of(routine, key)
            entry[key] = [{"name": item["name"], "type": written(argument), "offset": item["offset"],
                           "size": item.get("size", DESCRIPTOR)}
                          for item, argument in items["descriptors"] + items["fixed"]]
            entry[key] += [{"name": item["name"], "type": written(argument), "variable": True,
                            "element_size": argument["element_size"], "alignment": argument["alignment"],
                            "offset": item["offset"] if index == 0 else None}
                           for index, (item, argument) in enumerate(items["variable"])]
    return json.dumps(table, indent=1) + "\n"


def make_abi(found):
    lines = [f"interface {found['interface']} {found['base']:#x} version {found['version']}"]
    lines += [f"const {item['name']} = {item['value']}" for item in found["constants"]]
    for item in found["enums"]:
        lines += [f"enum {item['name']} {entry['name']} = {entry['value']}" for entry in item["values"]]
    for item in found["structs"]:
        header = f" in <{item['header']}>" if item["header"] else ""
        lines.append(f"struct {item['name']} size {item['size']} alignment {item['alignment']}{header}")
        lines += [f"  {field['offset']:5} {field['size']:5} {field['name']}: {field['type']}" for field in item["fields"]]
    lines += [f"retired {number}" for number in found["retired"]]
    for routine in sorted(found["routines"], key=lambda routine: routine["number"]):
        lines.append(f"{'oneway' if routine['oneway'] else 'routine'} {routine['id']:#x} {routine['name']}")
        for key in ("request",) if routine["oneway"] else ("request", "reply"):
            message, items = of(routine, key)
            exact = "" if message["length"] is not None else "at most "
            lines.append(f"  {key} {exact}{message['max']} bytes, {len(message['descriptors'])} descriptors")
            lines += [f"    {item['offset']:5} {item.get('size', DESCRIPTOR):5} {item['name']}: {written(argument)}"
                      for item, argument in items["descriptors"] + items["fixed"]]
            lines += [f"    {item['offset'] if not index else 'then':>5}   4+n {item['name']}: {written(argument)}, elements "
                      f"of {argument['element_size']} at multiples of {argument['alignment']}"
                      for index, (item, argument) in enumerate(items["variable"])]
    return "\n".join(lines) + "\n"


def check_abi(golden, new):
    """What differs, as text; empty if nothing does."""
    old, now = Path(golden).read_text().splitlines(), Path(new).read_text().splitlines()
    if old == now:
        return ""
    changes = [line for line in difflib.unified_diff(old, now, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))]
    return "\n".join([f"{golden}: the interface is not what it was (- golden, + now):", *changes,
                      "Numbers and layouts that programs use stay as they are: add a routine with a new number, or retire one.",
                      f"If the change is meant: raise the version in the .defs and copy {new} to {golden}."])


# ---------------------------------------------------------------------------------- back end: fuzz

FUZZ_HEAD = """
/* Input: byte 0 the routine, 1 what is damaged, 2 the function's answer; the rest is content. Only what
 * a client can choose is damaged: descriptors are always such as the kernel delivers. */
static const uint8_t *input;
static size_t left;
static long live; /* rights and memory the request carries that nobody has given up */
static kern_return_t answer;
static volatile uint8_t sink;

static uint8_t next_byte(void)
{
    return left != 0 ? (left--, *input++) : 0;
}

static void fill(void *to, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = next_byte();
    }
}

static void touch(const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sink = sink ^ ((const uint8_t *)from)[i];
    }
}

static void require(bool true_)
{
    if (!true_) {
        __builtin_trap();
    }
}

static struct msg_descriptor carry(uint8_t kind, uint8_t disposition, uint32_t max)
{
    struct msg_descriptor made = {.kind = kind, .disposition = disposition};
    if (kind == MSG_PORT) {
        made.value = next_byte();
        live += made.value != MSG_NULL;
        return made;
    }
    made.size = next_byte() % ((max < 40 ? max : 40) + 1);
    const size_t unit = kind == MSG_OOL_PORTS ? sizeof(mach_port_name_t) : 1;
    if (made.size != 0) {
        char *const memory = malloc(made.size * unit);
        require(memory != NULL);
        memset(memory, 7, made.size * unit);
        made.value = (uintptr_t)memory;
        live += 1 + (kind == MSG_OOL_PORTS ? (long)made.size : 0);
    }
    return made;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    require(name != MSG_NULL && kind >= MSG_MOVE_RECEIVE && kind <= MSG_MOVE_SEND_ONCE);
    live--;
}

void stub_release_memory(void *address, uint64_t size)
{
    touch(address, size);
    free(address);
    live--;
}
"""

FUZZ_TAIL = """
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct %(name)s_ops ops = {
%(ops)s    };
    static uint64_t body[MSG_BODY_MAX / 8];
    static uint64_t out[MSG_BODY_MAX / 8];
    input = data;
    left = size;
    live = 0;
    const unsigned routine = next_byte() %% %(count)d;
    const uint8_t damage = next_byte();
    const uint8_t wish = next_byte();
    answer = wish %% 4 != 0 ? KERN_SUCCESS : KERN_FAILURE;
    uint32_t id = 0;
    uint32_t shape = make[routine](body, &id);
    const uint32_t head = wire_descriptors(shape) * MSG_DESCRIPTOR_SIZE;
    uint32_t length = wire_length(shape);
    for (unsigned i = 0; i < (damage & 3u) && length > head; i++) {
        ((uint8_t *)body)[head + (next_byte() * 31u + next_byte()) %% (length - head)] ^= next_byte();
    }
    if ((damage & 4) != 0) {
        length = head + (length - head) * next_byte() / 256 / 8 * 8;
    }
    if ((damage & 8) != 0) {
        id = %(upper)s_BASE + next_byte();
    }
    uint8_t *const exact = malloc(length + 1); /* so that reading behind it is seen */
    require(exact != NULL);
    memcpy(exact, body, length);
    struct server_message message = {.in = exact, .out = out, .reply = 1};
    message.received.id = id;
    message.received.control = MSG_CONTROL(0, 0, length, wire_descriptors(shape));
    const kern_return_t result = %(name)s_server(&ops, NULL, &message);
    if (result == KERN_SUCCESS) {
        require(wire_length(message.out_shape) <= %(upper)s_REPLY_MAX && message.out_shape %% 8 == 0);
        stub_release_received(exact, wire_descriptors(shape)); /* in the server's name */
    }
    require(damage %% 16 != 0 || result == answer || result == KERN_INVALID_ARGUMENT);
    require(live == 0);
    free(exact);
    return 0;
}
"""


def fuzz_maker(names, routine):
    message, items = of(routine, "request")
    lines = [f"*id = {names.routine_id(routine)};"]
    for index, (_, argument) in enumerate(items["descriptors"]):
        kind = {"port": "MSG_PORT", "memory": "MSG_OOL_MEMORY", "ports": "MSG_OOL_PORTS"}[argument["class"]]
        right = "0" if argument["class"] == "memory" else DISPOSITIONS[argument["disposition"]][1]
        lines.append(f"((struct msg_descriptor *)body)[{index}] = carry({kind}, {right}, {argument['max']}u);")
    head = len(items["descriptors"]) * DESCRIPTOR
    end = message["start"] if message["length"] is None else message["length"]
    lines.append(f"fill((char *)body + {head}, {end - head});")
    if not items["variable"]:
        return lines + [f"return {shape(message)};"]
    longest = max(argument["element_size"] for _, argument in items["variable"])
    lines += [f"uint32_t at = {end};", "uint32_t count;", f"char some[{40 * longest}];"]
    for _, argument in items["variable"]:
        string, most, size = argument["class"] == "string", min(argument["max"], 40), argument["element_size"]
        lines += [f"count = {f'1 + next_byte() % {most}' if string else f'next_byte() % {most + 1}'};",
                  f"fill(some, (size_t)count * {size});"] + (["some[count - 1] = '\\0';"] if string else [])
        lines.append(f"at = wire_put(body, at, some, count, {size}, {argument['alignment']});")
    return lines + ["at = wire_pad(body, at, WIRE_ALIGN);", f"return {shape(message, 'at')};"]


def fuzz_op(names, routine):
    lines = ["touch(message, sizeof *message);"]
    for argument in routine["args"]:
        name, kind, out = argument["name"], argument["class"], argument["direction"] == "out"
        act = "fill" if out else "touch"
        if kind in ("struct", "fixed_array"):
            lines.append(f"{act}({name}, {argument['size']});")
        elif kind == "string":
            lines += [f"{name}[0] = 'x';", f"{name}[{min(argument['max'] - 1, 1)}] = '\\0';"] if out else \
                [f"touch({name}, strlen({name}) + 1);"]
        elif kind in ("bytes", "array"):
            lines += [f"*{count_of(argument)} = next_byte() % {min(argument['max'], 40) + 1};"] if out else []
            lines.append(f"{act}({name}, (size_t){'*' if out else ''}{count_of(argument)} * {argument['element_size']});")
        elif kind in ("memory", "ports") and not out:
            lines.append(f"touch({name}, {count_of(argument)});")
        elif kind in ("memory", "ports"):
            lines += [f"*{name} = NULL;", f"*{count_of(argument)} = 0;"]
        elif out:
            lines.append(f"*{name} = {'false' if argument.get('ctype') == 'bool' else 'next_byte()'};")
        else:
            lines.append(f"touch(&{name}, sizeof {name});")
    return lines + ["return answer;"]


def make_fuzz(found):
    names = Names(found)
    code = Code(f"Fuzzing of interface {names.name}'s server side. {found['source']}.",
                ["libsys/server.h", "libsys/stub.h", "stdlib.h", "string.h", f"wharf/if/{names.name}.h"])
    code("", "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);")
    code.lines += FUZZ_HEAD.splitlines()
    ops = ""
    for routine in found["routines"]:
        code.function(f"static uint32_t make_{routine['name']}(void *body, uint32_t *id)", fuzz_maker(names, routine))
        parameters = ["struct server_message *message"] + names.parameters(routine, "server")
        code.function(f"static kern_return_t do_{routine['name']}({', '.join(parameters)})", fuzz_op(names, routine))
        ops += f"        .{routine['name']} = do_{routine['name']},\n"
    code("", "static uint32_t (*const make[])(void *body, uint32_t *id) = {")
    code(*[f"make_{routine['name']}," for routine in found["routines"]])
    code("};")
    code.lines += (FUZZ_TAIL % {"name": names.name, "upper": names.upper, "ops": ops,
                                "count": len(found["routines"])}).splitlines()
    return code.text()


# -------------------------------------------------------------------------------------------- main

BACK_ENDS = {"types": make_types, "header": make_header, "client": make_client, "server": make_server,
             "kernel_header": make_kernel_header, "kernel": make_kernel, "md": make_md, "trace": make_trace,
             "fuzz": make_fuzz, "abi": make_abi}


def run(options):
    if options.check_abi:
        text = check_abi(*options.check_abi)
        if text:
            raise Failure(text)
        return
    if not options.input:
        raise Failure("defsgen.py: name a .defs or .json file; --help tells more")
    if options.input.endswith(".json"):
        found = json.loads(Path(options.input).read_text())
    else:
        found = parse(options.input, options.errors)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    for name, make in BACK_ENDS.items():
        path = getattr(options, name)
        if path and name.startswith("kernel") and not found["kernel"]:
            raise Failure(f"{options.input}: interface {found['interface']} is not marked `kernel TARGET`")
        if path:
            Path(path).write_text(make(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", metavar="FILE.defs|FILE.json")
    parser.add_argument("--json", metavar="F")
    parser.add_argument("--errors", default=ERRORS_DEF, metavar="errors.def")
    parser.add_argument("--check-abi", nargs=2, metavar=("GOLDEN", "NEW"))
    for name in BACK_ENDS:
        parser.add_argument("--" + name.replace("_", "-"), metavar="F")
    try:
        run(parser.parse_args())
    except (Failure, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
