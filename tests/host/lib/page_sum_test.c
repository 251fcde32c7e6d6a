/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of pages: what is changed, moved or changed twice has another sum.
 */
#include "check.h"
#include <kern/page_sum.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { WORDS = PAGE_SIZE / 8 };

static alignas(PAGE_SIZE) uint64_t page[WORDS];

static void test_each_bit_counts(void)
{
    const uint64_t blank = page_sum_portable(page);

    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned bit = 0; bit < 64; bit++) {
            page[i] = UINT64_C(1) << bit;
            CHECK(page_sum_portable(page) != blank);
            page[i] = 0;
        }
    CHECK_EQ(page_sum_portable(page), blank);
}

/* As a line of a bus that is stuck does. */
static void test_the_same_bit_of_several_words(void)
{
    const uint64_t blank = page_sum_portable(page);

    for (unsigned bit = 0; bit < 64; bit++)
        for (unsigned step = 1; step <= WORDS / 2; step *= 2) {
            for (unsigned i = 0; i < WORDS; i += step)
                page[i] = UINT64_C(1) << bit;
            CHECK(page_sum_portable(page) != blank);
            memset(page, 0, sizeof(page));
        }
}

/* Wherever in the page, and however far from each other. */
static void test_pairs(void)
{
    static const uint64_t changes[] = {1, 7, UINT64_C(1) << 63,
                                       UINT64_C(1) << 63 | UINT64_C(1) << 31,
                                       UINT64_C(0x3ff) << 52};
    const uint64_t blank = page_sum_portable(page);

    for (unsigned i = 0; i < WORDS; i += i < 16 || i > WORDS - 16 ? 1 : 13)
        for (unsigned other = i + 1; other < WORDS && other < i + 16; other++)
            for (unsigned c = 0; c < 25; c++) {
                page[i] = changes[c % 5];
                page[other] = changes[c / 5];
                CHECK(page_sum_portable(page) != blank);
                page[i] = page[other] = 0;
            }
}

static void test_places_count(void)
{
    for (unsigned i = 0; i < WORDS; i++)
        page[i] = i / 4;
    const uint64_t sum = page_sum_portable(page);
    for (unsigned i = 4; i < WORDS; i++) {
        const uint64_t one = page[i - 4], other = page[i];
        page[i - 4] = other;
        page[i] = one;
        CHECK(page_sum_portable(page) != sum);
        page[i - 4] = one;
        page[i] = other;
    }
    memset(page, 0, sizeof(page));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_each_bit_counts();
    test_the_same_bit_of_several_words();
    test_pairs();
    test_places_count();
    return check_end();
}
