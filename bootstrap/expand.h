/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot arguments in the system description: `$(NAME)` stands for the value of the boot argument arg=NAME=VALUE, `$(NAME:OTHER)` for OTHER
 * if there is none. A pure function of its texts.
 */
#pragma once

#include <stddef.h>
#include <wharf/error.h>

enum { EXPANDED_MAX = 32768 };

/** Write the text with everything of that kind replaced to `out`, which has EXPANDED_MAX bytes. KERN_BAD_FORMAT: a `$(` without its `)`, without a name, or one
 *  that has no value; *line tells where. KERN_RESOURCE_SHORTAGE: it is longer than that. */
kern_return_t expand(const char *text, size_t size, const char *arguments, char *out,
                     size_t *out_size, unsigned *line);
