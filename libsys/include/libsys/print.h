/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Printing on the kernel's console, until there is a console server, with less code and less state
 * than printf(). One call of print() reaches the console in one piece, so lines of several threads
 * do not mix; it does not wait for what printf() has buffered.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

enum { PRINT_MAX = 256 }; /* characters of one call; the rest is cut off */

/** Knows %d %i %u %x %c %s %p %% with l, ll, z, a width and 0 or - as flag. */
[[gnu::format(printf, 1, 2)]] void print(const char *format, ...);

/** The same into `buffer` of `size` bytes, always ended by a NUL. Returns the length, cut off. */
[[gnu::format(printf, 3, 4)]] size_t format_text(char *buffer, size_t size, const char *format,
                                                 ...);
[[gnu::format(printf, 3, 0)]] size_t format_text_list(char *buffer, size_t size, const char *format,
                                                      va_list arguments);
