/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sentences about a bad device tree. The kernel's printf is not there yet when they are made, and
 * the text quotes the tree, which is not to be trusted: everything unprintable becomes '?', every
 * quoted string is cut, and the whole always ends within the buffer.
 */
#include "dt_impl.h"

#include <stdarg.h>

enum { QUOTE_MAX = 64 };

struct sentence {
    char *at;
    char *end; /* where the NUL goes at the latest */
};

static void put(struct sentence *s, char c)
{
    if (s->at < s->end)
        *s->at++ = c;
}

static void put_string(struct sentence *s, const char *text)
{
    unsigned left = QUOTE_MAX;

    for (; *text != '\0' && left > 0; text++, left--)
        put(s, *text >= 0x20 && *text < 0x7f ? *text : '?');
    for (int i = 0; *text != '\0' && i < 3; i++)
        put(s, '.');
}

static void put_number(struct sentence *s, unsigned long long value, unsigned base)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (n > 0)
        put(s, digits[--n]);
}

static void put_format(struct sentence *s, const char *format, va_list arguments)
{
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(s, *format);
            continue;
        }
        switch (*++format) {
        case 's': put_string(s, va_arg(arguments, const char *)); break;
        case 'u': put_number(s, va_arg(arguments, unsigned), 10); break;
        default: /* llx */
            put_number(s, va_arg(arguments, unsigned long long), 16);
            format += 2;
            break;
        }
    }
    *s->at = '\0';
}

static struct sentence start(struct dt_error *err)
{
    return (struct sentence){.at = err->text, .end = err->text + sizeof(err->text) - 1};
}

kern_return_t dt_fail(struct dt_error *err, kern_return_t code, const char *format, ...)
{
    struct sentence s = start(err);
    va_list arguments;

    va_start(arguments, format);
    put_format(&s, format, arguments);
    va_end(arguments);
    return code;
}

kern_return_t dt_node_fail(const struct dt_walk *w, kern_return_t code, const char *format, ...)
{
    struct sentence s = start(w->err);
    va_list arguments;

    put_string(&s, "node ");
    if (w->depth <= 1)
        put(&s, '/');
    for (unsigned i = 1; i < w->depth; i++) {
        put(&s, '/');
        put_string(&s, w->level[i].name);
    }
    /* However long the path, the reason has to fit. */
    if (s.at > w->err->text + DT_ERROR_MAX / 2)
        s.at = w->err->text + DT_ERROR_MAX / 2;
    put_string(&s, ": ");
    va_start(arguments, format);
    put_format(&s, format, arguments);
    va_end(arguments);
    return code;
}
