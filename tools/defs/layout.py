# SPDX-License-Identifier: BSD-2-Clause
"""Where everything is in a message, and that each message keeps the limits of the transport."""

from .dialect import BODY_MAX, CARRIED, DESCRIPTOR, DESCRIPTORS_MAX, Failure, RIGHTS_MAX, VARIABLE


def align(offset, alignment):
    return -(-offset // alignment) * alignment


def lay_out(arguments):
    """A message: where everything is. Variable arguments have the offset of the worst case."""
    carried = [argument for argument in arguments if argument["class"] in CARRIED]
    message = {"descriptors": [], "fixed": [], "variable": []}
    for index, argument in enumerate(carried):
        message["descriptors"].append({"name": argument["name"], "offset": index * DESCRIPTOR})
    offset = len(carried) * DESCRIPTOR
    for argument in arguments:
        if argument["class"] not in CARRIED + VARIABLE:
            offset = align(offset, argument["alignment"])
            message["fixed"].append({"name": argument["name"], "offset": offset, "size": argument["size"]})
            offset += argument["size"]
    message["start"] = offset
    for argument in arguments:
        if argument["class"] in VARIABLE:
            at = align(offset, 4)
            slot = align(at + 4, argument["alignment"])
            message["variable"].append({"name": argument["name"], "offset": at, "slot": slot})
            offset = slot + argument["max"] * argument["element_size"]
    message["max"] = align(offset, 8)
    message["length"] = None if message["variable"] else message["max"]
    return message


def finish(found, path):
    """Lay all routines out and check what the transport limits."""
    for routine in found["routines"]:
        for direction, key in (("in", "request"), ("out", "reply")):
            arguments = [argument for argument in routine["args"] if argument["direction"] == direction]
            message = routine[key] = lay_out(arguments)
            place, what = f"{path}:{routine['line']}", f"{key} of routine {routine['name']}"
            if message["max"] > BODY_MAX:
                worst = max(arguments, key=lambda a: a.get("size") or a["max"] * a.get("element_size", 0))
                raise Failure(f"{place}: the {what} may be {message['max']} bytes long, {BODY_MAX} are possible: lower "
                              f"the max of {worst['name']}, or make it bytes out_of_line")
            if len(message["descriptors"]) > DESCRIPTORS_MAX:
                raise Failure(f"{place}: the {what} has {len(message['descriptors'])} descriptors, {DESCRIPTORS_MAX} "
                              "are possible: use ports max N for several rights of a kind")
            rights = sum(1 if argument["class"] == "port" else argument["max"] for argument in arguments
                         if argument["class"] in ("port", "ports"))
            if rights > RIGHTS_MAX:
                raise Failure(f"{place}: the {what} may carry {rights} rights, {RIGHTS_MAX} are possible: lower the max of "
                              "its ports, or send several messages")
            for argument in arguments if found["kernel"] else []:
                if argument["class"] in ("memory", "ports"):
                    raise Failure(f"{path}:{argument['line']}: {argument['name']}: interfaces of the kernel carry nothing "
                                  "out of line: use bytes max N, or single ports")
        for argument in routine["args"]:
            del argument["line"]
        del routine["line"]
    return found
