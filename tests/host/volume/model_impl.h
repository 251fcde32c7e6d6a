/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the model share.
 */
#pragma once

#include "model.h"

extern const char *const model_names[NAMES];
/** The volume that is worked on; NULL: none, a step is made in the model only. */
extern const struct volume_ops *model_ops;
extern struct volume *model_volume;

/** A node's file by its names from the root on, or as it is held; given up by model_put(). */
struct volume_file *model_get(const struct model *model, int node);
void model_put(const struct model *model, int node, struct volume_file *file);
