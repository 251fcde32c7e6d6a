# SPDX-License-Identifier: BSD-2-Clause
"""Flattened device trees as Python objects, to be changed and written again; and damaged on purpose."""

import struct

MAGIC = 0xd00dfeed
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
HEADER = struct.Struct(">10I")


class Node:
    """A node: its name, its properties (name -> bytes, in order) and its children."""

    def __init__(self, name, properties=None):
        self.name = name
        self.properties = dict(properties or {})
        self.children = []

    def add(self, node):
        self.children.append(node)
        return node

    def child(self, prefix):
        """The first child whose name is or begins with `prefix` (a unit address may follow)."""
        return next(c for c in self.children if c.name.split("@")[0] == prefix or c.name == prefix)

    def find(self, name):
        """All nodes below, and this one, of that name without unit address."""
        found = [self] if self.name.split("@")[0] == name else []
        for child in self.children:
            found += child.find(name)
        return found

    def remove(self, name):
        self.children = [c for c in self.children if c.name.split("@")[0] != name]


class Tree:
    def __init__(self, root, reserved=(), boot_cpu=0):
        self.root, self.reserved, self.boot_cpu = root, list(reserved), boot_cpu


def parse(data):
    _, _, at_struct, at_strings, at_reserved, _, _, boot_cpu, _, _ = HEADER.unpack_from(data)
    reserved = []
    while True:
        pair = struct.unpack_from(">QQ", data, at_reserved)
        at_reserved += 16
        if pair == (0, 0):
            break
        reserved.append(pair)
    holder, stack, at = Node(""), [], at_struct
    stack.append(holder)
    while True:
        token, = struct.unpack_from(">I", data, at)
        at += 4
        if token == BEGIN_NODE:
            end = data.index(b"\0", at)
            stack.append(stack[-1].add(Node(data[at:end].decode())))
            at = (end + 4) & ~3
        elif token == END_NODE:
            stack.pop()
        elif token == PROP:
            size, name_at = struct.unpack_from(">II", data, at)
            begin = at_strings + name_at
            name = data[begin:data.index(b"\0", begin)].decode()
            stack[-1].properties[name] = data[at + 8:at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == END:
            return Tree(holder.children[0], reserved, boot_cpu)


def write(tree):
    strings, places, body = bytearray(), {}, bytearray()

    def node(n):
        body.extend(struct.pack(">I", BEGIN_NODE) + _padded(n.name.encode() + b"\0"))
        for name, value in n.properties.items():
            if name not in places:
                places[name] = len(strings)
                strings.extend(name.encode() + b"\0")
            body.extend(struct.pack(">III", PROP, len(value), places[name]) + _padded(value))
        for child in n.children:
            node(child)
        body.extend(struct.pack(">I", END_NODE))

    node(tree.root)
    body.extend(struct.pack(">I", END))
    reserved = b"".join(struct.pack(">QQ", *pair) for pair in [*tree.reserved, (0, 0)])
    at_struct = HEADER.size + len(reserved)
    at_strings = at_struct + len(body)
    total = (at_strings + len(strings) + 7) & ~7
    head = HEADER.pack(MAGIC, total, at_struct, at_strings, HEADER.size, 17, 16, tree.boot_cpu,
                       len(strings), len(body))
    data = head + reserved + bytes(body) + bytes(strings)
    return data + bytes(total - len(data))


def cells(*values):
    return struct.pack(f">{len(values)}I", *values)


def _padded(data):
    return data + bytes(-len(data) % 4)
