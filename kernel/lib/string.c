/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's string functions.
 *
 * They also run before the MMU is on, when all memory is Device memory and an unaligned access
 * faults: every access here is naturally aligned. Copies go by words when source and destination
 * can be aligned together, otherwise by bytes.
 *
 * A compiler knows the shape of these loops and would replace them by calls of the very functions
 * they implement. KEEP_LOOP() in a loop body stops that: it is a compiler barrier, costs no
 * instruction, and unlike a compiler option cannot be forgotten in another build.
 */
#include <kern/string.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KEEP_LOOP() atomic_signal_fence(memory_order_seq_cst)

/* Memory of any type may be looked at through these. */
typedef uint64_t __attribute__((may_alias)) word_t;
typedef uint32_t __attribute__((may_alias)) half_t;

enum { WORD = sizeof(word_t), BLOCK = 4 * WORD, LONG_BLOCK = 8 * WORD };

static inline bool is_aligned(const void *a, const void *b, size_t size)
{
    return (((uintptr_t)a | (uintptr_t)b) & (size - 1)) == 0;
}

/* True if stepping both on by the same number of bytes can align both. */
static inline bool can_align(const void *a, const void *b)
{
    return (((uintptr_t)a ^ (uintptr_t)b) & (WORD - 1)) == 0;
}

/*
 * Also what memmove() uses to copy towards lower addresses: each step loads all it copies before it
 * stores any of it, and so `restrict`, which the declaration has, is not repeated here.
 */
void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (n >= WORD && can_align(d, s)) {
        for (; !is_aligned(d, d, WORD); n--) {
            KEEP_LOOP();
            *d++ = *s++;
        }
        for (; n >= BLOCK; n -= BLOCK, d += BLOCK, s += BLOCK) {
            word_t a = ((const word_t *)s)[0], b = ((const word_t *)s)[1];
            word_t c = ((const word_t *)s)[2], e = ((const word_t *)s)[3];

            ((word_t *)d)[0] = a;
            ((word_t *)d)[1] = b;
            ((word_t *)d)[2] = c;
            ((word_t *)d)[3] = e;
        }
        for (; n >= WORD; n -= WORD, d += WORD, s += WORD) {
            KEEP_LOOP();
            *(word_t *)d = *(const word_t *)s;
        }
    }
    if (is_aligned(d, s, sizeof(half_t))) {
        for (; n >= sizeof(half_t); n -= sizeof(half_t), d += sizeof(half_t), s += sizeof(half_t)) {
            KEEP_LOOP();
            *(half_t *)d = *(const half_t *)s;
        }
    }
    for (; n > 0; n--) {
        KEEP_LOOP();
        *d++ = *s++;
    }
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = (unsigned char *)dst + n;
    const unsigned char *s = (const unsigned char *)src + n;

    if ((uintptr_t)dst - (uintptr_t)src >= n) /* below the source, or clear of it */
        return memcpy(dst, src, n);
    if (can_align(d, s)) {
        for (; n > 0 && !is_aligned(d, d, WORD); n--) {
            KEEP_LOOP();
            *--d = *--s;
        }
        for (; n >= WORD; n -= WORD) {
            KEEP_LOOP();
            d -= WORD;
            s -= WORD;
            *(word_t *)d = *(const word_t *)s;
        }
    }
    for (; n > 0; n--) {
        KEEP_LOOP();
        *--d = *--s;
    }
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    unsigned char *d = dst;
    word_t word = (unsigned char)byte * UINT64_C(0x0101010101010101);

    if (n >= WORD) {
        for (; !is_aligned(d, d, WORD); n--) {
            KEEP_LOOP();
            *d++ = (unsigned char)word;
        }
        for (; n >= LONG_BLOCK; n -= LONG_BLOCK, d += LONG_BLOCK) {
            KEEP_LOOP();
#pragma GCC unroll 8
            for (unsigned i = 0; i < LONG_BLOCK / WORD; i++)
                ((word_t *)d)[i] = word;
        }
        if (n >= BLOCK) {
            ((word_t *)d)[0] = ((word_t *)d)[1] = word;
            ((word_t *)d)[2] = ((word_t *)d)[3] = word;
            n -= BLOCK;
            d += BLOCK;
        }
        for (; n >= WORD; n -= WORD, d += WORD) {
            KEEP_LOOP();
            *(word_t *)d = word;
        }
    }
    for (; n > 0; n--) {
        KEEP_LOOP();
        *d++ = (unsigned char)word;
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    /* Equal words are skipped; the byte loop finds the difference in the first that differ. */
    if (is_aligned(p, q, WORD))
        for (; n >= WORD && *(const word_t *)p == *(const word_t *)q; n -= WORD) {
            p += WORD;
            q += WORD;
        }
    for (; n > 0; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const unsigned char *p = s; n > 0; n--, p++) {
        KEEP_LOOP();
        if (*p == (unsigned char)c)
            return (void *)(uintptr_t)p;
    }
    return NULL;
}

size_t strlen(const char *s)
{
    const char *p = s;

    for (; *p != '\0'; p++)
        KEEP_LOOP();
    return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    for (; n < max && s[n] != '\0'; n++)
        KEEP_LOOP();
    return n;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++) {
        KEEP_LOOP();
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (*a == '\0')
            break;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        KEEP_LOOP();
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (*s == '\0')
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        KEEP_LOOP();
        if (*s == (char)c)
            found = s;
        if (*s == '\0')
            return (char *)(uintptr_t)found;
    }
}
