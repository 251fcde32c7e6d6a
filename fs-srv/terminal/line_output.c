/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes out: programs' characters through OPOST, echo, and the log between the lines (line.h, L4).
 */
#include "line.h"
#include "line_impl.h"
#include <string.h>

enum { TAB = 8, EXPANDED_MAX = 8 };

uint32_t line_output_room(const struct line *line)
{
    return LINE_OUTPUT - (line->out_tail - line->out_head);
}

static bool is_continuation(const struct line *line, uint8_t byte)
{
    return (line->settings.input & TERMINAL_IUTF8) != 0 && (byte & 0xc0) == 0x80;
}

static void put(struct line *line, uint8_t byte)
{
    line->output[line->out_tail++ % LINE_OUTPUT] = byte;
}

/* Where the character leaves the cursor. */
static void move(struct line *line, uint8_t byte)
{
    if (byte == '\n' || byte == '\r')
        line->column = 0;
    else if (byte == '\b')
        line->column -= line->column > 0;
    else if (byte == '\t')
        line->column += TAB - line->column % TAB;
    else if (byte >= 0x20 && byte != 0x7f && !is_continuation(line, byte))
        line->column++;
}

void line_emit(struct line *line, uint8_t byte, uint64_t now)
{
    put(line, byte);
    move(line, byte);
    line->begun_last = now;
    if (byte == '\n')
        line->begun_size = 0;
    else if (line->begun_size < LINE_BEGUN)
        line->begun[line->begun_size++] = byte;
    else
        line->begun_size = LINE_BEGUN + 1;
}

void line_emit_processed(struct line *line, uint8_t byte, uint64_t now)
{
    const uint32_t flags = line->settings.output;

    if (!(flags & TERMINAL_OPOST)) {
        line_emit(line, byte, now);
        return;
    }
    if (byte == '\r') {
        if ((flags & TERMINAL_ONOCR) && line->column == 0)
            return;
        if (flags & TERMINAL_OCRNL)
            byte = '\n';
    } else if (byte == '\n' && (flags & TERMINAL_ONLCR)) {
        line_emit(line, '\r', now);
    } else if (byte == '\t' && (flags & TERMINAL_XTABS)) {
        for (uint32_t n = TAB - line->column % TAB; n > 0; n--)
            line_emit(line, ' ', now);
        return;
    }
    line_emit(line, byte, now);
}

uint32_t line_width(const struct line *line, uint8_t byte, uint32_t column)
{
    if (byte == '\t')
        return TAB - column % TAB;
    if (byte < 0x20 || byte == 0x7f)
        return line->settings.local & TERMINAL_ECHOCTL ? 2 : 0;
    return 1;
}

/* ---- programs ---- */

static bool has_room(const struct line *line)
{
    return line_output_room(line) >= LINE_OUTPUT - LINE_WRITTEN + EXPANDED_MAX;
}

bool line_is_writable(const struct line *line)
{
    return has_room(line);
}

size_t line_write(struct line *line, const uint8_t *bytes, size_t count, uint64_t now)
{
    size_t taken = 0;

    while (taken < count && has_room(line))
        line_emit_processed(line, bytes[taken++], now);
    if (line->head == line->tail || line->committed == line->tail)
        line->begins = line->column;
    return taken;
}

size_t line_output(struct line *line, uint8_t *bytes, size_t room)
{
    size_t n = 0;

    if (line->urgent != 0 && n < room) {
        bytes[n++] = (uint8_t)(line->urgent - 1);
        line->urgent = 0;
    }
    while (!line->stopped && n < room && line->out_head != line->out_tail)
        bytes[n++] = line->output[line->out_head++ % LINE_OUTPUT];
    return n;
}

bool line_has_output(const struct line *line)
{
    return line->urgent != 0 || (!line->stopped && line->out_head != line->out_tail);
}

/* What is left of the begun line is on the screen: what was not sent of it is not known to be, so that it is only a line that has been begun. */
void line_flush_output(struct line *line)
{
    line->out_head = line->out_tail;
}

/* ---- the log ---- */

/* What the log needs at most to be put out now. */
static uint32_t log_needs(const struct line *line)
{
    return 2 * line->log_size + LINE_BEGUN + 2;
}

/* Whether the log may stand where the next character would. */
static bool is_time(const struct line *line, uint64_t now)
{
    if (line->begun_size == 0)
        return true;
    return now >= line->begun_last + LINE_QUIET || now >= line->log_since + LINE_PATIENCE;
}

/* As the log is written whatever the settings are. */
static void put_log(struct line *line)
{
    for (uint32_t i = 0; i < line->log_size; i++) {
        if (line->log[i] == '\n')
            put(line, '\r');
        put(line, line->log[i]);
    }
    line->log_size = 0;
}

static void bring_log(struct line *line, uint64_t now)
{
    if (line->log_size == 0 || line->stopped || !is_time(line, now) ||
        line_output_room(line) < log_needs(line))
        return;
    if (line->begun_size > 0) {
        put(line, '\r');
        put(line, '\n');
    }
    put_log(line);
    if (line->begun_size > LINE_BEGUN) {
        line->begun_size = 0; /* its end goes on in a line of its own */
        line->column = 0;
    }
    for (uint32_t i = 0; i < line->begun_size; i++)
        put(line, line->begun[i]);
}

bool line_log(struct line *line, const uint8_t *text, size_t size, uint64_t now)
{
    if (size > LINE_LOG - line->log_size)
        return false;
    if (line->log_size == 0)
        line->log_since = now;
    memcpy(line->log + line->log_size, text, size);
    line->log_size += (uint32_t)size;
    bring_log(line, now);
    return true;
}

void line_tick(struct line *line, uint64_t now)
{
    bring_log(line, now);
}

uint64_t line_log_deadline(const struct line *line)
{
    if (line->log_size == 0 || line->stopped || line_output_room(line) < log_needs(line))
        return LINE_NEVER;
    const uint64_t quiet = line->begun_last + LINE_QUIET,
                   patience = line->log_since + LINE_PATIENCE;
    return quiet < patience ? quiet : patience;
}
