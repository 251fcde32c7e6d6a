# SPDX-License-Identifier: BSD-2-Clause
"""What the language knows: its types, words and units, and the limits of messages, which are those of
<wharf/message.h> (tools/test_defsgen.py compares them)."""

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


class Failure(Exception):
    """An error of the input, complete with its place."""


def c_names(argument):
    """The C parameters an argument becomes."""
    if argument["class"] in ("bytes", "memory"):
        return [argument["name"], argument["name"] + "_size"]
    if argument["class"] in ("array", "ports"):
        return [argument["name"], argument["name"] + "_count"]
    return [argument["name"]]


def written(argument):
    """An argument's type as in the .defs, for people."""
    kind = argument["class"]
    text = {"memory": "bytes out_of_line", "array": f"{argument['type']} array"}.get(kind, argument["type"])
    if argument.get("max") and kind != "port":
        text += f" max {argument['max']}"
    for word in (argument.get("disposition"), argument.get("object")):
        text += f" {word}" if word else ""
    return text + (" take" if argument.get("take") else "") + (" moved" if argument.get("moved") else "")
