#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mksh's own tests (check.t) on Wharf. Its check.pl needs Perl beside the shell; here the tests go into the initrd, a script of ours runs them one
after another, and what came out is compared on this machine.

    tests/sdk/mksh_check.py [-n COUNT] [-v] [NAME...]

Left out, and counted as such: tests that need Perl, a terminal, another system or kind of shell by `category`, and those that check.t expects to fail.
"""

import argparse
import base64
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "ci"), str(ROOT / "tools")]
from wharf import shell, userland  # noqa: E402

PORTS, TREE = ROOT / "build" / "ports", ROOT / "build" / "release"
CATEGORIES = {"shell:legacy-no", "shell:textmode-no", "shell:binmode-yes", "shell:ebcdic-no", "shell:ascii-yes", "shell:faux-ebcdic-no", "int:32",
              "fastbox", "no-stderr-ed"}
FOR_PERL = {"perl-setup", "perl-cleanup", "need-pass"}
RUNNER = """cd /tmp
for t in /t/*/; do
    n=${t%/}; n=${n##*/}
    mkdir w && cd w
    [ -f $t/setup ] && . $t/setup
    ( . $t/command ) > /tmp/out 2> /tmp/err < $t/stdin
    echo "@@ $n $?"
    base64 /tmp/out; echo "@@o"
    base64 /tmp/err; echo "@@e"
    cd /tmp; rm -rf w out err
done
echo "@@ end 0"
"""


def tests(text):
    """[{tag: value}] of check.t."""
    found, now, tag, open_ended = [], {}, None, []
    for line in text.split("\n"):
        if line == "---":
            found.append(now)
            now, tag = {}, None
        elif line.startswith("\t") and tag:
            now[tag] += line[1:] + "\n"
        elif (m := re.match(r"([a-z-]+):(.*)", line)):
            tag, value = m.group(1), m.group(2).strip()
            while tag in now:
                tag += "+"
            now[tag] = "" if value in ("", "!") else value
            if tag.startswith("file-setup"):
                now[tag] += "\n"        # its content follows
            if value == "!":        # without its last line end
                open_ended.append((now, tag))
    for test, tag in open_ended:
        test[tag] = test[tag].removesuffix("\n")
    return [test for test in found if test.get("name")]


def why_not(test):
    if FOR_PERL & test.keys() or "__perlname" in "".join(test.values()):
        return "perl"
    for word in re.split("[, ]+", test.get("category", "")):
        if word and (word[1:] in CATEGORIES if word[0] == "!" else word not in CATEGORIES):
            return "category"
    return "fails" if test.get("expected-fail") == "yes" else None


def quoted(word):
    return "'" + word.replace("'", "'\\''") + "'"


def set_up(name, path, text, made):
    """Commands that make what one file-setup says; the content is put into made[name], which is at path there."""
    (kind, mode, target), content = shlex.split(text.split("\n", 1)[0]), text.split("\n", 1)[1]
    if kind == "dir":
        return [f"mkdir -- {quoted(target)}"]
    if kind == "symlink":
        return [f"ln -s -- {quoted(content.rstrip())} {quoted(target)}"]
    made[name] = content
    return [f"cp -- {path} {quoted(target)}; chmod {mode} -- {quoted(target)}"]


def files(number, test):
    """What lies in /t/NUMBER."""
    text = test.get("arguments", "").rstrip("\n")
    arguments = text[1:-1].split(text[0]) if text else []
    arguments = [word.encode("latin1").decode("unicode_escape") for word in arguments]
    made = {"stdin": test.get("stdin", ""), "script": test.get("script", "")}
    env = test.get("env-setup", "")
    env = [pair for pair in env.strip("\n")[1:-1].split(env[0]) if "=" in pair] if env else []
    words = ["HOME=/tmp", "PATH=/bin:/usr/bin", "SHELL=/bin/mksh", "ENV=/nonexistant", "__progname=/bin/mksh", *env]
    script = ["/tmp/w/temps"] if "script" in test else []
    setup = [f"cp /t/{number}/script temps"] if script else []
    for place, tag in enumerate(tag for tag in test if tag.startswith("file-setup")):
        setup += set_up(f"file{place}", f"/t/{number}/file{place}", test[tag], made)
    if setup:
        made["setup"] = "\n".join(setup) + "\n"
    made["command"] = "exec env -i " + " ".join(map(quoted, [*words, "/bin/mksh", *arguments, *script]))
    return {f"t/{number}/{name}": content.replace("@utflocale@", "C.UTF-8").encode("latin1") for name, content in made.items()}


def console(chosen):
    data = {"etc/exec": RUNNER.encode()}
    for number, test in chosen:
        data |= files(number, test)
    image = TREE / "mksh-check.cpio"
    image.write_bytes(userland.onto((TREE / "initrd.cpio").read_bytes(), data, "dash"))
    argv = ["qemu-system-aarch64", "-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-m", "512M", "-nic", "none", "-display", "none",
            "-monitor", "none", "-serial", "stdio", "-kernel", TREE / "kernel.img", "-initrd", image, "-append", shell.once(log=False)]
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=420, check=False).stdout
    except subprocess.TimeoutExpired as late:
        return late.stdout or b""


def results(data):
    """{number: (status, out, err)}"""
    text = data.decode("latin1").replace("\r\n", "\n")
    found = {}
    for m in re.finditer(r"(?ms)^@@ (\d+) (\d+)\n(.*?)^@@o\n(.*?)^@@e$", text):
        found[m.group(1)] = (int(m.group(2)), *(base64.b64decode(part).decode("latin1") for part in m.groups()[2:]))
    return found


def matches(test, tag, got):
    pattern = test.get(f"{tag}-pattern")
    if pattern is not None:
        text = pattern.strip()
        body = text[1:text.rindex(text[0])]
        return re.search(body, got) is not None
    return got == test.get(tag, "")


def status_fits(test, status):
    want = test.get("expected-exit", "0").strip()
    if want.isdigit():
        return status == int(want)
    expression = want.replace("&&", " and ").replace("||", " or ").replace("!=", "\0").replace("!", " not ").replace("\0", "!=")
    return bool(eval(expression, {}, {"e": status, "s": status - 128 if status > 128 else 0, "w": status}))     # check.t's own


def verdict(test, result):
    if result is None:
        return "was not run"
    status, out, err = result
    bad = [what for what, fine in (("status", status_fits(test, status)), ("output", matches(test, "expected-stdout", out)),
                                   ("errors", matches(test, "expected-stderr", err))) if not fine]
    return ", ".join(bad)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, metavar="COUNT", help="the first COUNT of them")
    parser.add_argument("-v", action="store_true", help="what came out of those that are not right")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    every = tests((PORTS / "mksh" / "check.t").read_bytes().decode("latin1"))
    reasons = [why_not(test) for test in every]
    chosen = [(f"{n:03}", test) for n, (test, reason) in enumerate(zip(every, reasons))
              if not reason and (not options.names or test["name"].strip() in options.names)][:options.n]
    got = results(console(chosen))
    wrong = [(test, number, what) for number, test in chosen if (what := verdict(test, got.get(number)))]
    for test, number, what in wrong:
        print(f"{test['name'].strip()}: {what}")
        if options.v:
            print(f"  {got.get(number)}")
    left_out = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted({r for r in reasons if r}))
    print(f"mksh: {len(chosen) - len(wrong)} of {len(chosen)} tests are right; of {len(every)} not run: {left_out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
