# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the page of the reference."""

from .dialect import written


def make_md(found):
    by = f" The kernel implements it, for its `struct {found['kernel']}`." if found["kernel"] else ""
    lines = ["<!-- SPDX-License-Identifier: BSD-2-Clause -->", f"# Interface {found['interface']}", "",
             found["doc"].replace("\n", " "), "",
             f"Version {found['version']}, base {found['base']:#x}. Made from `{found['source']}`.{by}", ""]
    for item in found["constants"]:
        lines.append(f"- `const {item['name']} = {item['value']}` {item['doc']}".rstrip())
    for item in found["enums"]:
        values = ", ".join(f"`{entry['name']}` = {entry['value']}" for entry in item["values"])
        lines.append(f"- `enum {item['name']}`: {values}. {item['doc']}".rstrip())
    for item in found["structs"]:
        fields = ", ".join(f"`{field['name']}: {field['type']}`" for field in item["fields"]) or f"`<{item['header']}>`"
        lines.append(f"- `struct {item['name']}` ({item['size']} bytes): {fields}. {item['doc']}".rstrip())
    for routine in found["routines"]:
        lines += ["", f"## {routine['number']}: {routine['name']}", "", routine["doc"], "",
                  f"Message {routine['id']:#x}{', oneway' if routine['oneway'] else ''}"
                  f"{', idempotent' if routine['idempotent'] else ''}; timeout "
                  f"{'never' if routine['timeout'] is None else str(routine['timeout']) + ' ns'}.", ""]
        if routine["args"]:
            lines += ["| Argument | Direction | Type |", "|---|---|---|"]
            lines += [f"| `{argument['name']}` | {argument['direction']} | {written(argument)} |"
                      for argument in routine["args"]]
        if routine["errors"]:
            lines += ["", "| Error | |", "|---|---|"]
            lines += [f"| `{error['name']}` | {error['sentence']} |" for error in routine["errors"]]
    if found["retired"]:
        lines += ["", "Retired numbers: " + ", ".join(map(str, found["retired"])) + "."]
    return "\n".join(lines) + "\n"
