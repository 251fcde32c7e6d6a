/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that is put together from parts which are not to be trusted: what comes out is printable, ends within its buffer, and says
 * whether something was left out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <wharf/error.h>

/** size: of the buffer, at least 1. cut: there was more than fits. */
struct text {
    char *at;
    size_t size;
    size_t used;
    bool cut;
};

/** Begin an empty text in a buffer. */
struct text text_in(char *buffer, size_t size);

/** Append. What is not printable becomes '?'; newlines only from the format itself. */
[[gnu::format(printf, 2, 3)]] void text_add(struct text *t, const char *format, ...);

/** One sentence why something is as it is. */
struct reason {
    char text[256];
};

/** Set the sentence; returns `code`. */
[[gnu::format(printf, 3, 4)]] kern_return_t reason_set(struct reason *reason, kern_return_t code,
                                                       const char *format, ...);
