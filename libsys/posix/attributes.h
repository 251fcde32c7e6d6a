/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of files as programs see them.
 */
#pragma once

#include <sys/stat.h>
#include <wharf/if/file_types.h>

void attributes_as_stat(const struct file_attributes *attributes, struct stat *status);
