# SPDX-License-Identifier: BSD-2-Clause
"""Back end: client stubs."""

from .body import body_room, encode, of, scan_variable, shape, wanted, whole_array, wire_struct
from .code import Code, Names, count_of
from .dialect import REGISTER_BYTES, c_names
from .headers import client_head


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
