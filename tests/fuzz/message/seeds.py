#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the fuzzer's first inputs into a directory: rows of actions as fuzz_message.c reads them, with little in them."""

import random
import sys
from pathlib import Path

CALL, RECEIVE, NAMES, THREADS, OTHER = 0, 0, 11, 14, 15


def message(rng, dest, remote, local, receive, deadline):
    """form, length, destination, id, dispositions, (local name), receive, deadline, buffer, size, no wrong register."""
    return bytes([0, 1, 3, dest, rng.randrange(256), remote, local, 1, receive, deadline, 3, 1, 1])


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(24):
        rng = random.Random(seed)
        data = bytes([seed & 1])
        for _ in range(8 + seed):
            data += message(rng, rng.choice((0, 1, 5, 6, 17)), rng.choice((2, 3, 4, 4, 5)), rng.choice((0, 0, 6, 7)),
                            rng.choice((0, 1, 2, 3, 17)), rng.choice((0, 2, 2)))
            if rng.random() < 0.3:
                data += bytes([rng.choice((NAMES, THREADS, OTHER)), *rng.randbytes(3)])
        (out / f"seed{seed}").write_bytes(data)


if __name__ == "__main__":
    main()
