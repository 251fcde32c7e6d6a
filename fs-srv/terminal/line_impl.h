/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the line discipline share, and nobody else sees (line.h).
 */
#pragma once

#include "line.h"

/* In line.input: line_input.c, E1. */
enum { LINE_DELIMITS = 0x100, LINE_END = 0x200 };

/** Send a character as it is: column and begun line are kept. Who calls knows that there is room. */
void line_emit(struct line *line, uint8_t byte, uint64_t now);
/** The same through OPOST. */
void line_emit_processed(struct line *line, uint8_t byte, uint64_t now);
/** Columns that a character takes at a column, as it is echoed. */
uint32_t line_width(const struct line *line, uint8_t byte, uint32_t column);
uint32_t line_output_room(const struct line *line);
/** Input was read or dropped: who sends may go on (IXOFF). */
void line_let_in(struct line *line);

/** When the log is to be looked at again. */
uint64_t line_log_deadline(const struct line *line);

static inline bool line_canonical(const struct line *line)
{
    return (line->settings.local & TERMINAL_ICANON) != 0;
}
