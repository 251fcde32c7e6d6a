#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The SDK as who uses it sees it: each header alone, nothing of Linux, moved elsewhere, CMake, pkg-config.

    tests/sdk/test_sdk.py [TestClass.test_name]     makes build/sdk first, if that is not up to date
    tests/sdk/test_sdk.py --missing                 prints what of posix-functions.txt is not there, for missing.txt
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SDK = ROOT / "build" / "sdk"
GCC = SDK / "bin" / "aarch64-wharf-elf-gcc"

# Of POSIX.1-2017 what is there, and what programs ask for beside.
HEADERS = """assert complex cpio ctype dirent errno fcntl fenv float fnmatch ftw glob grp inttypes iso646 langinfo libgen limits
locale math poll pthread pwd regex sched search semaphore setjmp signal spawn stdarg stdbool stddef stdint stdio stdlib
string strings sys/mman sys/resource sys/select sys/stat sys/statvfs sys/time sys/times sys/types sys/uio sys/utsname
sys/wait syslog tar termios tgmath time unistd utime wchar wctype
alloca byteswap dlfcn endian err features getopt iconv malloc memory paths stdatomic stdalign stdnoreturn sys/cdefs sys/dirent sys/file
sys/ioctl sys/param sys/queue sys/random sys/sysmacros sysexits threads""".split()
NOT_THERE = ["linux/types.h", "asm/unistd.h", "sys/epoll.h", "sys/syscall.h", "sys/inotify.h", "gnu/libc-version.h",
             "sys/socket.h", "aio.h", "mqueue.h"]
NO_C_PLUS_PLUS = {"complex", "tgmath", "stdatomic", "threads", "stdnoreturn"}     # C++ has its own
LINUX = ["linux", "__linux", "__linux__", "__gnu_linux__", "__GLIBC__", "__ANDROID__"]


def compile_text(text, *options, gcc=GCC):
    return subprocess.run([gcc, "-x", "c", "-", *options], input=text, text=True, capture_output=True, check=False)


