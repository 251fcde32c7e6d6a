# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the two headers for programs, and the heads of the functions they declare."""

from .code import Code, Names


def make_types(found):
    names = Names(found)
    code = Code(f"Header of interface {names.name}: numbers, constants and structures. {found['source']}.",
                ["stddef.h", "stdint.h", *sorted({item["header"] for item in found["structs"] if item["header"]})])
    code("", "/* Numbers. */", f"#define {names.upper}_BASE {found['base']:#x}u",
         f"#define {names.upper}_VERSION {found['version']}u")
    for key in ("request", "reply"):
        longest = max(routine[key]["max"] for routine in found["routines"])
        code(f"#define {names.upper}_{key.upper()}_MAX {longest}u /* longest body */")
    for routine in found["routines"]:
        code(f"#define {names.routine_id(routine)} {routine['id']:#x}u")
    if found["constants"]:
        code("")
    for item in found["constants"]:
        code.comment(item["doc"])
        suffix = "" if item["value"] < 0 else "u" if item["value"] < 2**32 else "ull"
        value = f"({item['value']})" if item["value"] < 0 else f"{item['value']}{suffix}"
        code(f"#define {names.upper}_{item['name'].upper()} {value}")
    for item in found["enums"]:
        code("")
        code.comment(item["doc"])
        code(f"enum {names.name}_{item['name']} {{")
        for entry in item["values"]:
            code.comment(entry["doc"])
            code(f"{names.upper}_{item['name'].upper()}_{entry['name'].upper()} = {entry['value']},")
        code("};")
    for item in found["structs"]:
        make_struct(code, names, item)
    return code.text()


def make_struct(code, names, item):
    kind = names.types[item["name"]]
    code("")
    if item["header"]:
        code(f'_Static_assert(sizeof({kind}) == {item["size"]} && _Alignof({kind}) == {item["alignment"]}, "layout is ABI");')
        return
    code.comment(item["doc"])
    code(kind + " {")
    for field in item["fields"]:
        code.comment(field["doc"])
        code(f"{names.ctype(field)} {field['name']}" + (f"[{field['count']}];" if field["count"] else ";"))
    code("};", f'_Static_assert(sizeof({kind}) == {item["size"]}, "layout is ABI");')


def routine_doc(routine, extra=()):
    lines = [routine["doc"]]
    if routine["errors"]:
        lines.append("Errors: " + ", ".join(error["name"] for error in routine["errors"]) + ".")
    return "\n".join(lines + list(extra))


def client_head(names, routine, until=True):
    parameters = [f"mach_port_name_t {names.name}"] + names.parameters(routine, "client")
    return (f"kern_return_t {names.name}_{routine['name']}{'_until' if until else ''}"
            f"({', '.join(parameters + (['uint64_t deadline'] if until else []))})")


def reply_head(names, routine):
    parameters = ["mach_port_name_t reply_to", "kern_return_t result_"] + names.parameters(routine, "reply", ("out",))
    return f"kern_return_t {names.name}_reply_{routine['name']}({', '.join(parameters)})"


def make_header(found):
    names = Names(found)
    code = Code(f"Header of interface {names.name}, version {found['version']}. {found['source']}.",
                ["stdbool.h", "stddef.h", "stdint.h", f"wharf/if/{names.name}_types.h", "wharf/error.h",
                 "wharf/message.h"])
    code("", "struct server_interface;", "struct server_message;", "")
    code.comment(found["doc"])
    code("", "/* For clients. Results are written on KERN_SUCCESS only (an array that is all of a long reply on",
         " * MIG_BAD_REPLY, too); for a result of varying length there is room for its max. The form _until has an absolute deadline, UINT64_MAX for none. */")
    for routine in found["routines"]:
        code("")
        code.comment(routine_doc(routine))
        code(client_head(names, routine, until=False) + ";", client_head(names, routine) + ";")
    code("", "/* For servers: <libsys/server.h> says who owns what. A member left NULL: KERN_NOT_SUPPORTED. */",
         f"struct {names.name}_ops {{")
    for routine in found["routines"]:
        code.comment(routine["doc"])
        parameters = ["struct server_message *message"] + names.parameters(routine, "server")
        code(f"kern_return_t (*{routine['name']})({', '.join(parameters)});")
    code("};", "", "/** A row for server_run(). */",
         f"struct server_interface {names.name}_interface(const struct {names.name}_ops *ops, void *context);",
         "/** Answer one message: server_dispatch() for this interface alone. */",
         f"kern_return_t {names.name}_server(const struct {names.name}_ops *ops, void *context,",
         "    struct server_message *message);", "",
         "/* Answers to what returned MIG_NO_REPLY. `reply_to` is used up unless a MACH_SEND_ error comes back. */")
    code(*[reply_head(names, routine) + ";" for routine in found["routines"] if not routine["oneway"]])
    return code.text()
