# SPDX-License-Identifier: BSD-2-Clause
"""Links between documents lead to files that exist."""

import re

ABOUT = "links in documents resolve"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


def check(root, files):
    for name in files:
        if not name.endswith(".md"):
            continue
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
            for target in LINK.findall(line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not ((root / name).parent / target).exists():
                    yield name, number, f"the link {target} leads nowhere"
