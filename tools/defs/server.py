# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the server side of programs."""

from .body import body_room, encode, has_struct, of, scan_variable, shape, wanted, whole_array, wire_struct
from .code import Code, Names
from .dialect import REGISTER_BYTES
from .headers import reply_head
from .serving import Results, call_of, limits


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
