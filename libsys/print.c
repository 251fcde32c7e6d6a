/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small formatter, and print() on top of it.
 */
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <stdbool.h>
#include <string.h>

struct output {
    char *at;
    char *end; /* last byte, kept for the NUL */
};

struct field {
    unsigned width;
    bool zero, left;
    char length; /* 'l', 'z' or 0 */
};

static void put(struct output *out, char c)
{
    if (out->at < out->end)
        *out->at++ = c;
}

static void put_padded(struct output *out, const struct field *field, const char *text, size_t n)
{
    size_t pad = field->width > n ? field->width - n : 0;

    for (size_t i = 0; !field->left && i < pad; i++)
        put(out, field->zero ? '0' : ' ');
    for (size_t i = 0; i < n; i++)
        put(out, text[i]);
    for (size_t i = 0; field->left && i < pad; i++)
        put(out, ' ');
}

static void put_number(struct output *out, const struct field *field, uint64_t value, unsigned base,
                       bool negative)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative)
        digits[--at] = '-';
    put_padded(out, field, digits + at, sizeof(digits) - at);
}

static const char *parse_field(const char *f, struct field *field)
{
    *field = (struct field){0};
    for (; *f == '0' || *f == '-'; f++) {
        if (*f == '0')
            field->zero = true;
        else
            field->left = true;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        field->width = field->width * 10 + (unsigned)(*f - '0');
    for (; *f == 'l' || *f == 'z'; f++)
        field->length = *f;
    return f;
}

static void put_signed(struct output *out, const struct field *field, int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

    put_number(out, field, magnitude, 10, value < 0);
}

static void put_string(struct output *out, const struct field *field, const char *text)
{
    if (text == NULL)
        text = "(null)";
    put_padded(out, field, text, strlen(text));
}

size_t format_text_list(char *buffer, size_t size, const char *f, va_list arguments)
{
    struct output out = {buffer, buffer + size - 1};
    struct field field;
    char c;

    for (; *f != '\0'; f++) {
        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        f = parse_field(f + 1, &field);
        switch (*f) {
        case 'd':
        case 'i':
            put_signed(&out, &field,
                       field.length != 0 ? va_arg(arguments, long) : va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
            put_number(&out, &field,
                       field.length != 0 ? va_arg(arguments, unsigned long)
                                         : va_arg(arguments, unsigned),
                       *f == 'x' ? 16 : 10, false);
            break;
        case 'p':
            put(&out, '0');
            put(&out, 'x');
            put_number(&out, &field, (uintptr_t)va_arg(arguments, void *), 16, false);
            break;
        case 's': put_string(&out, &field, va_arg(arguments, const char *)); break;
        case 'c':
            c = (char)va_arg(arguments, int);
            put_padded(&out, &field, &c, 1);
            break;
        case '\0': f--; break; /* a lone % at the end */
        default: put(&out, *f); break;
        }
    }
    *out.at = '\0';
    return (size_t)(out.at - buffer);
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    size_t n = format_text_list(buffer, size, format, arguments);
    va_end(arguments);
    return n;
}

void print(const char *format, ...)
{
    char line[PRINT_MAX];
    va_list arguments;

    va_start(arguments, format);
    size_t n = format_text_list(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* There is nobody to tell that the console does not work. */
    (void)kernel_console_write(line, n);
}
