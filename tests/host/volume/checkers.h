/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of others that make file systems and say whether they are whole.
 */
#pragma once

#include "shared.h"
#include <volume.h>

enum { CHECKER_TEXT = 65536 };

/** Runs a command with %s for `path`; text: what it writes. Its status; -1: it was killed. */
int checker_run(const char *command, const char *path, char text[CHECKER_TEXT]);
/** Ends the test unless e2fsck or fsck.fat finds nothing wrong on the card of `size` bytes. */
void check_clean(const struct volume_ops *ops, const struct shared *of, uint64_t size);
