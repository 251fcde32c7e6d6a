/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of the string functions and of formatting as compiled for the machine; the same at
 * length: tests/host/lib.
 */
#include <arch/page_sum.h>
#include <kern/ktest.h>
#include <kern/log.h>
#include <kern/string.h>

enum { SPACE = 128, MAX_OFFSET = 9, MAX_LENGTH = 70 };

static _Alignas(PAGE_SIZE) uint64_t page[PAGE_SIZE / 8];

/* By whatever instructions there are; the portable way: tests/host/lib. */
KTEST(page_sum_sees_each_bit)
{
    enum { WORDS = PAGE_SIZE / 8 };
    const uint64_t blank = arch_page_sum(page);
    unsigned wrong = 0;

    for (unsigned i = 0; i < WORDS; i += 1 + i / 8) {
        const unsigned other = (i + 8) % WORDS;
        for (unsigned bit = 0; bit < 64; bit++) {
            page[i] = UINT64_C(1) << bit;
            const uint64_t one = arch_page_sum(page);
            page[other] = page[i];
            const uint64_t both = arch_page_sum(page);
            page[i] = 0;
            const uint64_t moved = arch_page_sum(page);
            page[other] = 0;
            wrong += one == blank || both == blank || both == one || moved == one;
        }
    }
    static const uint32_t changes[] = {1, 7, 0x80000000, 0x3f800000, 0x01000000};
    uint32_t *half = (uint32_t *)page;
    for (unsigned i = 0; i + 64 < 2 * WORDS; i += 1 + i / 4) /* the same in two places */
        for (unsigned distance = 1; distance <= 64; distance++)
            for (unsigned c = 0; c < 5; c++) {
                half[i] ^= changes[c];
                half[i + distance] ^= changes[c];
                wrong += arch_page_sum(page) == blank;
                half[i] ^= changes[c];
                half[i + distance] ^= changes[c];
            }
    for (unsigned step = 1; step <= WORDS; step *= 2) { /* numbers that change their signs */
        for (unsigned i = 0; i < WORDS; i += step)
            page[i] ^= UINT64_C(1) << 63;
        wrong += arch_page_sum(page) == blank;
        for (unsigned i = 0; i < WORDS; i += step)
            page[i] ^= UINT64_C(1) << 63;
    }
    KTEST_EXPECT(wrong == 0 && arch_page_sum(page) == blank);
}

static uint8_t value(unsigned i)
{
    return (uint8_t)(i * 29 + 1);
}

static void fill(uint8_t *space)
{
    for (unsigned i = 0; i < SPACE; i++)
        space[i] = value(i);
}

/* Bytes [to, to + n) come from `from` on, all others are as fill() left them. */
static bool moved(const uint8_t *space, unsigned to, unsigned from, unsigned n)
{
    bool ok = true;

    for (unsigned i = 0; i < SPACE; i++)
        ok = ok && space[i] == value(i - to < n ? i - to + from : i);
    return ok;
}

KTEST(string_copies_at_every_alignment)
{
    uint8_t a[SPACE], b[SPACE];
    unsigned wrong = 0;

    for (unsigned to = 0; to < MAX_OFFSET; to++)
        for (unsigned from = 0; from < MAX_OFFSET; from++)
            for (unsigned n = 0; n < MAX_LENGTH; n += n < 20 ? 1 : 7) {
                fill(a);
                fill(b);
                wrong += memcpy(a + to, b + from, n) != a + to || !moved(a, to, from, n);
                fill(a);
                wrong += memmove(a + to, a + from, n) != a + to || !moved(a, to, from, n);
                wrong += (memcmp(a + to, b + from, n) != 0); /* both are b's bytes from `from` on */
            }
    KTEST_EXPECT(wrong == 0);
}

KTEST(string_sets_compares_finds)
{
    uint8_t a[SPACE], b[SPACE];
    unsigned wrong = 0;

    for (unsigned at = 0; at < MAX_OFFSET; at++)
        for (unsigned n = 1; n < MAX_LENGTH; n += n < 20 ? 1 : 7) {
            memset(a, 'x', SPACE);
            memset(a + at, 'y', n);
            wrong += (a[at] != 'y') + (a[at + n - 1] != 'y') + (a[at + n] != 'x') +
                     (at && a[at - 1] != 'x');
            a[at + n] = '\0';
            wrong += strlen((char *)a + at) != n;
            wrong +=
                strnlen((char *)a + at, n - 1) != n - 1 || strnlen((char *)a + at, SIZE_MAX) != n;
            wrong +=
                memchr(a + at, '\0', SPACE - at) != a + at + n || memchr(a + at, '\0', n) != NULL;
            memcpy(b, a, SPACE);
            wrong += strcmp((char *)a + at, (char *)b + at) != 0;
            b[at + n - 1] = 0xff; /* characters compare without sign */
            wrong += strcmp((char *)a + at, (char *)b + at) >= 0 || memcmp(b + at, a + at, n) <= 0;
            wrong += strncmp((char *)a + at, (char *)b + at, n - 1) != 0;
            wrong += strchr((char *)b + at, 0xff) != (char *)b + at + n - 1 ||
                     strrchr((char *)b, 'q') != NULL;
        }
    KTEST_EXPECT(wrong == 0);
}

static bool formats(const char *expected, const char *format, ...)
{
    char text[80];
    va_list args;

    va_start(args, format);
    size_t length = format_text_v(text, sizeof(text), format, args);
    va_end(args);
    return length == strlen(expected) && strcmp(text, expected) == 0;
}

KTEST(format_extreme_numbers)
{
    char text[8] = "unused";

    KTEST_EXPECT(formats("-9223372036854775808", "%lld", (long long)INT64_MIN));
    KTEST_EXPECT(
        formats("18446744073709551615 ffffffffffffffff", "%llu %lx", UINT64_MAX, UINT64_MAX));
    KTEST_EXPECT(formats("-2147483648 4294967295", "%d %u", INT32_MIN, UINT32_MAX));
    KTEST_EXPECT(formats("0 0 00000000 0x1", "%d %x %08x %#x", 0, 0u, 0u, 1u));
    KTEST_EXPECT(formats("[   -7][-0007][-7   ]", "[%5d][%05d][%-5d]", -7, -7, -7));
    KTEST_EXPECT(formats("[  abc][abc  ][ab]%", "[%*s][%-5s][%.*s]%%", 5, "abc", "abc", 2, "abc"));
    KTEST_EXPECT(format_text(text, 0, "%d", 12345) == 5 && strcmp(text, "unused") == 0);
    KTEST_EXPECT(format_text(text, 4, "%d", 12345) == 5 && strcmp(text, "123") == 0);
    KTEST_EXPECT(format_text(text, 1, "%s", "x") == 1 && text[0] == '\0');
}
