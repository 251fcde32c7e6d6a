/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion between encodings, by way of code points, one at a time. What <iconv.h> lists is all there is.
 *
 * I1 Nothing is consumed before its conversion has been stored; so who has no room or no more input goes on where it ended.
 */
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum family { BYTES, UTF8, UTF16, UTF32 };
enum order { BIG, LITTLE, MARKED }; /* MARKED: a mark tells; big without one */
enum { INCOMPLETE = 0, WRONG = -1, NO_ROOM = 0, NOT_THERE = -1 };
enum { MARK = 0xfeff, SURROGATES = 0xd800, LOW_SURROGATES = 0xdc00, AFTER_SURROGATES = 0xe000 };
#define LAST_CODE UINT32_C(0x10ffff)

/* What a byte means in an encoding of one byte where that is not the code point of the same number; 0: nothing. */
struct difference {
    uint8_t byte;
    uint16_t code;
};

struct encoding {
    const char *name;
    enum family family;
    enum order order;
    unsigned bytes_end; /* BYTES: from this one on there are none */
    const struct difference *differences;
    size_t count;
};

struct __iconv {
    const struct encoding *from, *to;
    bool replace, ignore; /* what is not there */
    enum order in_order;  /* MARKED: the mark has not been seen */
    bool out_marked;
};

static const struct difference latin9[] = {{0xa4, 0x20ac}, {0xa6, 0x160}, {0xa8, 0x161},
                                           {0xb4, 0x17d},  {0xb8, 0x17e}, {0xbc, 0x152},
                                           {0xbd, 0x153},  {0xbe, 0x178}};
static const struct difference windows1252[] = {
    {0x80, 0x20ac}, {0x81, 0},      {0x82, 0x201a}, {0x83, 0x192},  {0x84, 0x201e}, {0x85, 0x2026},
    {0x86, 0x2020}, {0x87, 0x2021}, {0x88, 0x2c6},  {0x89, 0x2030}, {0x8a, 0x160},  {0x8b, 0x2039},
    {0x8c, 0x152},  {0x8d, 0},      {0x8e, 0x17d},  {0x8f, 0},      {0x90, 0},      {0x91, 0x2018},
    {0x92, 0x2019}, {0x93, 0x201c}, {0x94, 0x201d}, {0x95, 0x2022}, {0x96, 0x2013}, {0x97, 0x2014},
    {0x98, 0x2dc},  {0x99, 0x2122}, {0x9a, 0x161},  {0x9b, 0x203a}, {0x9c, 0x153},  {0x9d, 0},
    {0x9e, 0x17e},  {0x9f, 0x178}};
#define TABLE(t) t, sizeof(t) / sizeof((t)[0])

static const struct encoding encodings[] = {
    {"UTF-8", UTF8, BIG, 0, NULL, 0},
    {"UTF8", UTF8, BIG, 0, NULL, 0},
    {"", UTF8, BIG, 0, NULL, 0}, /* of the locale: all have this one, or a part of it */
    {"US-ASCII", BYTES, BIG, 0x80, NULL, 0},
    {"ASCII", BYTES, BIG, 0x80, NULL, 0},
    {"ANSI_X3.4-1968", BYTES, BIG, 0x80, NULL, 0},
    {"646", BYTES, BIG, 0x80, NULL, 0},
    {"ISO-8859-1", BYTES, BIG, 0x100, NULL, 0},
    {"ISO8859-1", BYTES, BIG, 0x100, NULL, 0},
    {"ISO_8859-1", BYTES, BIG, 0x100, NULL, 0},
    {"LATIN1", BYTES, BIG, 0x100, NULL, 0},
    {"ISO-8859-15", BYTES, BIG, 0x100, TABLE(latin9)},
    {"ISO8859-15", BYTES, BIG, 0x100, TABLE(latin9)},
    {"LATIN-9", BYTES, BIG, 0x100, TABLE(latin9)},
    {"WINDOWS-1252", BYTES, BIG, 0x100, TABLE(windows1252)},
    {"CP1252", BYTES, BIG, 0x100, TABLE(windows1252)},
    {"UTF-16", UTF16, MARKED, 0, NULL, 0},
    {"UTF-16BE", UTF16, BIG, 0, NULL, 0},
    {"UTF-16LE", UTF16, LITTLE, 0, NULL, 0},
    {"UCS-2", UTF16, LITTLE, 0, NULL, 0},
    {"UCS-2BE", UTF16, BIG, 0, NULL, 0},
    {"UCS-2LE", UTF16, LITTLE, 0, NULL, 0},
    {"UTF-32", UTF32, MARKED, 0, NULL, 0},
    {"UTF-32BE", UTF32, BIG, 0, NULL, 0},
    {"UTF-32LE", UTF32, LITTLE, 0, NULL, 0},
    {"UCS-4", UTF32, BIG, 0, NULL, 0},
    {"UCS-4BE", UTF32, BIG, 0, NULL, 0},
    {"UCS-4LE", UTF32, LITTLE, 0, NULL, 0},
    {"WCHAR_T", UTF32, LITTLE, 0, NULL, 0},
};

