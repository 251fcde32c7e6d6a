# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the dump that interfaces/golden/ keeps, and how one is compared with it."""

import difflib
from pathlib import Path

from .body import of
from .dialect import DESCRIPTOR, written


def make_abi(found):
    lines = [f"interface {found['interface']} {found['base']:#x} version {found['version']}"]
    lines += [f"const {item['name']} = {item['value']}" for item in found["constants"]]
    for item in found["enums"]:
        lines += [f"enum {item['name']} {entry['name']} = {entry['value']}" for entry in item["values"]]
    for item in found["structs"]:
        header = f" in <{item['header']}>" if item["header"] else ""
        lines.append(f"struct {item['name']} size {item['size']} alignment {item['alignment']}{header}")
        lines += [f"  {field['offset']:5} {field['size']:5} {field['name']}: {field['type']}" for field in item["fields"]]
    lines += [f"retired {number}" for number in found["retired"]]
    for routine in sorted(found["routines"], key=lambda routine: routine["number"]):
        lines.append(f"{'oneway' if routine['oneway'] else 'routine'} {routine['id']:#x} {routine['name']}")
        for key in ("request",) if routine["oneway"] else ("request", "reply"):
            message, items = of(routine, key)
            exact = "" if message["length"] is not None else "at most "
            lines.append(f"  {key} {exact}{message['max']} bytes, {len(message['descriptors'])} descriptors")
            lines += [f"    {item['offset']:5} {item.get('size', DESCRIPTOR):5} {item['name']}: {written(argument)}"
                      for item, argument in items["descriptors"] + items["fixed"]]
            lines += [f"    {item['offset'] if not index else 'then':>5}   4+n {item['name']}: {written(argument)}, elements "
                      f"of {argument['element_size']} at multiples of {argument['alignment']}"
                      for index, (item, argument) in enumerate(items["variable"])]
    return "\n".join(lines) + "\n"


def check_abi(golden, new):
    """What differs, as text; empty if nothing does."""
    old, now = Path(golden).read_text().splitlines(), Path(new).read_text().splitlines()
    if old == now:
        return ""
    changes = [line for line in difflib.unified_diff(old, now, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))]
    return "\n".join([f"{golden}: the interface is not what it was (- golden, + now):", *changes,
                      "Numbers and layouts that programs use stay as they are: add a routine with a new number, or retire one.",
                      f"If the change is meant: raise the version in the .defs and copy {new} to {golden}."])
