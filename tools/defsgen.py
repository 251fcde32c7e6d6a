#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Interface definitions (.defs, docs/defs.md) to C, in two steps with JSON between them.

    defsgen.py FILE.defs --json OUT.json
    defsgen.py OUT.json [--types F] [--header F] [--client F] [--server F] [--kernel-header F]
                        [--kernel F] [--md F] [--trace F] [--fuzz F] [--abi F]
    defsgen.py --check-abi GOLDEN NEW

This file is the command; tools/defs/ is what it runs. Errors are FILE:LINE: what is wrong and what to do.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.pycache_prefix = str(ROOT / "build" / "pycache")

from defs import abi, client, fuzz, headers, kernel, reference, server, trace  # noqa: E402
from defs.dialect import Failure  # noqa: E402
from defs.parser import parse  # noqa: E402

ERRORS_DEF = ROOT / "interfaces/include/wharf/abi/errors.def"
BACK_ENDS = {"types": headers.make_types, "header": headers.make_header, "client": client.make_client,
             "server": server.make_server, "kernel_header": kernel.make_kernel_header, "kernel": kernel.make_kernel,
             "md": reference.make_md, "trace": trace.make_trace, "fuzz": fuzz.make_fuzz, "abi": abi.make_abi}


def run(options):
    if options.check_abi:
        text = abi.check_abi(*options.check_abi)
        if text:
            raise Failure(text)
        return
    if not options.input:
        raise Failure("defsgen.py: name a .defs or .json file; --help tells more")
    if options.input.endswith(".json"):
        found = json.loads(Path(options.input).read_text())
    else:
        found = parse(options.input, options.errors)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    for name, make in BACK_ENDS.items():
        path = getattr(options, name)
        if path and name.startswith("kernel") and not found["kernel"]:
            raise Failure(f"{options.input}: interface {found['interface']} is not marked `kernel TARGET`")
        if path:
            Path(path).write_text(make(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="?", metavar="FILE.defs|FILE.json")
    parser.add_argument("--json", metavar="F")
    parser.add_argument("--errors", default=ERRORS_DEF, metavar="errors.def")
    parser.add_argument("--check-abi", nargs=2, metavar=("GOLDEN", "NEW"))
    for name in BACK_ENDS:
        parser.add_argument("--" + name.replace("_", "-"), metavar="F")
    try:
        run(parser.parse_args())
    except (Failure, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