static bool is_code(uint32_t code)
{
    return code <= LAST_CODE && (code < SURROGATES || code >= AFTER_SURROGATES);
}

/* ---- one byte ---- */

static int from_byte(const struct encoding *e, uint8_t byte, uint32_t *code)
{
    *code = byte;
    if (byte >= e->bytes_end)
        return WRONG;
    for (size_t i = 0; i < e->count; i++)
        if (e->differences[i].byte == byte)
            *code = e->differences[i].code;
    return *code == 0 && byte != 0 ? WRONG : 1;
}

static int to_byte(const struct encoding *e, uint32_t code, uint8_t *byte)
{
    *byte = (uint8_t)code;
    for (size_t i = 0; i < e->count; i++)
        if (e->differences[i].code == code && code != 0) {
            *byte = e->differences[i].byte;
            return 1;
        }
    for (size_t i = 0; i < e->count; i++)
        if (e->differences[i].byte == code)
            return NOT_THERE;
    return code < e->bytes_end ? 1 : NOT_THERE;
}

/* ---- UTF-8: the shortest form only ---- */

static int from_utf8(const uint8_t *in, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const int length = in[0] < 0x80   ? 1
                       : in[0] < 0xc2 ? 0
                       : in[0] < 0xe0 ? 2
                       : in[0] < 0xf0 ? 3
                       : in[0] < 0xf5 ? 4
                                      : 0;

    if (length == 0)
        return WRONG;
    *code = length == 1 ? in[0] : in[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((size_t)i == left)
            return INCOMPLETE;
        if ((in[i] & 0xc0) != 0x80)
            return WRONG;
        *code = *code << 6 | (in[i] & 0x3f);
    }
    return is_code(*code) && *code >= least[length] ? length : WRONG;
}

static int to_utf8(uint32_t code, uint8_t *out, size_t room)
{
    const unsigned length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (room < length)
        return NO_ROOM;
    for (unsigned i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (uint8_t)(length == 1 ? code : (0xf00u >> length & 0xffu) | code);
    return (int)length;
}

/* ---- units of two and four bytes ---- */

static uint32_t get_unit(const uint8_t *in, unsigned size, enum order order)
{
    uint32_t unit = 0;

    for (unsigned i = 0; i < size; i++)
        unit = unit << 8 | in[order == LITTLE ? size - 1 - i : i];
    return unit;
}

static void put_unit(uint32_t unit, uint8_t *out, unsigned size, enum order order)
{
    for (unsigned i = 0; i < size; i++)
        out[order == LITTLE ? i : size - 1 - i] = (uint8_t)(unit >> 8 * i);
}

static int from_units(const uint8_t *in, size_t left, unsigned size, enum order order,
                      uint32_t *code)
{
    if (left < size)
        return INCOMPLETE;
    *code = get_unit(in, size, order);
    if (is_code(*code))
        return (int)size;
    if (size == 4 || *code >= LOW_SURROGATES)
        return WRONG;
    if (left < 4)
        return INCOMPLETE;
    const uint32_t low = get_unit(in + 2, 2, order);
    if (low < LOW_SURROGATES || low >= AFTER_SURROGATES)
        return WRONG;
    *code = 0x10000 + ((*code - SURROGATES) << 10) + (low - LOW_SURROGATES);
    return 4;
}

static int to_units(uint32_t code, uint8_t *out, size_t room, unsigned size, enum order order)
{
    const bool pair = size == 2 && code >= 0x10000;

    if (room < (pair ? 4 : size))
        return NO_ROOM;
    if (!pair) {
        put_unit(code, out, size, order);
        return (int)size;
    }
    put_unit(SURROGATES + ((code - 0x10000) >> 10), out, 2, order);
    put_unit(LOW_SURROGATES + ((code - 0x10000) & 0x3ff), out + 2, 2, order);
    return 4;
}

/* ---- one character ---- */

static int take(struct __iconv *c, const uint8_t *in, size_t left, uint32_t *code)
{
    const unsigned size = c->from->family == UTF16 ? 2 : 4;

    switch (c->from->family) {
    case BYTES: return from_byte(c->from, in[0], code);
    case UTF8: return from_utf8(in, left, code);
    default: return from_units(in, left, size, c->in_order, code);
    }
}

static int put(const struct __iconv *c, uint32_t code, uint8_t *out, size_t room)
{
    uint8_t byte;
    int result;

    switch (c->to->family) {
    case BYTES:
        result = to_byte(c->to, code, &byte);
        if (result == 1 && room == 0)
            return NO_ROOM;
        if (result == 1)
            out[0] = byte;
        return result;
    case UTF8: return to_utf8(code, out, room);
    case UTF16: return to_units(code, out, room, 2, c->to->order);
    default: return to_units(code, out, room, 4, c->to->order);
    }
}

/* The order of the units that come; the bytes of a mark, which is nothing else. -1: more input is needed. */
static int read_mark(struct __iconv *c, const uint8_t *in, size_t left)
{
    const unsigned size = c->from->family == UTF16 ? 2 : 4;

    if (c->in_order != MARKED)
        return 0;
    if (left < size)
        return -1;
    c->in_order = get_unit(in, size, LITTLE) == MARK ? LITTLE : BIG;
    return get_unit(in, size, c->in_order) == MARK ? (int)size : 0;
}

/* ---- the functions ---- */

static const struct encoding *find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
        if (strlen(encodings[i].name) == length &&
            strncasecmp(encodings[i].name, name, length) == 0)
            return &encodings[i];
    return NULL;
}

