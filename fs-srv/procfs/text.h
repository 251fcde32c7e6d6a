/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts that grow.
 *
 * T1 At most TEXT_MAX bytes; all of them together at most TEXTS_MAX. What there is no room for is left off, and `failed` says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { TEXT_MAX = 256 << 10, TEXTS_MAX = 4 << 20 };

struct text {
    char *at;
    size_t size, room;
    bool failed;
};

[[gnu::format(printf, 2, 3)]] void text_add(struct text *text, const char *format, ...);
void text_add_bytes(struct text *text, const void *bytes, size_t size);
void text_end(struct text *text);
