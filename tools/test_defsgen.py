#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of tools/defsgen.py and tools/defs/: errors, layout, outputs; and, where there is a gcc, the C it makes.

The C tests compile the stubs of tools/test_defsgen/*.defs for the development host, with
sanitizers, against the server loop of libsys and a kernel that is one function.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "tools/test_defsgen"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))

from defs import dialect, headers, parser  # noqa: E402
from defsgen import ERRORS_DEF  # noqa: E402

FLAGS = ["-std=gnu2x", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wstrict-prototypes",
         "-Wmissing-prototypes", "-Wvla", "-Wundef", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
INCLUDE = [f"-I{ROOT / folder}" for folder in ("libsys/include", "interfaces/include", "arch/host/user/include",
                                               "tools/test_defsgen")]
KERNEL = [f"-I{ROOT / folder}" for folder in ("kernel/include", "arch/include", "arch/host/include")]
LIBSYS = [str(ROOT / "libsys" / name) for name in ("stub.c", "server.c", "server_one.c")]
OUTPUTS = {"types": "wharf/if/{}_types.h", "header": "wharf/if/{}.h", "client": "{}_client.c", "server": "{}_server.c",
           "fuzz": "{}_fuzz.c", "md": "{}.md", "trace": "{}.trace.json", "abi": "{}.abi"}
KERNEL_OUTPUTS = {"kernel_header": "wharf/if/{}_kernel.h", "kernel": "{}_kernel.c"}


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def parse_text(self, text):
        path = self.folder / "t.defs"
        path.write_text(text)
        return parser.parse(str(path), ERRORS_DEF)

    def parse(self, body, head="interface t 0x2100 version 1"):
        """A file whose line 2 is the interface, line 3 the body."""
        return self.parse_text(f"/** A test. */\n{head} {{\n{body}\n}}\n")

    def routine(self, signature, **kinds):
        return self.parse(f"/** It. */ 1: routine it{signature};", **kinds)["routines"][0]

    def command(self, *arguments):
        done = subprocess.run([sys.executable, str(ROOT / "tools/defsgen.py"), *map(str, arguments)], text=True,
                              capture_output=True, check=False)
        return done.returncode, done.stderr


class Errors(Folder):
    """Each has the line and says what to do."""

    def refuse(self, body, pattern, line=3, **kinds):
        with self.assertRaises(dialect.Failure) as caught:
            self.parse(body, **kinds)
        text = str(caught.exception)
        self.assertRegex(text, pattern)
        self.assertIn(f"t.defs:{line}:", text)

    def test_documents_are_mandatory(self):
        self.refuse("1: routine it();", r"routine it has no doc comment: put /\*\*")
        with self.assertRaisesRegex(dialect.Failure, r":1: the interface has no doc comment"):
            self.parse_text("interface t 0x2100 version 1 { }")

    def test_numbers(self):
        one = "/** A. */ 1: routine a();\n"
        self.refuse(one + "/** B. */ 1: routine b();", "number 1 is in use already", 4)
        self.refuse(one + "retired 1;", "number 1 is in use already", 4)
        self.refuse("retired 1;\n" + one, "number 1 is retired: numbers are never used again", 4)
        self.refuse("/** A. */ 0: routine a();", "1 to 255")
        self.refuse("/** A. */ 256: routine a();", "1 to 255")
        self.refuse(one, "multiple of 0x100", 2, head="interface t 0x2101 version 1")
        self.refuse(one + "/** B. */ 2: routine a();", "routine a exists already", 4)
        self.refuse("retired 1;", "no routine", 5)

    def test_maximum_is_mandatory(self):
        for kind in ("bytes", "string", "u32 array", "bytes out_of_line", "ports copy_send"):
            self.refuse(f"/** A. */ 1: routine a(x: {kind});", "x has no maximum: add max N")
        self.refuse("/** A. */ 1: routine a(x: bytes max 0);", "max 0")
        self.refuse("/** A. */ 1: routine a(x: ports max 60 copy_send, y: ports max 5 copy_send);", "65 rights, 64 are")
        self.refuse("/** A. */ 1: routine a(x: u8[4] max 3);", "TYPE array max N")
        self.refuse("/** A. */ 1: routine a(x: i32 max 3);", "unsigned")
        self.refuse("/** A. */ 1: routine a() -> (x: u32 max 3);", "a result has no max")

    def test_sizes(self):
        self.refuse("/** A. */\n1: routine a(few: u32, x: bytes max 9000);",
                    r"request of routine a may be 9008 bytes long, 8192 .* max of x, or make it bytes out_of_line", 4)
        self.refuse("/** A. */ 1: routine a() -> (x: u64[1025]);", "reply of routine a may be 8200 bytes")
        ports = ", ".join(f"p{n}: port copy_send" for n in range(33))
        self.refuse(f"/** A. */ 1: routine a({ports});", "33 descriptors, 32 are possible")

    def test_types(self):
        self.refuse("/** A. */ 1: routine a(x: int);", "unknown type int: scalars are u8 ")
        self.refuse("/** A. */ 1: routine a(x: port);", "expected a disposition")
        self.refuse("/** A. */ 1: routine a(x: port lend);", "lend is no disposition; they are copy_send")
        self.refuse("/** A. */ 1: routine a(x: bool[4]);", "need not be 0 or 1")
        self.refuse("struct s { b: bool; }", "use u8 in structures")
        self.refuse("struct s { a: u8; b: u32; }", r"3 hidden bytes before b.*pad: u8\[3\]")
        self.refuse("struct s { a: u32; b: u8; }", r"3 more bytes at its end")
        self.refuse("enum e { A = 1, A = 2 }", "A occurs twice")
        self.refuse("/** A. */ 1: routine a(x: bytes max MANY);", "MANY is no constant")

    def test_names(self):
        self.refuse("/** A. */ 1: routine a(x: u32) -> (x: u32);", "the name x would occur twice")
        self.refuse("/** A. */ 1: routine a(x: bytes max 4, x_size: u32);", "the name x_size would occur twice")
        self.refuse("/** A. */ 1: routine a(t: u32);", "the name t would occur twice")
        self.refuse("/** A. */ 1: routine for();", "for is a word of C")
        self.refuse("/** A. */ 1: routine a(x_: u32);", "ends in _")

    def test_options(self):
        self.refuse("/** A. */ 1: routine a() errors { KERN_NONSENSE };", "KERN_NONSENSE is no error")
        self.refuse("/** A. */ 1: routine a() errors { MACH_RCV_TIMED_OUT };", "is no error a server may answer")
        self.refuse("/** A. */ 1: routine a() timeout 5;", "expected a time such as 5s")
        self.refuse("/** A. */ 1: oneway a() -> (x: u32);", "oneway, nobody waits for results")
        self.refuse("/** A. */ 1: routine a() quickly;", "unexpected 'quickly': options of a routine are")
        self.refuse("/** A. */ 1: routine a()\n", "unexpected '}'", 5)
        self.refuse("#", "unexpected character '#'")

    def test_kernel_carries_nothing_out_of_line(self):
        for kind in ("bytes out_of_line max 4", "ports max 4 copy_send"):
            self.refuse(f"/** A. */ 1: routine a(x: {kind});", "nothing out of line",
                        head="interface t 0x2100 version 1 kernel task")

    def test_command_line(self):
        (self.folder / "bad.defs").write_text("/** T. */\ninterface t\n")
        status, text = self.command(self.folder / "bad.defs")
        self.assertEqual((status, text), (1, f"{self.folder}/bad.defs:3: expected a number, found 'end of file'\n"))
        status, text = self.command(self.folder / "none.defs")
        self.assertEqual(status, 1)
        self.assertIn("none.defs", text)


