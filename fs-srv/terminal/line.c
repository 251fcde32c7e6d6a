/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers, and settings (line.h).
 */
#include "line.h"
#include "line_impl.h"
#include <string.h>

/* ---- reading ---- */

static uint16_t front(const struct line *line)
{
    return line->input[line->head % LINE_INPUT];
}

static bool is_end(uint16_t character)
{
    return (character & LINE_END) != 0;
}

uint32_t line_waiting(const struct line *line)
{
    uint32_t n = 0;

    for (uint32_t i = line->head; i != line->committed; i++)
        n += !is_end(line->input[i % LINE_INPUT]);
    return n;
}

/* An end of file that follows what was read at once belongs to it (E1). */
static int read_canonical(struct line *line, uint8_t *bytes, size_t size)
{
    size_t n = 0;

    if (line->head == line->committed)
        return LINE_AGAIN;
    while (line->head != line->committed && (n < size || is_end(front(line)))) {
        const uint16_t character = front(line);
        line->head++;
        if (!is_end(character))
            bytes[n++] = (uint8_t)character;
        if (character & LINE_DELIMITS)
            break;
    }
    return (int)n;
}

/* Ends of file that were typed when the terminal was canonical are none any more. */
static size_t take_all(struct line *line, uint8_t *bytes, size_t size)
{
    size_t n = 0;

    while (line->head != line->committed && n < size) {
        const uint16_t character = front(line);
        line->head++;
        if (!is_end(character))
            bytes[n++] = (uint8_t)character;
    }
    return n;
}

static uint64_t tenths(const struct line *line)
{
    return line->settings.characters[TERMINAL_VTIME] * UINT64_C(100000000);
}

/* Whether a reader who wants `wanted` characters, VMIN at most, has waited for all that he has to. */
static bool is_enough(const struct line *line, uint32_t wanted, uint64_t now)
{
    const uint32_t there = line->committed - line->head;
    const uint32_t least = line->settings.characters[TERMINAL_VMIN];

    if (least == 0)
        return there > 0 || tenths(line) == 0 || now >= line->read_ends;
    return there >= (wanted < least ? wanted : least) ||
           (there > 0 && tenths(line) > 0 && now >= line->last + tenths(line));
}

static int read_raw(struct line *line, uint8_t *bytes, size_t size, bool at_once, uint64_t now)
{
    const uint32_t least = line->settings.characters[TERMINAL_VMIN];
    const uint32_t wanted = size < least ? (uint32_t)size : least;

    if (at_once ? line->head == line->committed && least > 0 : !is_enough(line, wanted, now)) {
        if (line->wanted == 0 || wanted < line->wanted)
            line->wanted = wanted;
        if (least == 0 && line->read_ends == LINE_NEVER)
            line->read_ends = now + tenths(line);
        return LINE_AGAIN;
    }
    line->wanted = 0;
    line->read_ends = LINE_NEVER;
    return (int)take_all(line, bytes, size);
}

int line_read(struct line *line, uint8_t *bytes, size_t size, bool at_once, uint64_t now)
{
    if (size == 0)
        return 0;
    const int n = line_canonical(line) ? read_canonical(line, bytes, size)
                                       : read_raw(line, bytes, size, at_once, now);
    line_let_in(line);
    return n;
}

bool line_is_readable(const struct line *line, uint64_t now)
{
    if (line_canonical(line))
        return line->head != line->committed;
    /* With VMIN and VTIME 0 a read never waits, but there is something only if there is. */
    if (line->settings.characters[TERMINAL_VMIN] == 0 && tenths(line) == 0)
        return line->head != line->committed;
    return is_enough(line, line->wanted > 0 ? line->wanted : UINT32_MAX, now);
}

/* When a reader is to be looked at again. */
static uint64_t read_deadline(const struct line *line)
{
    if (line_canonical(line) || tenths(line) == 0)
        return LINE_NEVER;
    if (line->settings.characters[TERMINAL_VMIN] == 0)
        return line->read_ends;
    return line->head != line->committed ? line->last + tenths(line) : LINE_NEVER;
}

