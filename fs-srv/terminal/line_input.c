/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes in: signals, flow control, editing, echo (line.h).
 *
 * E1 In input[] a character with LINE_DELIMITS ends what one read of a canonical line gets; with LINE_END besides it is an end of
 *    file: it ends that read, and is not given.
 * E2 An echo is of what is done: a character that is thrown away is not shown.
 */
#include "line.h"
#include "line_impl.h"

/* ---- what is in the line that is edited ---- */

static uint16_t at(const struct line *line, uint32_t index)
{
    return line->input[index % LINE_INPUT];
}

static bool is_continuation(const struct line *line, uint32_t index)
{
    return (line->settings.input & TERMINAL_IUTF8) != 0 && (at(line, index) & 0xc0) == 0x80;
}

/* Column after the edited characters up to `end`. */
static uint32_t column_at(const struct line *line, uint32_t end)
{
    uint32_t column = line->begins;

    for (uint32_t i = line->committed; i != end; i++)
        if (!is_continuation(line, i))
            column += line_width(line, (uint8_t)at(line, i), column);
    return column;
}

/* ---- echo ---- */

/* As it looks: ^X for control characters, where ECHOCTL says so. */
static void show(struct line *line, uint8_t byte, uint64_t now)
{
    const bool control = byte < 0x20 || byte == 0x7f;

    if (control && byte != '\t' && byte != '\n' && (line->settings.local & TERMINAL_ECHOCTL)) {
        line_emit(line, '^', now);
        line_emit(line, byte ^ 0x40, now);
    } else {
        line_emit_processed(line, byte, now);
    }
}

static void echo(struct line *line, uint8_t byte, uint64_t now)
{
    const uint32_t flags = line->settings.local;

    if (flags & TERMINAL_ECHO)
        show(line, byte, now);
    else if (byte == '\n' && (flags & TERMINAL_ECHONL) && line_canonical(line))
        line_emit_processed(line, byte, now);
}

static void bell(struct line *line, uint64_t now)
{
    if (line->settings.input & TERMINAL_IMAXBEL)
        line_emit(line, '\a', now);
}

/* Take this many columns off the screen. */
static void wipe(struct line *line, uint32_t columns, uint64_t now)
{
    for (uint32_t i = 0; i < columns; i++) {
        line_emit(line, '\b', now);
        line_emit(line, ' ', now);
        line_emit(line, '\b', now);
    }
}

/* ---- editing ---- */

/* Forget the edited line from `end` on, and take it off the screen. typed: what asked for it. */
static void erase_to(struct line *line, uint32_t end, uint8_t typed, uint64_t now)
{
    const uint32_t columns = column_at(line, line->tail) - column_at(line, end);

    line->tail = end;
    if (!(line->settings.local & TERMINAL_ECHO))
        return;
    if (!(line->settings.local & TERMINAL_ECHOE))
        show(line, typed, now);
    else
        wipe(line, columns, now);
}

static void erase(struct line *line, uint8_t typed, uint64_t now)
{
    uint32_t end = line->tail;

    if (end == line->committed)
        return;
    do
        end--;
    while (end != line->committed && is_continuation(line, end));
    erase_to(line, end, typed, now);
}

static bool is_blank(uint16_t character)
{
    return (uint8_t)character == ' ' || (uint8_t)character == '\t';
}

static void erase_word(struct line *line, uint8_t typed, uint64_t now)
{
    uint32_t end = line->tail;

    while (end != line->committed && is_blank(at(line, end - 1)))
        end--;
    while (end != line->committed && !is_blank(at(line, end - 1)))
        end--;
    /* Too wide to be wiped in one go (L2): the line is shown anew. */
    if (column_at(line, line->tail) - column_at(line, end) > LINE_WIDE) {
        line->tail = end;
        echo(line, typed, now);
        echo(line, '\n', now);
    } else if (end != line->tail) {
        erase_to(line, end, typed, now);
    }
}

static void kill_line(struct line *line, uint8_t typed, uint64_t now)
{
    const uint32_t flags = line->settings.local;
    const uint32_t columns = column_at(line, line->tail) - line->begins;

    line->tail = line->committed;
    if (!(flags & TERMINAL_ECHO))
        return;
    if ((flags & TERMINAL_ECHOKE) && (flags & TERMINAL_ECHOE) && columns <= LINE_WIDE) {
        wipe(line, columns, now);
        return;
    }
    show(line, typed, now);
    if (flags & TERMINAL_ECHOK) {
        line_emit_processed(line, '\n', now);
        line->begins = line->column;
    }
}

