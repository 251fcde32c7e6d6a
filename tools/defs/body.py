# SPDX-License-Identifier: BSD-2-Clause
"""The body of a message in C: the structure over its fixed part, its descriptors, how it is put together and taken apart."""

from .code import count_of
from .dialect import DESCRIPTOR, DISPOSITIONS, REGISTER_BYTES


def of(routine, key):
    """The message's items with their arguments: [(item, argument)] by kind."""
    direction = "in" if key == "request" else "out"
    arguments = {argument["name"]: argument for argument in routine["args"] if argument["direction"] == direction}
    message = routine[key]
    return message, {kind: [(item, arguments[item["name"]]) for item in message[kind]]
                     for kind in ("descriptors", "fixed", "variable")}


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


def has_struct(routine, key, kernel=False):
    return bool(routine[key]["fixed"] or routine[key]["descriptors"] and not kernel)


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


def arriving(argument):
    """Kind and disposition of a descriptor that came."""
    kind = {"port": "MSG_PORT", "memory": "MSG_OOL_MEMORY", "ports": "MSG_OOL_PORTS"}[argument["class"]]
    return kind, "0" if argument["class"] == "memory" else DISPOSITIONS[argument["disposition"]][1]


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
            kind, right = arriving(argument)
            code(f"{{.kind = {kind}, .disposition = {right}, .max = {argument['max']}u}},")
        code("};")
    return bool(carried)


def whole_array(routine, key):
    """The argument that is all of a long body as it lies in the caller's memory; None: there is none."""
    message, items = of(routine, key)
    alone = len(items["fixed"]) == 1 and not items["descriptors"] and not items["variable"]
    if not alone or message["max"] <= REGISTER_BYTES:
        return None
    item, argument = items["fixed"][0]
    whole = argument["class"] == "fixed_array" and item["size"] == message["length"]
    return argument["name"] if whole and argument["alignment"] == 8 else None


def body_room(names, routine, keys):
    """The variable body_, with room for a short reply at least; none if nothing needs it."""
    keys = [key for key in keys if not whole_array(routine, key)]
    if not keys:
        return []
    room = max([routine[key]["max"] for key in keys] + [REGISTER_BYTES])
    parts = [f"{names.wire(routine, key)} {key};" for key in keys if has_struct(routine, key)]
    return ["union {", f"uint64_t word[{room // 8}];", *parts, "} body_;"]