class Headers(unittest.TestCase):
    def each_alone(self, *options):
        for name in HEADERS:
            with self.subTest(header=name, options=options):
                done = compile_text(f"#include <{name}.h>\n#include <{name}.h>\n", "-Wall", "-Werror", "-fsyntax-only", *options)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_c11(self):
        self.each_alone("-std=c11")

    def test_c17_posix(self):
        self.each_alone("-std=c17", "-D_POSIX_C_SOURCE=200809L")

    def test_gnu17(self):
        self.each_alone("-std=gnu17", "-D_GNU_SOURCE")

    def test_c_plus_plus(self):
        """By clang, which speaks it: Debian's cross g++ may not be installed."""
        if not shutil.which("clang++"):
            self.skipTest("no clang++")
        gcc_headers = subprocess.run([GCC, "-print-file-name=include"], text=True, capture_output=True, check=True).stdout.strip()
        usr = SDK / "sysroot" / "usr" / "include"
        folders = [word for folder in (usr / "posix", gcc_headers, usr) for word in ("-idirafter", folder)]
        for name in HEADERS:
            if name in NO_C_PLUS_PLUS:
                continue
            with self.subTest(header=name):
                done = subprocess.run(["clang++", "--target=aarch64-none-elf", "-nostdinc", "-nostdinc++", *folders, "-x", "c++",
                                       "-std=gnu++17", "-fsyntax-only", "-"], input=f"#include <{name}.h>\n", text=True,
                                      capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_settings_whatever_comes_first(self):
        """errno is the thread's and read() returns what POSIX says."""
        for name in HEADERS:
            text = f"#include <{name}.h>\n#include <errno.h>\n#include <unistd.h>\n#ifndef _REENT_THREAD_LOCAL\n#error errno\n#endif\n"
            text += "_Static_assert(_Generic(read(0, 0, 0), long: 1, default: 0), \"\");\n"
            with self.subTest(header=name):
                done = compile_text(text, "-fsyntax-only")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_does_not_exist_has_no_header(self):
        for name in NOT_THERE:
            with self.subTest(header=name):
                self.assertIn("No such file", compile_text(f"#include <{name}>\n", "-fsyntax-only").stderr)


class NothingOfLinux(unittest.TestCase):
    def test_macros(self):
        text = "#include <stdio.h>\n" + "".join(f"#ifdef {name}\n#error {name}\n#endif\n" for name in LINUX)
        text += "#if !defined __wharf__ || !defined __unix__\n#error own\n#endif\n"
        for options in (["-std=c11"], ["-std=gnu17", "-D_GNU_SOURCE"]):
            done = compile_text(text, "-fsyntax-only", *options)
            self.assertEqual(done.returncode, 0, done.stderr)
        found = compile_text("", "-E", "-dM").stdout
        self.assertNotRegex(found, "(?i)linux")

    def test_files_are_the_sdks_and_the_compilers(self):
        """Neither headers nor libraries of this machine, or of Debian's arm64, are ever looked at."""
        text = "".join(f"#include <{name}.h>\n" for name in HEADERS) + "int main(void) { puts(\"\"); return 0; }\n"
        with tempfile.TemporaryDirectory() as folder:
            done = compile_text(text, "-D_GNU_SOURCE", "-H", "-Wl,--trace", "-o", f"{folder}/program", "-lm", "-lpthread", "-lrt")
        self.assertEqual(done.returncode, 0, done.stderr)
        paths = re.findall(r"(?m)^(?:\.+ )?\(?(/[^\s()]+)", done.stderr + done.stdout)
        self.assertGreater(len(paths), len(HEADERS))
        for path in paths:
            real = os.path.realpath(path)
            self.assertTrue(real.startswith(f"{SDK}/") or "/gcc-cross/aarch64-linux-gnu/" in real
                            or real.startswith(tempfile.gettempdir()), path)

    def test_libraries_that_are_not_there(self):
        for name in ("dl", "crypt", "util", "nsl", "resolv"):
            self.assertIn(f"-l{name}", compile_text("int main(void) { return 0; }\n", "-o", "/dev/null", f"-l{name}").stderr)

    def test_shared_is_refused(self):
        done = compile_text("int x;\n", "-shared", "-o", "/dev/null")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no shared libraries", done.stderr)


class Compiler(unittest.TestCase):
    def says(self, *options):
        done = subprocess.run([GCC, *options], text=True, capture_output=True, check=True)
        return done.stdout + done.stderr

    def test_what_it_says_of_itself(self):
        self.assertEqual(self.says("-dumpmachine"), "aarch64-wharf-elf\n")
        self.assertEqual(self.says("-print-multiarch").strip(), "")
        self.assertRegex(self.says("--version"), r"^aarch64-wharf-elf-gcc ")
        self.assertRegex(self.says("-v"), r"(?m)^Target: aarch64-wharf-elf$")
        self.assertEqual(self.says("-print-sysroot").strip(), str(SDK / "sysroot"))
        self.assertEqual(self.says("-print-file-name=libc.a").strip(), str(SDK / "sysroot" / "usr" / "lib" / "libc.a"))

    def test_ways_to_link(self):
        text = "#include <stdio.h>\n_Thread_local int x;\nint main(void) { return printf(\"%d\", x); }\n"
        with tempfile.TemporaryDirectory() as folder:
            for options in ([], ["-fPIC", "-pie"], ["-O2", "-flto"], ["-static"], ["-pthread"], ["-g", "-s"], ["-fstack-protector-all"]):
                with self.subTest(options=options):
                    program = Path(folder) / "program"
                    done = compile_text(text, "-o", program, *options)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    header = subprocess.run(["aarch64-linux-gnu-readelf", "-hl", program], text=True, capture_output=True, check=True).stdout
                    self.assertIn("EXEC", header)
                    self.assertNotIn("INTERP", header)
                    self.assertNotIn("RWE", header)
            self.assertEqual(compile_text(text, "-r", "-nostdlib", "-o", f"{folder}/r.o").returncode, 0)

    def test_glob(self):
        """A part of newlib with <sys/param.h> first."""
        done = compile_text("#include <glob.h>\nint main(void) { glob_t g; return glob(\"*\", 0, 0, &g); }\n", "-o", "/dev/null")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_dependencies(self):
        self.assertRegex(compile_text("#include <stdio.h>\n", "-M").stdout, r"sysroot/usr/include/\S*stdio\.h")


class Folder(unittest.TestCase):
    def test_moved(self):
        """The same program, and nothing named of where it was, after it was moved to a place with a blank in its name."""
        text = "#include <stdio.h>\nint main(void) { return puts(\"moved\"); }\n"
        with tempfile.TemporaryDirectory(prefix="sdk ") as folder:
            moved = Path(folder) / "sdk"
            shutil.copytree(SDK, moved, symlinks=True)
            gcc = moved / "bin" / GCC.name
            os.symlink(gcc, Path(folder) / GCC.name)
            programs = []
            for number, tool in enumerate((GCC, gcc, Path(folder) / GCC.name)):
                program = Path(folder) / f"program{number}"
                done = compile_text(text, "-O2", "-o", program, gcc=tool)
                self.assertEqual(done.returncode, 0, done.stderr)
                programs.append(program.read_bytes())
            self.assertEqual(programs[0], programs[1])
            self.assertEqual(programs[0], programs[2])
            self.assertNotIn(f"{SDK}/", compile_text("#include <stdio.h>\n", "-M", gcc=gcc).stdout)

    def test_cmake(self):
        if not shutil.which("cmake"):
            self.skipTest("no cmake")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "-S", HERE / "cmake", "-B", folder, "-G", "Unix Makefiles",
                                   f"-DCMAKE_TOOLCHAIN_FILE={SDK / 'share' / 'aarch64-wharf-elf.cmake'}"],
                                  text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            done = subprocess.run(["make", "-C", folder], text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue((Path(folder) / "program").read_bytes().startswith(b"\x7fELF"))

    def test_pkg_config(self):
        with tempfile.TemporaryDirectory() as folder:
            moved = Path(folder) / "sdk"
            shutil.copytree(SDK, moved)
            tool = moved / "bin" / "aarch64-wharf-elf-pkg-config"
            (moved / "sysroot/usr/lib/pkgconfig/own.pc").write_text(
                "prefix=/usr\nName: own\nDescription: own\nVersion: 1\nCflags: -I${prefix}/include/own\nLibs: -L${prefix}/lib -lown\n")
            flags = subprocess.run([tool, "--cflags", "own"], text=True, capture_output=True, check=True).stdout
            self.assertIn(f"-I{moved}/sysroot/usr/include/own", flags)
            self.assertEqual(subprocess.run([tool, "--list-all"], text=True, capture_output=True, check=True).stdout.count("\n"), 1)


def functions():
    """[(header, [function])] of posix-functions.txt."""
    text = re.sub(r"\n\s+", " ", "\n".join(line for line in (HERE / "posix-functions.txt").read_text().splitlines()
                                           if line and not line.startswith("#")))
    return [(line.split(":")[0], line.split(":")[1].split()) for line in text.splitlines()]


def missing():
    """What is not declared by its header, or not in the libraries."""
    found, names = set(), []
    for header, listed in functions():
        names += listed
        text = f"#define _XOPEN_SOURCE 700\n#include <{header}.h>\n"
        text += "".join(f"void *f{n}(void);\nvoid *f{n}(void) {{ return (void *)({name}); }}\n" for n, name in enumerate(listed))
        done = compile_text(text, "-w", "-std=c11", "-fno-builtin", "-fmax-errors=0", "-fsyntax-only")
        bad = re.findall(r"error: .(\w+). undeclared", done.stderr)
        found.update(bad if bad or not done.returncode else listed)
    text = "".join(f"extern void {name}(void);\n" for name in names)
    text += "void *all[] = {" + ", ".join(names) + "};\nint main(void) { return all[0] == all[1]; }\n"
    done = compile_text(text, "-w", "-fno-builtin", "-o", "/dev/null")
    found.update(re.findall(r"undefined reference to `(\w+)'", done.stderr))
    return sorted(found & set(names)), done


def defined(library):
    """Names of the functions and variables of a library, as often as they are there."""
    found = subprocess.run([SDK / "bin" / "aarch64-wharf-elf-nm", "--defined-only", SDK / "sysroot" / "usr" / "lib" / f"lib{library}.a"],
                           text=True, capture_output=True, check=True).stdout
    return re.findall(r"(?m)^[0-9a-f]+ [TDBR] (\S+)$", found)


class Libraries(unittest.TestCase):
    def test_no_function_twice(self):
        """Which of two would be linked depends on what a program asks for first; or it cannot be linked at all."""
        own, newlib = defined("sys"), defined("c") + defined("m")      # libm has some of libc's, the same
        self.assertGreater(len(own), 500)
        self.assertGreater(len(newlib), 1000)
        self.assertEqual([], sorted(name for name in set(own) if own.count(name) > 1 or name in newlib))


class Posix(unittest.TestCase):
    def test_functions(self):
        """What missing.txt lists is missing, and nothing else: a function that is lost is seen, and so is one that came."""
        listed = [word for line in (HERE / "missing.txt").read_text().splitlines() if not line.startswith("#")
                  for word in line.split()]
        self.assertEqual(missing()[0], sorted(listed))


if __name__ == "__main__":
    subprocess.run([ROOT / "wharf", "sdk"], check=True)
    if sys.argv[1:] == ["--missing"]:
        print(*missing()[0], sep="\n")
    else:
        unittest.main()
