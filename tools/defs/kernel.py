# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the header of the functions that the kernel writes by hand, and the decoder that calls them."""

from .body import has_struct, of, scan_variable, wire_struct
from .code import Code, Names
from .dialect import DESCRIPTOR, DISPOSITIONS, REGISTER_BYTES
from .headers import routine_doc
from .serving import Results, call_of, limits


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