class Layout(Folder):
    def test_fixed(self):
        request = self.routine("(a: u8, b: u64, c: u16, d: u32, e: bool)")["request"]
        self.assertEqual([item["offset"] for item in request["fixed"]], [0, 8, 16, 20, 24])
        self.assertEqual((request["length"], request["max"]), (32, 32))

    def test_descriptors_come_first(self):
        request = self.routine("(a: u32, p: port copy_send, m: bytes out_of_line max 9, b: u64)")["request"]
        self.assertEqual([item["offset"] for item in request["descriptors"]], [0, 16])
        self.assertEqual([item["offset"] for item in request["fixed"]], [32, 40])
        self.assertEqual(request["length"], 48)

    def test_variable_come_last(self):
        request = self.routine("(s: string max 5, a: u8, b: u64 array max 2)")["request"]
        self.assertEqual([item["offset"] for item in request["fixed"]], [0])
        self.assertEqual([(item["offset"], item["slot"]) for item in request["variable"]], [(4, 8), (16, 24)])
        self.assertEqual((request["start"], request["length"], request["max"]), (1, None, 40))

    def test_structures(self):
        found = self.parse("const N = 4;\nstruct in { a: u16[N]; b: u64; }\nstruct out { a: in[2]; c: u32; d: u32; }\n"
                           "/** A. */ 1: routine a(x: u8, y: out);")
        self.assertEqual([item["size"] for item in found["structs"]], [16, 40])
        self.assertEqual(found["routines"][0]["request"]["fixed"][1], {"name": "y", "offset": 8, "size": 40})

    def test_structure_of_a_header(self):
        found = self.parse("extern struct info size 24 alignment 8 <wharf/info.h>;\n/** A. */ 1: routine a() -> (x: info);")
        self.assertEqual(found["routines"][0]["reply"]["length"], 24)
        text = headers.make_types(found)
        self.assertIn("#include <wharf/info.h>", text)
        self.assertIn("_Static_assert(sizeof(struct info) == 24 && _Alignof(struct info) == 8", text)
        with self.assertRaisesRegex(dialect.Failure, "the size a multiple of it"):
            self.parse("extern struct info size 20 alignment 8 <wharf/info.h>;")

    def test_limits_are_those_of_the_messages(self):
        text = (ROOT / "interfaces/include/wharf/message.h").read_text()
        for name, value in (("REGISTER_BYTES", dialect.REGISTER_BYTES), ("BODY_MAX", dialect.BODY_MAX),
                            ("DESCRIPTORS_MAX", dialect.DESCRIPTORS_MAX), ("DESCRIPTOR_SIZE", dialect.DESCRIPTOR),
                            ("RIGHTS_MAX", dialect.RIGHTS_MAX)):
            self.assertRegex(text, rf"#define MSG_{name}\s+{value}\b")

    def test_facts(self):
        routine = self.parse("/** A. */ 255: routine a() errors { KERN_BUSY } idempotent timeout 100ms;")["routines"][0]
        self.assertEqual((routine["id"], routine["timeout"], routine["idempotent"]), (0x21ff, 10**8, True))
        self.assertEqual(routine["errors"], [{"name": "KERN_BUSY", "sentence": "somebody else is using it"}])


