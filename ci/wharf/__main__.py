# SPDX-License-Identifier: BSD-2-Clause
"""Entry of ./wharf: arguments in, exit status out."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.pycache_prefix = str(ROOT / "build" / "pycache")
sys.path[0] = str(ROOT / "ci")

from wharf import cli  # noqa: E402  (the path had to be set first)

sys.exit(cli.main(sys.argv[1:]))
