/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: lines with a time stamp into a ring that survives a warm reset, and to the
 * console.
 *
 * Ring: LOG_RING_SIZE bytes at the first RAM bank's base + LOG_RING_OFFSET (docs/boot.md), with a
 * header that has a magic, a generation and a checksum of itself; found again after a reset it is
 * shown by `log` tools as "previous".
 */
#pragma once

#include <kern/types.h>
#include <stdarg.h>

#define LOG_RING_OFFSET UINT64_C(0x1e0000)
#define LOG_RING_SIZE   (128 * KIB)

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/** One line; `format` as for printf (subset: %s %c %d %i %u %x %X %p %%, lengths l ll z j t, flags
 *  0 - #, width and precision, also as *), without the final newline. Any context, any lock below
 *  LOG held. Lines longer than 240 bytes are cut. */
[[gnu::format(printf, 2, 3)]] void log_line(enum log_level level, const char *format, ...);

/** One line as log_line(), but without time stamp and always to the console: the lines that tools
 *  look for at the start of a line ("wharf: ", "ktest: ", "PANIC: "). */
[[gnu::format(printf, 1, 2)]] void log_plain(const char *format, ...);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/** Lines below this level go to the ring only, not to the console. */
void log_set_console_level(enum log_level level);

/** Start using the persistent ring at `ring` (LOG_RING_SIZE bytes, mapped uncached or cached as
 *  the caller knows); lines so far are copied. If the ring held a valid log of the run before, it
 *  is kept as "previous" text: its tail (up to `previous_size` bytes) is copied to `previous`,
 *  and its length returned. Boot CPU, once. */
size_t log_use_ring(void *ring, char *previous, size_t previous_size);

/** Raw text of a user program to console and ring, as it is. */
void log_user_text(const char *text, size_t length);

/** After a panic: no locks are taken any more, everything goes to the console. */
void log_panic_mode(void);

/** Format into a buffer, always terminated; returns the length it would have had. */
[[gnu::format(printf, 3, 4)]] size_t format_text(char *buffer, size_t size, const char *format,
                                                 ...);
size_t format_text_v(char *buffer, size_t size, const char *format, va_list args);

/** Copy up to `size` newest bytes of the ring, oldest first; returns how many. For panic and the
 *  host tool. */
size_t log_read_tail(char *buffer, size_t size);

/** Copy up to `size` bytes of the ring from number *position on; *position becomes that of the next. Returns how many. */
size_t log_read(uint64_t *position, char *buffer, size_t size);

/** Whether lines are printed on the console, and not only recorded. What it was. *next: number of the byte that is next in the ring; all before it is
 *  printed, or has been, if it was so, and nothing from there on if it is not to be so. */
bool log_set_printing(bool prints, uint64_t *next);