uint64_t line_deadline(const struct line *line)
{
    const uint64_t reader = read_deadline(line), log = line_log_deadline(line);
    const uint64_t first = reader < log ? reader : log;

    return line->put_off != 0 && line->put_off < first ? line->put_off : first;
}

/* ---- settings ---- */

static const struct terminal_attributes usual = {
    .input = TERMINAL_ICRNL | TERMINAL_IXON | TERMINAL_IMAXBEL | TERMINAL_IUTF8 | TERMINAL_BRKINT,
    .output = TERMINAL_OPOST | TERMINAL_ONLCR,
    .control = TERMINAL_CS8 | TERMINAL_CREAD | TERMINAL_CLOCAL,
    .local = TERMINAL_ISIG | TERMINAL_ICANON | TERMINAL_ECHO | TERMINAL_ECHOE | TERMINAL_ECHOK |
             TERMINAL_ECHOCTL | TERMINAL_ECHOKE | TERMINAL_IEXTEN,
    .characters =
        {
            [TERMINAL_VINTR] = 'C' & 0x1f,
            [TERMINAL_VQUIT] = '\\' & 0x1f,
            [TERMINAL_VERASE] = 0x7f,
            [TERMINAL_VKILL] = 'U' & 0x1f,
            [TERMINAL_VEOF] = 'D' & 0x1f,
            [TERMINAL_VMIN] = 1,
            [TERMINAL_VSTART] = 'Q' & 0x1f,
            [TERMINAL_VSTOP] = 'S' & 0x1f,
            [TERMINAL_VSUSP] = 'Z' & 0x1f,
            [TERMINAL_VREPRINT] = 'R' & 0x1f,
            [TERMINAL_VWERASE] = 'W' & 0x1f,
            [TERMINAL_VLNEXT] = 'V' & 0x1f,
        },
    .input_speed = 115200,
    .output_speed = 115200,
};

void line_init(struct line *line, const struct line_events *events)
{
    memset(line, 0, sizeof *line);
    line->events = *events;
    line->settings = usual;
    line->window = (struct terminal_size){.rows = 24, .columns = 80};
    line->read_ends = LINE_NEVER;
}

/* To canonical: what nobody has read is a line, as it is. From there: all of it may be read. */
static void change_mode(struct line *line)
{
    line->committed = line->tail;
    line->literal = false;
    line->wanted = 0;
    line->read_ends = LINE_NEVER;
    if (line_canonical(line) && line->head != line->tail)
        line->input[(line->tail - 1) % LINE_INPUT] |= LINE_DELIMITS;
}

void line_set(struct line *line, const struct terminal_attributes *settings, bool flush)
{
    const uint32_t changed = line->settings.local ^ settings->local;

    if (flush)
        line_flush_input(line);
    line->settings = *settings;
    if (changed & TERMINAL_ICANON)
        change_mode(line);
    line->wanted = 0;
    if (!(settings->input & TERMINAL_IXON))
        line->stopped = false;
    if (!(settings->input & TERMINAL_IXOFF) && line->held) {
        line->held = false;
        line->urgent = 1u + settings->characters[TERMINAL_VSTART];
    }
}

void line_set_window(struct line *line, const struct terminal_size *window)
{
    if (memcmp(&line->window, window, sizeof *window) == 0)
        return;
    line->window = *window;
    line->events.signal(line->events.context, LINE_RESIZED);
}

void line_flush_input(struct line *line)
{
    line->head = line->committed = line->tail;
    line->wanted = 0;
    line->literal = false;
    line_let_in(line);
}

/* SEND_STOP and SEND_START send STOP and START. */
void line_flow(struct line *line, unsigned action)
{
    switch (action) {
    case TERMINAL_FLOW_HOLD: line->stopped = true; break;
    case TERMINAL_FLOW_GO_ON: line->stopped = false; break;
    case TERMINAL_FLOW_SEND_STOP:
        line->input_off = line->held = true;
        line->urgent = 1u + line->settings.characters[TERMINAL_VSTOP];
        break;
    default:
        line->input_off = false;
        line->held = true;
        line_let_in(line);
    }
}
