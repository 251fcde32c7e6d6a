# SPDX-License-Identifier: BSD-2-Clause
"""C as text: lines indented by their braces, and what the things of an interface are called in C."""

from .dialect import c_names


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


def count_of(argument):
    return c_names(argument)[1] if len(c_names(argument)) > 1 else f"{argument['name']}_size_"
