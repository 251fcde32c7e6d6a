# SPDX-License-Identifier: BSD-2-Clause
"""Every header compiles alone, with the flags of a source file of its own build tree."""

import json
import pathlib
import shlex
import subprocess

ABOUT = "every header compiles alone"
TREES = ("release", "host", "clang-release", "host-clang")
HOST = ("tests/host/", "tests/fuzz/", "arch/host/")  # only the host's trees know how these are compiled
KEPT = ("-I", "-isystem", "-D", "-std", "-f", "-m", "--target")


def check(root, files):
    commands = compile_commands(root)
    for name in files:
        if name.endswith(".h"):
            error = ""
            for flags in flags_for(root, name, commands):
                error = compile_alone(root, name, flags)
                if not error:
                    break
            if error:
                yield name, 1, f"does not compile alone: {error}"


def compile_commands(root):
    """[(tree, source, flags)] of the trees that are configured."""
    rows = []
    for tree in TREES:
        path = root / "build" / tree / "compile_commands.json"
        if path.is_file():
            for entry in json.loads(path.read_text()):
                if entry["file"].endswith(".c"):
                    rows.append((tree, entry["file"], flags_of(entry)))
    return rows


def flags_of(entry):
    words = shlex.split(entry["command"])
    flags, take_next = [words[0]], False
    for word in words[1:]:
        if take_next or word.startswith(KEPT):
            flags.append(word)
        take_next = word in ("-I", "-isystem", "-D")
    return flags


def flags_for(root, name, commands):
    """Flags of a source beside the header, of one of its module, or of one that sees its folder, one for
    each configured tree that has any: what is for the host need not compile for the board."""
    if name.startswith(HOST):
        commands = [row for row in commands if row[0].startswith("host")]
    module = str(root.joinpath(*name.split("/")[:2])) + "/"
    folder = str((root / name).parent)
    beside = [(tree, flags) for tree, source, flags in commands if source.startswith(folder + "/")]
    near = [(tree, flags) for tree, source, flags in commands if source.startswith(module)]
    seeing = [(tree, flags) for tree, flags in near + [(tree, flags) for tree, _, flags in commands]
              if any(flag.startswith("-I") and (folder + "/").startswith(flag[2:] + "/") for flag in flags)]
    if name.startswith(HOST) and not beside and not seeing:
        return []       # who includes it is not compiled in any tree that is configured
    return list(dict(reversed(beside or seeing or near)).values())


def spelled(root, name, flags):
    """As those who include it find it, in the nearest folder of -I or -isystem, where that leads to it; else its path. By a path,
    #include_next in it would begin at the first folder, and clang warns of that."""
    path = root / name
    pairs = list(zip(flags, [*flags[1:], ""]))
    folders = [pathlib.Path(flag[2:] or after) for flag, after in pairs if flag.startswith("-I")]
    folders += [pathlib.Path(after) for flag, after in pairs if flag == "-isystem"]
    for folder in sorted(folders, key=lambda f: -len(f.parts)):
        if path.is_relative_to(folder):
            short = path.relative_to(folder)
            if next(other for other in folders if (other / short).exists()) == folder:
                return str(short)
    return str(path)


def compile_alone(root, name, flags):
    done = subprocess.run([*flags, "-fsyntax-only", "-Werror", "-x", "c", "-include", spelled(root, name, flags),
                           "/dev/null"], cwd=root, text=True, capture_output=True, check=False)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    return errors[0].split("error:", 1)[1].strip() if errors else ""