iconv_t iconv_open(const char *to, const char *from)
{
    const char *to_end = strstr(to, "//"), *from_end = strstr(from, "//");
    const struct encoding *into = find(to, to_end != NULL ? (size_t)(to_end - to) : strlen(to));
    const struct encoding *out_of =
        find(from, from_end != NULL ? (size_t)(from_end - from) : strlen(from));
    struct __iconv *c;

    if (into == NULL || out_of == NULL) {
        errno = EINVAL;
        return (iconv_t)-1;
    }
    c = malloc(sizeof(*c));
    if (c == NULL)
        return (iconv_t)-1;
    *c = (struct __iconv){
        .from = out_of,
        .to = into,
        .replace = to_end != NULL && strcasestr(to_end, "//TRANSLIT") != NULL,
        .ignore = to_end != NULL && strcasestr(to_end, "//IGNORE") != NULL,
        .in_order = out_of->order,
    };
    return c;
}

int iconv_close(iconv_t conversion)
{
    free(conversion);
    return 0;
}

static size_t fails(int error)
{
    errno = error;
    return (size_t)-1;
}

/* The first character, or the mark before it. 0, or an error; *others counts what is not the same on the way back. */
static int convert_one(struct __iconv *c, const uint8_t **in, size_t *left, uint8_t **out,
                       size_t *room, size_t *others)
{
    uint32_t code = 0;
    const int mark = read_mark(c, *in, *left);

    if (mark != 0) {
        *in += mark > 0 ? mark : 0;
        *left -= mark > 0 ? (size_t)mark : 0;
        return mark > 0 ? 0 : EINVAL;
    }
    const int taken = take(c, *in, *left, &code);
    if (taken == INCOMPLETE)
        return EINVAL;
    if (taken == WRONG)
        return EILSEQ;
    int stored = put(c, code, *out, *room);
    if (stored == NOT_THERE && c->replace) {
        stored = put(c, '?', *out, *room);
        *others += stored > 0;
    } else if (stored == NOT_THERE && c->ignore) {
        ++*others;
    } else if (stored == NOT_THERE) {
        return EILSEQ;
    }
    if (stored == NO_ROOM)
        return E2BIG;
    *in += taken;
    *left -= (size_t)taken;
    *out += stored > 0 ? stored : 0;
    *room -= stored > 0 ? (size_t)stored : 0;
    return 0;
}

/* What begins what is written: the mark, where the encoding has one. */
static bool write_mark(struct __iconv *c, uint8_t **out, size_t *room)
{
    if (c->to->order != MARKED || c->out_marked)
        return true;
    const int stored = put(c, MARK, *out, *room);
    if (stored == NO_ROOM)
        return false;
    *out += stored;
    *room -= (size_t)stored;
    return c->out_marked = true;
}

size_t iconv(iconv_t c, char **restrict in, size_t *restrict in_left, char **restrict out,
             size_t *restrict out_left)
{
    size_t others = 0;
    int error = 0;

    if (c == NULL || c == (iconv_t)-1)
        return fails(EBADF);
    if (in == NULL || *in == NULL) { /* as in the beginning */
        c->in_order = c->from->order;
        c->out_marked = false;
        return 0;
    }
    const uint8_t *from = (const uint8_t *)*in;
    uint8_t *to = (uint8_t *)*out;

    if (*in_left > 0 && !write_mark(c, &to, out_left))
        error = E2BIG;
    while (error == 0 && *in_left > 0)
        error = convert_one(c, &from, in_left, &to, out_left, &others);
    *in = (char *)(uintptr_t)from;
    *out = (char *)to;
    return error != 0 ? fails(error) : others;
}
