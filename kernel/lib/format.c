/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from a format string: the subset of printf() that the kernel's messages need. No floating
 * point, no locale, no allocation. Output beyond the buffer is counted but not stored.
 *
 * A conversion that is not understood ends the formatting: the rest of the format is copied as it
 * stands, for the types of the arguments that follow are not known.
 */
#include <kern/log.h>
#include <kern/string.h>

enum { DIGITS_MAX = 20 /* of 2^64 - 1 */ };

struct sink {
    char *buffer;
    size_t size;   /* of the buffer, its terminator included */
    size_t length; /* of the whole text */
};

struct conversion {
    bool left;      /* '-' */
    bool zero;      /* '0' */
    bool alternate; /* '#' */
    int width;      /* 0: none */
    int precision;  /* -1: none */
    bool wide;      /* the argument has 64 bits */
};

[[gnu::noinline]] static void put(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->size)
        sink->buffer[sink->length] = c;
    sink->length++;
}

[[gnu::noinline]] static void put_repeated(struct sink *sink, char c, int count)
{
    for (; count > 0; count--)
        put(sink, c);
}

[[gnu::noinline]] static void put_text(struct sink *sink, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
}

/* `length` characters, padded with blanks to the width. */
static void put_field(struct sink *sink, const struct conversion *c, const char *text,
                      size_t length)
{
    int pad = (size_t)c->width > length ? c->width - (int)length : 0;

    put_repeated(sink, ' ', c->left ? 0 : pad);
    put_text(sink, text, length);
    put_repeated(sink, ' ', c->left ? pad : 0);
}

static void put_string(struct sink *sink, const struct conversion *c, const char *text)
{
    if (text == NULL)
        text = "(null)";
    put_field(sink, c, text, c->precision < 0 ? strlen(text) : strnlen(text, (size_t)c->precision));
}

/* A number: blanks, prefix ("-", "0x" or ""), zeros, digits, blanks. */
[[gnu::noinline]] static void put_number(struct sink *sink, const struct conversion *c,
                                         uint64_t value, unsigned base, char ten,
                                         const char *prefix)
{
    char digits[DIGITS_MAX];
    int count = 0, zeros, blanks;

    for (uint64_t rest = value; rest != 0; rest /= base) {
        unsigned digit = (unsigned)(rest % base);

        digits[count++] = (char)(digit < 10 ? '0' + digit : (unsigned)ten + digit - 10);
    }
    zeros = (c->precision < 0 ? 1 : c->precision) - count;
    if (c->zero && !c->left && c->precision < 0)
        zeros = c->width - (int)strlen(prefix) - count > zeros
                    ? c->width - (int)strlen(prefix) - count
                    : zeros;
    if (zeros < 0)
        zeros = 0;
    blanks = c->width - (int)strlen(prefix) - zeros - count;

    put_repeated(sink, ' ', c->left ? 0 : blanks);
    put_text(sink, prefix, strlen(prefix));
    put_repeated(sink, '0', zeros);
    while (count > 0)
        put(sink, digits[--count]);
    put_repeated(sink, ' ', c->left ? blanks : 0);
}

/* A number of the format, or '*': the next argument. Absurd ones are cut. */
static int parse_number(const char **at, va_list *args)
{
    enum { LIMIT = 4096 };
    int number = 0;

    if (**at == '*') {
        (*at)++;
        number = va_arg(*args, int);
        return number > LIMIT ? LIMIT : number < -LIMIT ? -LIMIT : number;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++)
        number = number < LIMIT ? number * 10 + (**at - '0') : LIMIT;
    return number > LIMIT ? LIMIT : number;
}

/* Everything between '%' and the conversion's letter. */
static struct conversion parse_conversion(const char **at, va_list *args)
{
    struct conversion c = {.precision = -1};

    for (;; (*at)++) {
        if (**at == '-')
            c.left = true;
        else if (**at == '0')
            c.zero = true;
        else if (**at == '#')
            c.alternate = true;
        else
            break;
    }
    c.width = parse_number(at, args);
    if (c.width < 0) { /* only from '*' */
        c.left = true;
        c.width = -c.width;
    }
    if (**at == '.') {
        (*at)++;
        c.precision = parse_number(at, args);
    }
    for (; **at == 'l' || **at == 'z' || **at == 'j' || **at == 't'; (*at)++)
        c.wide = true;
    return c;
}

static void put_signed(struct sink *sink, const struct conversion *c, int64_t value)
{
    if (value < 0)
        put_number(sink, c, -(uint64_t)value, 10, 'a', "-");
    else
        put_number(sink, c, (uint64_t)value, 10, 'a', "");
}

/* One conversion; false if its letter is unknown. */
static bool convert(struct sink *sink, const struct conversion *c, char letter, va_list *args)
{
    uint64_t value;

    switch (letter) {
    case '%': put(sink, '%'); return true;
    case 'c': put_field(sink, c, &(char){(char)va_arg(*args, int)}, 1); return true;
    case 's': put_string(sink, c, va_arg(*args, const char *)); return true;
    case 'p': put_number(sink, c, (uintptr_t)va_arg(*args, void *), 16, 'a', "0x"); return true;
    case 'd':
    case 'i':
        put_signed(sink, c, c->wide ? va_arg(*args, int64_t) : va_arg(*args, int));
        return true;
    case 'u':
    case 'x':
    case 'X':
        value = c->wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);
        put_number(sink, c, value, letter == 'u' ? 10 : 16, letter == 'X' ? 'A' : 'a',
                   !c->alternate || letter == 'u' || value == 0 ? ""
                   : letter == 'x'                              ? "0x"
                                                                : "0X");
        return true;
    default: return false;
    }
}

size_t format_text_v(char *buffer, size_t size, const char *format, va_list args)
{
    struct sink sink = {buffer, size, 0};
    const char *at = format;
    va_list list; /* a va_list parameter may be an array: its address could not be passed on */

    va_copy(list, args);
    while (*at != '\0') {
        const char *start = at;
        struct conversion c;

        if (*at++ != '%') {
            put(&sink, *start);
            continue;
        }
        c = parse_conversion(&at, &list);
        if (!convert(&sink, &c, *at, &list)) {
            put_text(&sink, start, strlen(start));
            break;
        }
        at++;
    }
    va_end(list);
    if (size > 0)
        buffer[sink.length < size ? sink.length : size - 1] = '\0';
    return sink.length;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    size_t length;

    va_start(args, format);
    length = format_text_v(buffer, size, format, args);
    va_end(args);
    return length;
}
