/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions on memory and strings, in place of those of newlib that use vector registers: with
 * these a program that computes nothing in floating point has no such state, and the kernel none to
 * save and restore at each switch. The others (memcpy, memmove, strcmp, strncmp) are newlib's.
 *
 * Words are read where they are aligned, so that a word that holds a byte of the string lies in the
 * same page, whatever else it holds. The machine is little-endian: earlier bytes are lower ones.
 * Compiled with -fno-tree-loop-distribute-patterns, or the compiler would turn memset into a call
 * of itself.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>

typedef uint64_t word_t [[gnu::may_alias]];

enum { WORD = sizeof(word_t) };

static uint64_t load(const void *at)
{
    uint64_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static void store(void *at, uint64_t value)
{
    __builtin_memcpy(at, &value, sizeof(value));
}

static uint64_t spread(int byte)
{
    return 0x0101010101010101 * (unsigned char)byte;
}

/** The top bit of each byte of `value` that is zero, and no other bit. */
static uint64_t zero_bytes(uint64_t value)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7f;

    return ~(((value & low) + low) | value | low);
}

static unsigned first_byte(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits) / 8;
}

/** The first byte from `s` on that is `byte` or `other`; there is one. */
static inline char *find(const char *s, int byte, int other)
{
    unsigned before = (uintptr_t)s % WORD;
    const word_t *word = (const word_t *)(s - before);
    uint64_t wanted = spread(byte);
    uint64_t wanted_too = spread(other);
    uint64_t found = zero_bytes(*word ^ wanted) | zero_bytes(*word ^ wanted_too);

    found &= UINT64_MAX << (8 * before);
    while (found == 0) {
        word++;
        found = zero_bytes(*word ^ wanted) | zero_bytes(*word ^ wanted_too);
    }
    return (char *)(uintptr_t)word + first_byte(found);
}

/* How many words memset() writes without a look at where it is. */
enum { FEW = 4, MANY = 16, FEW_BYTES = FEW * WORD, MANY_BYTES = MANY * WORD };

[[gnu::always_inline]] static inline void fill_words(word_t *word, unsigned n, uint64_t value)
{
#pragma GCC unroll 16
    for (unsigned i = 0; i < n; i++)
        word[i] = value;
}

void *memset(void *at, int byte, size_t n)
{
    char *t = at;
    char *end = t + n;
    uint64_t value = spread(byte);

    if (n < WORD) {
        while (t < end)
            *t++ = (char)byte;
        return at;
    }
    /* The first and the last word may overlap those between them. */
    store(t, value);
    t += WORD - (uintptr_t)t % WORD;
    for (; end - t >= MANY_BYTES; t += MANY_BYTES)
        fill_words((word_t *)t, MANY, value);
    for (; end - t >= FEW_BYTES; t += FEW_BYTES)
        fill_words((word_t *)t, FEW, value);
    for (; end - t >= WORD; t += WORD)
        *(word_t *)t = value;
    store(end - WORD, value);
    return at;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (; n >= WORD; n -= WORD, x += WORD, y += WORD) {
        uint64_t v = load(x);
        uint64_t w = load(y);

        if (v != w)
            return __builtin_bswap64(v) < __builtin_bswap64(w) ? -1 : 1;
    }
    for (; n > 0; n--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
    const unsigned char *at = s;
    uint64_t wanted = spread(byte);

    for (; n > 0 && (uintptr_t)at % WORD != 0; n--, at++) {
        if (*at == (unsigned char)byte)
            return (void *)(uintptr_t)at;
    }
    for (; n >= WORD; n -= WORD, at += WORD) {
        uint64_t found = zero_bytes(*(const word_t *)at ^ wanted);

        if (found != 0)
            return (void *)(uintptr_t)(at + first_byte(found));
    }
    for (; n > 0; n--, at++) {
        if (*at == (unsigned char)byte)
            return (void *)(uintptr_t)at;
    }
    return NULL;
}

void *memrchr(const void *s, int byte, size_t n)
{
    const unsigned char *at = s;

    while (n-- > 0) {
        if (at[n] == (unsigned char)byte)
            return (void *)(uintptr_t)&at[n];
    }
    return NULL;
}

void *rawmemchr(const void *s, int byte)
{
    return find(s, byte, byte);
}

size_t strlen(const char *s)
{
    return (size_t)(find(s, 0, 0) - s);
}

size_t strnlen(const char *s, size_t n)
{
    const char *end = memchr(s, 0, n);

    return end != NULL ? (size_t)(end - s) : n;
}

char *strchrnul(const char *s, int byte)
{
    return find(s, byte, 0);
}

char *strchr(const char *s, int byte)
{
    char *at = find(s, byte, 0);

    return *at == (char)byte ? at : NULL;
}

char *strrchr(const char *s, int byte)
{
    const char *end = s + strlen(s);

    return memrchr(s, byte, (size_t)(end - s) + 1);
}

char *stpcpy(char *restrict to, const char *restrict from)
{
    size_t n = strlen(from);

    memcpy(to, from, n + 1);
    return to + n;
}

char *strcpy(char *restrict to, const char *restrict from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}
