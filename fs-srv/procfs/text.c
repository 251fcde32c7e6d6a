/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See text.h.
 */
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512 };

static size_t all_rooms; /* of all texts */

static bool make_room(struct text *text, size_t more)
{
    size_t room = text->room != 0 ? text->room : FIRST_ROOM;

    if (more > TEXT_MAX - text->size)
        return false;
    while (room < text->size + more)
        room *= 2;
    if (room <= text->room)
        return true;
    if (room - text->room > TEXTS_MAX - all_rooms)
        return false;
    char *at = realloc(text->at, room);
    if (!at)
        return false;
    all_rooms += room - text->room;
    text->at = at;
    text->room = room;
    return true;
}

void text_add_bytes(struct text *text, const void *bytes, size_t size)
{
    if (size == 0 || text->failed)
        return;
    if (!make_room(text, size)) {
        text->failed = true;
        return;
    }
    memcpy(text->at + text->size, bytes, size);
    text->size += size;
}

void text_add(struct text *text, const char *format, ...)
{
    char line[512]; /* no line is longer: names have an end */
    va_list list;

    va_start(list, format);
    const int n = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    if (n > 0)
        text_add_bytes(text, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void text_end(struct text *text)
{
    all_rooms -= text->room;
    free(text->at);
    *text = (struct text){0};
}
