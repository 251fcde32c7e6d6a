/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line discipline of a terminal: what stands between the characters of a serial line and the programs that read and write, as POSIX
 * says in "General Terminal Interface". Pure logic: it knows no ports, no time but what it is told, and waits for nothing; the program around it
 * (main.c) moves the bytes.
 *
 *      line_input()   characters that came from the line      line_read()    what a program gets
 *      line_write()   bytes of a program                      line_output()  characters that go to the line
 *      line_log()     whole lines of the system's log
 *
 * L1 Nothing is lost but by what POSIX calls a loss (a flush, a canonical line of more than LINE_MAX): where there is no room, fewer bytes are
 *    taken, and who calls keeps the rest.
 * L2 A character is taken from the line only while its longest echo has room in the output queue: LINE_ECHO_MAX are kept free of what programs
 *    write. So an echo is whole.
 * L3 head <= committed <= tail (numbers that only grow): what is before `committed` may be read; what is behind it is the line that is
 *    being edited. Without ICANON committed = tail.
 * L4 Between two characters of a line that a program, or an echo, has begun and not ended stands no line of the log, unless the line has been
 *    left for a while as it is (a prompt): then the log begins a line of its own, and what there was of the line is written again below it.
 *
 * One thread calls all of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/terminal.h>

enum {
    LINE_INPUT =
        4096, /* characters that wait for a reader; a canonical line has one less, and its delimiter */
    LINE_WIDE =
        512, /* columns of a line that are erased one by one; a longer one is given up with a newline */
    LINE_ECHO_MAX =
        2 * LINE_INPUT +
        64, /* of one character: REPRINT shows the line, with ^X for one control character; tabs that are
                                          * expanded to more than that it leaves out */
    LINE_ECHO_LEFT = 16,
    LINE_WRITTEN = 4096, /* that programs may have waiting, expanded */
    LINE_OUTPUT = 16384, /* a power of two; holds both, and a piece of log with what it repeats */
    LINE_LOG = 2048,     /* of the log that waits for its turn */
    LINE_BEGUN = 1024,   /* of the line begun that can be written again */
};
_Static_assert(LINE_ECHO_MAX + LINE_WRITTEN + LINE_BEGUN + 64 <= LINE_OUTPUT, "L2");

/* A begun line of others has this long from its last character before the log breaks in, and the log waits this long at most. */
#define LINE_QUIET    UINT64_C(200000000)
#define LINE_PATIENCE UINT64_C(1000000000)

#define LINE_NEVER UINT64_MAX

enum line_signal { LINE_INTERRUPT = 1, LINE_QUIT, LINE_SUSPEND, LINE_RESIZED };

/** What has to be told to others: a signal to the foreground group. */
struct line_events {
    void *context;
    void (*signal)(void *context, enum line_signal signal);
};

struct line {
    struct line_events events;
    struct terminal_attributes settings;
    struct terminal_size window;

    uint16_t input[LINE_INPUT]; /* a character, and LINE_DELIMITS, LINE_END (line_input.c) */
    uint32_t head, committed, tail;
    uint32_t begins; /* column at which the line that is edited begins */
    bool literal;    /* the next character is an ordinary one (LNEXT) */
    bool held;       /* STOP was sent, input is held back (IXOFF) */
    bool input_off;  /* TCIOFF */
    /* Until this moment nothing comes in: who is sent a signal is to have it before what was typed after it. 0: it may. Set and taken back by who sends
     * the signals. */
    uint64_t put_off;

    uint8_t output[LINE_OUTPUT];
    uint32_t out_head, out_tail;
    uint32_t urgent; /* STOP or START, to be sent before all else: a character + 1 */
    uint32_t column; /* where the next character would stand */
    bool stopped;    /* STOP came, or TCOOFF */

    uint8_t begun[LINE_BEGUN]; /* as it was sent, since the last newline */
    uint32_t begun_size;       /* more than LINE_BEGUN: not all is there */
    uint64_t begun_last;       /* moment of the last character */
    uint8_t log[LINE_LOG];
    uint32_t log_size;
    uint64_t log_since;

    uint32_t wanted; /* characters without which a reader was sent away; 0: nobody was */
    uint64_t last;   /* moment of the last character that came in */
    uint64_t
        read_ends; /* VMIN 0 and VTIME: the read that began the clock is over then; LINE_NEVER: none did */
};

void line_init(struct line *line, const struct line_events *events);

/* ---- the line's side ---- */

/** Characters that came. How many were taken: the rest is to be brought again (L1). */
size_t line_input(struct line *line, const uint8_t *bytes, size_t count, uint64_t now);
/** Characters to be sent; none: there are none, or output is stopped. */
size_t line_output(struct line *line, uint8_t *bytes, size_t room);
/** There are characters that line_output() would give. */
bool line_has_output(const struct line *line);
/** Nothing of what was written waits, stopped or not. */
static inline bool line_is_drained(const struct line *line)
{
    return line->out_head == line->out_tail;
}

/* ---- the programs' side ---- */

enum { LINE_AGAIN = -1 };

/** How many bytes, 0 at an end of file; or LINE_AGAIN: not yet. at_once: what there is, whatever VMIN says. */
int line_read(struct line *line, uint8_t *bytes, size_t size, bool at_once, uint64_t now);
/** A read would not be told LINE_AGAIN. */
bool line_is_readable(const struct line *line, uint64_t now);
/** How many of the bytes were taken; 0: there is no room. */
size_t line_write(struct line *line, const uint8_t *bytes, size_t count, uint64_t now);
bool line_is_writable(const struct line *line);
/** Bytes that can be read (FIONREAD). */
uint32_t line_waiting(const struct line *line);

/** Take settings over. flush: input that nobody has read is dropped. */
void line_set(struct line *line, const struct terminal_attributes *settings, bool flush);
void line_set_window(struct line *line, const struct terminal_size *window);
void line_flush_input(struct line *line);
void line_flush_output(struct line *line);
/** tcflow(): TERMINAL_FLOW_. */
void line_flow(struct line *line, unsigned action);

/* ---- the log ---- */

/** Whole lines, each ended by a newline. Whether they were taken: all or none. */
bool line_log(struct line *line, const uint8_t *text, size_t size, uint64_t now);
/** Some of it waits for its turn. */
static inline bool line_log_waits(const struct line *line)
{
    return line->log_size > 0;
}
/** Look whether it is time for the log, or for a reader; then again at line_deadline(). LINE_NEVER: it is, for there is going to be no other. */
void line_tick(struct line *line, uint64_t now);
uint64_t line_deadline(const struct line *line);