class Outputs(Folder):
    def make(self, name, outputs):
        (self.folder / "wharf/if").mkdir(parents=True, exist_ok=True)
        source = self.folder / f"{name}.json"
        self.assertEqual(self.command(FILES / f"{name}.defs", "--json", source), (0, ""))
        flags = [word for kind, path in outputs.items()
                 for word in ("--" + kind.replace("_", "-"), self.folder / path.format(name))]
        self.assertEqual(self.command(source, *flags), (0, ""))
        self.make_vm_types()

    def make_vm_types(self):
        """What <libsys/kernel.h> includes."""
        defs, made = ROOT / "interfaces/vm.defs", self.folder / "vm.json"
        self.assertEqual(self.command(defs, "--json", made), (0, ""))
        self.assertEqual(self.command(made, "--types", self.folder / "wharf/if/vm_types.h"), (0, ""))

    def run_c(self, program, *sources, flags=(), arguments=()):
        if not shutil.which("gcc"):
            self.skipTest("there is no gcc")
        binary = self.folder / program
        done = subprocess.run(["gcc", *FLAGS, f"-I{self.folder}", *INCLUDE, *flags, "-o", str(binary),
                               *map(str, sources)], text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = subprocess.run([str(binary), *arguments], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_round_trip(self):
        self.make("sample", OUTPUTS)
        sources = [FILES / name for name in ("roundtrip.c", "fake_kernel.c", "sample_ops.c")]
        made = [self.folder / name for name in ("sample_client.c", "sample_server.c")]
        self.assertEqual(self.run_c("roundtrip", *sources, *made, *LIBSYS), "0 failures\n")

    def test_mutated_messages(self):
        self.make("sample", OUTPUTS)
        made = [self.folder / name for name in ("sample_fuzz.c", "sample_server.c")]
        self.assertEqual(self.run_c("fuzz", FILES / "fuzz_main.c", *made, *LIBSYS, arguments=["20000"]), "20000 rounds\n")

    def test_kernel_calls(self):
        self.make("object", OUTPUTS | KERNEL_OUTPUTS)
        made = self.folder / "object_kernel.c"
        self.assertEqual(self.run_c("kernel_calls", FILES / "kernel_calls.c", made, flags=KERNEL), "0 failures\n")

    def test_kernel_flavour_is_for_kernel_interfaces(self):
        status, text = self.command(FILES / "sample.defs", "--kernel", self.folder / "k.c")
        self.assertEqual(status, 1)
        self.assertIn("interface sample is not marked `kernel TARGET`", text)

    def test_back_ends_read_the_json_only(self):
        self.make("sample", OUTPUTS)
        again = self.folder / "again.c"
        self.assertEqual(self.command(FILES / "sample.defs", "--client", again), (0, ""))
        self.assertEqual(again.read_text(), (self.folder / "sample_client.c").read_text())

    def test_trace(self):
        self.make("sample", OUTPUTS)
        table = json.loads((self.folder / "sample.trace.json").read_text())
        self.assertEqual(table["0x7f04"]["routine"], "small")
        self.assertEqual([(item["name"], item["offset"]) for item in table["0x7f04"]["reply"]],
                         [("e", 0), ("f", 8), ("g", 16), ("h", 17)])
        self.assertEqual([item["offset"] for item in table["0x7f05"]["reply"]], [0, 32, None])

    def test_reference(self):
        self.make("sample", OUTPUTS)
        text = (self.folder / "sample.md").read_text()
        self.assertIn("| `port` | in | port copy_send task take |", text)
        self.assertIn("| `KERN_BUSY` | somebody else is using it |", text)
        self.assertIn("Retired numbers: 3.", text)

    def test_golden(self):
        self.make("object", {"abi": "{}.abi"})
        golden, new = self.folder / "object.abi", self.folder / "new.abi"
        self.assertEqual(golden.read_text(), (FILES / "object.abi").read_text())
        self.assertEqual(self.command("--check-abi", golden, golden), (0, ""))
        new.write_text(re.sub(r"u32 max 255", "u64", golden.read_text()))
        status, text = self.command("--check-abi", golden, new)
        self.assertEqual(status, 1)
        self.assertIn("-       16     4 priority: u32 max 255\n+       16     4 priority: u64\n", text)
        self.assertIn(f"raise the version in the .defs and copy {new} to {golden}", text)


if __name__ == "__main__":
    unittest.main()
