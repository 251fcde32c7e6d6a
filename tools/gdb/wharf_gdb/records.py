# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's structures, each read whole and at once, so that reading fails here or not at all.

Types come from the kernel's own debugging information, and are kept: a program's symbols (wharf symbols), which know
other structures of the same names, do not disturb them.
"""

import struct

import gdb

from . import machine
from .machine import Bad

LINKS_AT_MOST = 100000
_types = {}


def kernel_type(name):
    """A type by its C name: struct task, enum wait_kind."""
    if name not in _types:
        try:
            _types[name] = gdb.lookup_type(name)
        except gdb.error as error:
            raise Bad(f"gdb has no symbols of the kernel with a '{name}'") from error
    return _types[name]


def keep_types(*names):
    """Finds them while there is no other program's."""
    for name in names:
        kernel_type(name)


def enumerators(name):
    """{value: name} of an enumeration."""
    return {field.enumval: field.name for field in kernel_type(name).fields()}


def said(name, value, prefix=""):
    """An enumerator without its prefix, in small letters; what is not one is said to be so."""
    found = enumerators(name).get(value)
    return found.removeprefix(prefix).lower() if found else f"({name.split()[-1]} {value}?)"


def offset(type_name, member):
    """Of a member, which may lie in an unnamed part; 'wait.link' is one of a member's."""
    kind, total = kernel_type(type_name), 0
    for part in member.split("."):
        found = _find(kind, part)
        if not found:
            raise Bad(f"{type_name} has no member {member}")
        total += found[0]
        kind = found[1].strip_typedefs()
    return total


def _find(kind, member):
    for field in kind.fields():
        if field.name == member:
            return field.bitpos // 8, field.type
        if not field.name and (below := _find(field.type, member)):
            return field.bitpos // 8 + below[0], below[1]
    return None


def variable(name, source):
    """Address of a variable of the kernel; source: the end of the path of its file, for there may be several of the name."""
    found = gdb.lookup_static_symbols(name) or filter(None, [gdb.lookup_global_symbol(name)])
    for symbol in found:
        if symbol.symtab.filename.endswith(source):
            return int(symbol.value().address) & machine.WORD
    raise Bad(f"gdb has no symbols of the kernel with a '{name}'")


class Record:
    """A structure as it was in memory: record.member is a number, a text, or, of a structure in it, gdb's value."""

    def __init__(self, type_name, address):
        kind = kernel_type(type_name)
        if address % 4:
            raise Bad(f"{address:#x} is no address of a {type_name}")
        self.type_name, self.address = type_name, address
        self.value = gdb.Value(machine.read(address, kind.sizeof), kind)

    def __getattr__(self, name):
        return plain(self.value[name])

    def at(self, path):
        """A number some way down: 'wait.kind'."""
        value = self.value
        for part in path.split("."):
            value = value[part]
        return plain(value)

    def address_of(self, path):
        return self.address + offset(self.type_name, path)

    def text(self, name):
        """A character array, up to its 0; what cannot be printed becomes '?'."""
        field = kernel_type(self.type_name)[name]
        raw = machine.read(self.address + field.bitpos // 8, field.type.sizeof).split(b"\0")[0]
        return "".join(chr(c) if 32 < c < 127 else "?" for c in raw) or "(no name)"


def plain(value):
    code = value.type.strip_typedefs().code
    if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
        return value
    number = int(value)
    return number & machine.WORD if code == gdb.TYPE_CODE_PTR else number


def links(head):
    """Addresses of the links of a list (kern/list.h). Bad where a link does not lead back to the one before."""
    before, at = head, machine.read_word(head)
    if at == 0:
        raise Bad(f"the list at {head:#x} has not been set up")
    for _ in range(LINKS_AT_MOST):
        if at == head:
            return
        following, previous = struct.unpack("<QQ", machine.read(at, 16))
        if previous != before:
            raise Bad(f"the list at {head:#x} is damaged, or being changed, at {at:#x}")
        yield at
        before, at = at, following
    raise Bad(f"the list at {head:#x} has no end")


def listed(head, type_name, member):
    """The structures on a list, of which `member` is the link."""
    back = offset(type_name, member)
    for link in links(head):
        yield Record(type_name, link - back)


def tree(first, type_name, member):
    """The structures of a tree (kern/rbtree.h), in order; first: address of its root's pointer."""
    back = offset(type_name, member)
    stack, at, count = [], machine.read_word(first), 0
    while stack or at:
        while at:
            if len(stack) > 128:
                raise Bad(f"the tree at {first:#x} is deeper than one can be")
            node = Record("struct rb_node", at)
            stack.append(node)
            at = plain(node.value["child"][0])
        node = stack.pop()
        count += 1
        if count > LINKS_AT_MOST:
            raise Bad(f"the tree at {first:#x} has no end")
        yield Record(type_name, node.address - back)
        at = plain(node.value["child"][1])
