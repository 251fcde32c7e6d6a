/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of pages on CPUs that have no instructions for it.
 */
#include <kern/page_sum.h>

/* Four lanes, so that a multiplication does not wait for the one before. */
uint64_t page_sum_portable(const void *page)
{
    const uint64_t *word = page, *end = word + PAGE_SIZE / sizeof(*word);
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (; word < end; word += 4) {
        a = page_sum_mix(a, word[0]);
        b = page_sum_mix(b, word[1]);
        c = page_sum_mix(c, word[2]);
        d = page_sum_mix(d, word[3]);
    }
    return page_sum_mix(page_sum_mix(page_sum_mix(page_sum_mix(0, a), b), c), d);
}
