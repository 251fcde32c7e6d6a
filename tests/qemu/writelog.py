# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU's blklogwrites has noted of a card, and what the card would hold had power failed at any moment of that.

The format is that of Linux' dm-log-writes: a head of one sector, then for each request a sector that tells of it and the data.
"""

import random
import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC, VERSION = 0x6a736677736872, 1
FLUSH, FUA, DISCARD = 1, 2, 4
SECTOR = 512


class LogError(Exception):
    """It is no such log."""


def path_of(image):
    return Path(f"{image}.log")


@dataclass
class Request:
    sector: int
    flags: int
    data: bytes


def read(path):
    """All requests, in their order."""
    content = Path(path).read_bytes()
    magic, version, count, size = struct.unpack_from("<QQQI", content)
    if magic != MAGIC or version != VERSION or size < SECTOR:
        raise LogError(f"{path} is no log of writes")
    requests, at = [], size
    for _ in range(count):
        sector, sectors, flags, length = struct.unpack_from("<QQQQ", content, at)
        at += size
        held = 0 if flags & DISCARD else sectors * size
        requests.append(Request(sector * size, flags, content[at:at + held]))
        at += held
        del length
    return requests


class Cutter:
    """Makes the images that cuts leave, one after the other: what was flushed stays; of what was not, a cut takes what it likes, whole requests or sectors of them.
    whole: bytes (first, end) that no cut tears."""

    def __init__(self, before, requests, seed, whole=(0, 0)):
        self.before, self.requests, self.random, self.whole = bytes(before), requests, random.Random(seed), whole

    def cut(self, count):
        """The card after the first `count` requests, and what a power cut then makes of it."""
        image, loose = bytearray(self.before), []
        for request in self.requests[:count]:
            if request.flags & FLUSH:
                put(image, loose)
                loose = []
            if request.data:
                loose.append(request)
        put(image, self._survivors(loose))
        return image

    def _survivors(self, loose):
        kind = self.random.choice(("all", "none", "some", "torn", "all but one"))
        if kind == "all":
            return loose
        if kind == "none":
            return []
        if kind == "all but one":
            lost = self.random.randrange(len(loose)) if loose else 0
            return [request for number, request in enumerate(loose) if number != lost]
        kept = [request for request in loose if self.random.random() < 0.5] if kind == "some" else \
            [part for request in loose for part in self._parts(request) if self.random.random() < 0.5]
        if kind == "some":
            self.random.shuffle(kept)
        return kept


    def _parts(self, request):
        parts, at = [], 0
        while at < len(request.data):
            first, end = self.whole
            size = end - first if request.sector + at == first else SECTOR
            parts.append(Request(request.sector + at, 0, request.data[at:at + size]))
            at += size
        return parts


def put(image, requests):
    for request in requests:
        image[request.sector:request.sector + len(request.data)] = request.data
