# SPDX-License-Identifier: BSD-2-Clause
"""A file as tokens, with the line of each, and what is made of one or two of them: names, numbers, doc comments."""

import re

from .dialect import Failure, RESERVED

TOKEN = re.compile(r"/\*\*(?P<doc>.*?)\*/|(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<time>\d+(?:ns|us|ms|s)\b)|"
                   r"(?P<number>0x[0-9a-fA-F]+|\d+)\b|<(?P<header>[\w/.]+)>|(?P<name>[A-Za-z][A-Za-z0-9_]*)|"
                   r"(?P<mark>->|[{}()\[\]:;,=-])", re.S)


class Scanner:
    """One file's tokens. `here` is the line of the token that was taken last."""

    def __init__(self, path, text):
        self.path, self.here, self.at = path, 1, 0
        self.constants = {}
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