static void reprint(struct line *line, uint8_t typed, uint64_t now)
{
    echo(line, typed, now);
    line_emit_processed(line, '\n', now);
    line->begins = line->column;
    for (uint32_t i = line->committed; i != line->tail && line_output_room(line) > LINE_ECHO_LEFT;
         i++)
        echo(line, (uint8_t)at(line, i), now);
}

/* ---- storing ---- */

static uint32_t room(const struct line *line)
{
    return LINE_INPUT - (line->tail - line->head);
}

static void store(struct line *line, uint16_t character)
{
    line->input[line->tail++ % LINE_INPUT] = character;
}

static void complete(struct line *line, uint16_t character)
{
    store(line, character | LINE_DELIMITS);
    line->committed = line->tail;
}

/* An ordinary character of a canonical line. One place is kept for the delimiter. */
static void edit_in(struct line *line, uint8_t byte, uint64_t now)
{
    if (room(line) <= 1) {
        bell(line, now);
        return;
    }
    if (line->tail == line->committed)
        line->begins = line->column;
    store(line, byte);
    echo(line, byte, now);
}

static bool is_special(const struct line *line, unsigned which, uint8_t byte)
{
    return line->settings.characters[which] == byte && byte != TERMINAL_VDISABLE;
}

/* Whether it was a character that edits. */
static bool edit(struct line *line, uint8_t byte, uint64_t now)
{
    const bool extended = (line->settings.local & TERMINAL_IEXTEN) != 0;

    if (is_special(line, TERMINAL_VERASE, byte))
        erase(line, byte, now);
    else if (is_special(line, TERMINAL_VKILL, byte))
        kill_line(line, byte, now);
    else if (extended && is_special(line, TERMINAL_VWERASE, byte))
        erase_word(line, byte, now);
    else if (extended && is_special(line, TERMINAL_VREPRINT, byte))
        reprint(line, byte, now);
    else
        return false;
    return true;
}

static void take_canonical(struct line *line, uint8_t byte, uint64_t now)
{
    const bool extended = (line->settings.local & TERMINAL_IEXTEN) != 0;

    if (edit(line, byte, now))
        return;
    if (byte != '\n' && is_special(line, TERMINAL_VEOF, byte)) {
        complete(line, LINE_END);
    } else if (byte == '\n' || is_special(line, TERMINAL_VEOL, byte) ||
               (extended && is_special(line, TERMINAL_VEOL2, byte))) {
        complete(line, byte);
        echo(line, byte, now);
    } else {
        edit_in(line, byte, now);
    }
}

static void take_ordinary(struct line *line, uint8_t byte, uint64_t now)
{
    if (line_canonical(line)) {
        edit_in(line, byte, now);
        return;
    }
    store(line, byte);
    line->committed = line->tail;
    echo(line, byte, now);
}

/* ---- signals and flow control ---- */

static int signal_of(const struct line *line, uint8_t byte)
{
    if (!(line->settings.local & TERMINAL_ISIG))
        return 0;
    if (is_special(line, TERMINAL_VINTR, byte))
        return LINE_INTERRUPT;
    if (is_special(line, TERMINAL_VQUIT, byte))
        return LINE_QUIT;
    return is_special(line, TERMINAL_VSUSP, byte) ? LINE_SUSPEND : 0;
}

/* What was typed before it, and written and not sent, goes, unless NOFLSH; output goes on. */
static void raise_signal(struct line *line, uint8_t byte, enum line_signal signal, uint64_t now)
{
    if (!(line->settings.local & TERMINAL_NOFLSH)) {
        line_flush_input(line);
        line_flush_output(line);
    }
    line->stopped = false;
    line->literal = false;
    if (line->settings.local & TERMINAL_ECHO)
        show(line, byte, now);
    line->begins = line->column;
    line->events.signal(line->events.context, signal);
}

/* Whether it was STOP or START, or the one that starts output again. */
static bool take_flow(struct line *line, uint8_t byte)
{
    if (!(line->settings.input & TERMINAL_IXON))
        return false;
    if (is_special(line, TERMINAL_VSTART, byte)) {
        /* One character for both: it is the other one each time. */
        line->stopped = is_special(line, TERMINAL_VSTOP, byte) && !line->stopped;
        return true;
    }
    if (is_special(line, TERMINAL_VSTOP, byte)) {
        line->stopped = true;
        return true;
    }
    return false;
}

