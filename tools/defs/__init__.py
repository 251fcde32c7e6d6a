# SPDX-License-Identifier: BSD-2-Clause
"""What tools/defsgen.py runs, one subject a file.

The front end reads a .defs file: scanner.py its tokens, parser.py the grammar, layout.py where everything is in each
message. It makes one table, which is written as JSON; dialect.py is what both ends know of the language. The back ends
read nothing but that table: headers.py, client.py, server.py, kernel.py and fuzz.py make C; reference.py, trace.py and
abi.py make what is for people and other tools. code.py and body.py are what those that make C share, serving.py what
the server side shares with the kernel. Generated names of locals end in _, which names in a .defs file may not, so that
they cannot meet.
"""
