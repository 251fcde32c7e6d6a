# SPDX-License-Identifier: BSD-2-Clause
"""Files of at most 500 lines, functions of at most 60."""

import ast

ABOUT = "size of files and functions"
FILE_LINES = 500
FUNCTION_LINES = 60


def check(root, files):
    for name in files:
        if not name.endswith((".c", ".h", ".S", ".py")):
            continue
        text = (root / name).read_text(errors="replace")
        lines = text.splitlines()
        if len(lines) > FILE_LINES:
            yield name, 1, f"{len(lines)} lines; {FILE_LINES} is the limit of a file"
        found = python_functions(text) if name.endswith(".py") else c_functions(lines)
        for line, length in found:
            if length > FUNCTION_LINES:
                yield name, line, f"a function of {length} lines; {FUNCTION_LINES} is the limit"


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            yield node.lineno, node.end_lineno - node.lineno + 1


def c_functions(lines):
    """A body in the first column, after a line that ends a parameter list."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and number > 1 and lines[number - 2].rstrip().endswith(")"):
            start = number - 1
        elif line.endswith(") {") and line[:1].isalpha():
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None
