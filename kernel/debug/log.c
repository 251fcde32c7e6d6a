/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: formats lines, puts them into the ring and on the console.
 *
 * Ring and console have a lock each and are written one after the other, so that a slow console
 * delays only those who print, never those who only record. Two CPUs that log at the same time may
 * therefore appear in different order on the two. One call is never torn.
 *
 * Times are the machine's counter, which starts at power-on: they include what firmware and boot
 * loader took. Before the timer is known they are 0.
 */
#include "log_ring.h"

#include <arch/console.h>
#include <arch/timer.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/spinlock.h>
#include <kern/string.h>

enum {
    LINE_MAX = 240, /* text of a line */
    STAMP_MAX = 32, /* "[ssss.uuuuuu] " */
    EARLY_RING = 4096,
};

/* The ring until log_use_ring(). */
static union {
    struct log_ring ring;
    char bytes[EARLY_RING];
} early;

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_LOG);
static struct log_ring *ring; /* LOG lock; NULL: the early ring, not yet set up */
static bool ring_persistent;  /* LOG lock */
static bool ring_midline;     /* LOG lock: the last byte was not a newline */

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static bool console_midline; /* CONSOLE lock: as above */

static _Atomic uint32_t console_level = LOG_INFO;
static _Atomic bool panic_mode;
/* From this byte of the log on another has the console, and nothing is printed but panics. It is set with the LOG lock held: each line is
 * either printed here or before the other's eyes, even one that is on its way from the ring to the console meanwhile. */
static _Atomic uint64_t printed_to = UINT64_MAX;

/* In panic mode there are no locks: the holder may be this very CPU, or one that is stopped. */
static bool take(struct spinlock *lock)
{
    if (atomic_load_explicit(&panic_mode, memory_order_relaxed)) {
        (void)panic_breaks_locks(); /* halts the others */
        return false;
    }
    spin_lock(lock);
    return true;
}

static void give(struct spinlock *lock, bool taken)
{
    if (taken)
        spin_unlock(lock);
}

/* The LOG lock is held. */
static struct log_ring *current_ring(void)
{
    if (ring == NULL) {
        log_ring_init(&early.ring, sizeof(early), 0, false);
        ring = &early.ring;
    }
    return ring;
}

/* `line`: start on a fresh line. Number of the text's first byte. */
static uint64_t ring_write(const char *text, size_t length, bool line)
{
    bool taken = take(&log_lock);
    struct log_ring *to = current_ring();

    if (line && ring_midline)
        log_ring_append(to, "\n", 1, ring_persistent);
    const uint64_t at = log_ring_head(to);
    log_ring_append(to, text, length, ring_persistent);
    ring_midline = text[length - 1] != '\n';
    give(&log_lock, taken);
    return at;
}

/* at: what ring_write() said. */
static void console_write(const char *text, size_t length, bool line, uint64_t at)
{
    if (at >= atomic_load_explicit(&printed_to, memory_order_relaxed) &&
        !atomic_load_explicit(&panic_mode, memory_order_relaxed))
        return;
    bool taken = take(&console_lock);

    if (line && console_midline)
        arch_console_write("\r\n", 2);
    console_midline = text[length - 1] != '\n';
    while (length > 0) {
        const char *newline = memchr(text, '\n', length);
        size_t piece = newline != NULL ? (size_t)(newline - text) : length;

        arch_console_write(text, piece);
        if (newline != NULL) {
            arch_console_write("\r\n", 2);
            piece++;
        }
        text += piece;
        length -= piece;
    }
    give(&console_lock, taken);
}

/* Append the formatted text, cut to what a line may have, and a newline; returns the new length. */
static size_t finish_line(char *line, size_t start, const char *format, va_list args)
{
    size_t length = format_text_v(line + start, LINE_MAX + 1, format, args);

    length = start + (length < LINE_MAX ? length : LINE_MAX);
    line[length++] = '\n';
    return length;
}

/* "[ssss.uuuuuu] "; returns its length. */
static size_t write_stamp(char *buffer)
{
    uint64_t frequency = arch_counter_frequency();
    ticks_t now = frequency != 0 ? arch_counter() : 0;
    uint64_t second = frequency != 0 ? now / frequency : 0;
    uint64_t micro = frequency != 0 ? now % frequency * 1000000 / frequency : 0;

    return format_text(buffer, STAMP_MAX, "[%4llu.%06llu] ", (unsigned long long)second,
                       (unsigned long long)micro);
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[STAMP_MAX + LINE_MAX + 1];
    va_list args;
    size_t length = write_stamp(line);

    va_start(args, format);
    length = finish_line(line, length, format, args);
    va_end(args);
    const uint64_t at = ring_write(line, length, true);
    if (level >= atomic_load_explicit(&console_level, memory_order_relaxed))
        console_write(line, length, true, at);
}

void log_plain(const char *format, ...)
{
    char line[LINE_MAX + 1];
    va_list args;
    size_t length;

    va_start(args, format);
    length = finish_line(line, 0, format, args);
    va_end(args);
    const uint64_t at = ring_write(line, length, true);
    console_write(line, length, true, at);
}

void log_user_text(const char *text, size_t length)
{
    if (length == 0)
        return;
    const uint64_t at = ring_write(text, length, false);
    console_write(text, length, false, at);
}

void log_set_console_level(enum log_level level)
{
    atomic_store_explicit(&console_level, level, memory_order_relaxed);
}

bool log_set_printing(bool prints, uint64_t *next)
{
    bool taken = take(&log_lock);
    const bool printed = atomic_load_explicit(&printed_to, memory_order_relaxed) == UINT64_MAX;

    *next = log_ring_head(current_ring());
    if (printed != prints)
        atomic_store_explicit(&printed_to, prints ? UINT64_MAX : *next, memory_order_relaxed);
    give(&log_lock, taken);
    return printed;
}

void log_panic_mode(void)
{
    atomic_store_explicit(&console_level, LOG_DEBUG, memory_order_relaxed);
    atomic_store_explicit(&panic_mode, true, memory_order_relaxed);
}

/* What was read from memory that a reset may have damaged: make it fit to print. */
static void make_printable(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n' && text[i] != '\t')
            text[i] = '.';
}

/*
 * The old run's text is in memory, not in the caches, because it was written back line by line: a
 * warm reset leaves DRAM alone but drops dirty cache lines.
 */
size_t log_use_ring(void *memory, char *previous, size_t previous_size)
{
    struct log_ring *next = memory;
    bool found = log_ring_is_valid(next, LOG_RING_SIZE);
    size_t kept = found ? log_ring_tail(next, previous, previous_size) : 0;
    bool taken = take(&log_lock);
    struct log_ring *old = current_ring();

    make_printable(previous, kept);
    log_ring_init(next, LOG_RING_SIZE, found ? next->generation + 1 : 1, true);
    log_ring_copy(next, old, true);
    ring = next;
    ring_persistent = true;
    give(&log_lock, taken);
    return kept;
}

size_t log_read_tail(char *buffer, size_t size)
{
    bool taken = take(&log_lock);
    size_t count = log_ring_tail(current_ring(), buffer, size);

    give(&log_lock, taken);
    return count;
}

size_t log_read(uint64_t *position, char *buffer, size_t size)
{
    bool taken = take(&log_lock);
    size_t count = log_ring_read(current_ring(), position, buffer, size);

    give(&log_lock, taken);
    return count;
}
