# SPDX-License-Identifier: BSD-2-Clause
"""What the server side and the kernel share: from a request to the arguments of the function written by hand, from its
results to a reply."""

from .body import descriptor, gaps, has_struct, of, pads
from .dialect import CARRIED, DESCRIPTOR, VARIABLE


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
