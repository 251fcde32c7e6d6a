/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests and fuzzers of the device manager have in common: from a blob to recipes, with every promise of its headers looked at on the way. A broken
 * promise ends the program.
 */
#pragma once

#include "devices.h"

/** All *.driver files in a folder or one level below; ends the program if one is bad. */
void pipeline_manifests(const char *folder, struct manifest_set *out);

/** Read a blob of any content, find devices, probe (registers hold what `seed` makes of their addresses; 0: nothing), settle, make all recipes and
 *  explanations. Returns how many devices have a driver; -1: the blob was refused, with a sentence. */
int pipeline_run(const void *blob, size_t size, const struct manifest_set *manifests,
                 uint32_t seed);

/** A file; ends the program if it cannot be read. */
void *pipeline_load(const char *path, size_t *size);
