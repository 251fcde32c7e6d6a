# SPDX-License-Identifier: BSD-2-Clause
"""Back end: the table that decoders of traces read."""

import json

from .body import of
from .dialect import DESCRIPTOR, written


def make_trace(found):
    """id -> what a decoder of traces needs. An argument behind one of varying length has no offset."""
    table = {}
    for routine in found["routines"]:
        entry = table[f"{routine['id']:#x}"] = {"interface": found["interface"], "routine": routine["name"]}
        for key in ("request", "reply"):
            _, items = of(routine, key)
            entry[key] = [{"name": item["name"], "type": written(argument), "offset": item["offset"],
                           "size": item.get("size", DESCRIPTOR)}
                          for item, argument in items["descriptors"] + items["fixed"]]
            entry[key] += [{"name": item["name"], "type": written(argument), "variable": True,
                            "element_size": argument["element_size"], "alignment": argument["alignment"],
                            "offset": item["offset"] if index == 0 else None}
                           for index, (item, argument) in enumerate(items["variable"])]
    return json.dumps(table, indent=1) + "\n"
