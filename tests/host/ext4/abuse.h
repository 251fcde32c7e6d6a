/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses whatever lies on a card as a file system, with all operations: for damaged images and fuzzers. No result is expected but an end.
 */
#pragma once

#include "images.h"

struct abuse {
    bool mounted, changed; /* it could be, and operations that change it went well */
    unsigned files;
    int error; /* of the mount */
};

struct abuse abuse(struct card *card);