/* ISTRIP, IGNCR, ICRNL, INLCR. -1: it is dropped. */
static int map(const struct line *line, uint8_t byte)
{
    const uint32_t flags = line->settings.input;

    if (flags & TERMINAL_ISTRIP)
        byte &= 0x7f;
    if (byte == '\r') {
        if (flags & TERMINAL_IGNCR)
            return -1;
        return flags & TERMINAL_ICRNL ? '\n' : '\r';
    }
    return byte == '\n' && (flags & TERMINAL_INLCR) ? '\r' : byte;
}

static bool is_literal_next(const struct line *line, uint8_t byte)
{
    return line_canonical(line) && (line->settings.local & TERMINAL_IEXTEN) &&
           is_special(line, TERMINAL_VLNEXT, byte);
}

/* One character, for which there is room. */
static void take(struct line *line, uint8_t came, uint64_t now)
{
    if (line->literal) {
        line->literal = false;
        take_ordinary(line, line->settings.input & TERMINAL_ISTRIP ? came & 0x7f : came, now);
        return;
    }
    const int mapped = map(line, came);
    const uint8_t byte = (uint8_t)mapped;
    if (mapped < 0 || take_flow(line, byte))
        return;
    const int signal = signal_of(line, byte);
    if (line->stopped && (line->settings.input & TERMINAL_IXANY))
        line->stopped = false;
    if (signal != 0) {
        raise_signal(line, byte, (enum line_signal)signal, now);
    } else if (is_literal_next(line, byte)) {
        line->literal = true;
    } else if (line_canonical(line)) {
        take_canonical(line, byte, now);
    } else {
        take_ordinary(line, byte, now);
    }
}

/* A character can be taken: there is room for it, or it is of a line that nobody could complete otherwise. */
static bool can_take(const struct line *line)
{
    if (line_output_room(line) < LINE_ECHO_MAX)
        return false;
    if (!line_canonical(line))
        return room(line) > 0;
    return room(line) > 1 || line->committed == line->head;
}

/* A stopped terminal that is full would never hear that it may go on. It will take the character once more, in its turn. */
static void hear_start(struct line *line, uint8_t byte)
{
    const uint32_t flags = line->settings.input;

    if ((flags & TERMINAL_IXON) && is_special(line, TERMINAL_VSTART, byte) &&
        !is_special(line, TERMINAL_VSTOP, byte))
        line->stopped = false;
    if ((flags & TERMINAL_IXANY) && !is_special(line, TERMINAL_VSTOP, byte))
        line->stopped = false;
}

/* Characters of signals and of flow control are found behind those that nobody has room for: a signal would throw those away. How many of the
 * bytes are done with. */
static size_t look_ahead(struct line *line, const uint8_t *bytes, size_t count, uint64_t now)
{
    bool literal = line->literal;

    for (size_t i = 0; i < count; i++) {
        const int byte = map(line, bytes[i]);
        if (byte < 0)
            continue;
        if (literal) {
            literal = false;
            continue;
        }
        hear_start(line, (uint8_t)byte);
        const int signal = signal_of(line, (uint8_t)byte);
        if (signal != 0 && !(line->settings.local & TERMINAL_NOFLSH)) {
            raise_signal(line, (uint8_t)byte, (enum line_signal)signal, now);
            return i + 1;
        }
        literal = is_literal_next(line, (uint8_t)byte);
    }
    return 0;
}

/* Ask who sends to wait, once. */
static void hold(struct line *line)
{
    if (!(line->settings.input & TERMINAL_IXOFF) || line->held)
        return;
    line->held = true;
    line->urgent = 1u + line->settings.characters[TERMINAL_VSTOP];
}

size_t line_input(struct line *line, const uint8_t *bytes, size_t count, uint64_t now)
{
    size_t taken = 0;

    while (taken < count && line->put_off <= now) {
        if (can_take(line)) {
            take(line, bytes[taken++], now);
            line->last = now;
            continue;
        }
        const size_t done = look_ahead(line, bytes + taken, count - taken, now);
        if (done == 0)
            break;
        taken += done;
    }
    if (room(line) < LINE_INPUT / 4 || taken < count)
        hold(line);
    return taken;
}

void line_let_in(struct line *line)
{
    if (!line->held || line->input_off || room(line) < LINE_INPUT / 2)
        return;
    line->held = false;
    line->urgent = 1u + line->settings.characters[TERMINAL_VSTART];
}
