/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See text.h. Every part is formatted first and cleaned then: newlines stand at the end of a format or nowhere.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *buffer, size_t size)
{
    buffer[0] = '\0';
    return (struct text){.at = buffer, .size = size};
}

static void clean(char *at, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (at[i] < 0x20 || at[i] >= 0x7f)
            at[i] = '?';
}

static void add(struct text *t, const char *format, va_list arguments)
{
    size_t room = t->size - t->used;
    bool line = format[0] != '\0' && format[strlen(format) - 1] == '\n';
    int length = vsnprintf(t->at + t->used, room, format, arguments);

    if (length < 0) {
        t->at[t->used] = '\0';
        t->cut = true;
        return;
    }
    if ((size_t)length >= room) {
        t->cut = true;
        length = (int)room - 1;
        line = false;
    }
    clean(t->at + t->used, (size_t)length);
    t->used += (size_t)length;
    if (line)
        t->at[t->used - 1] = '\n';
}

void text_add(struct text *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(t, format, arguments);
    va_end(arguments);
}

kern_return_t reason_set(struct reason *reason, kern_return_t code, const char *format, ...)
{
    struct text t = text_in(reason->text, sizeof(reason->text));
    va_list arguments;

    va_start(arguments, format);
    add(&t, format, arguments);
    va_end(arguments);
    return code;
}
