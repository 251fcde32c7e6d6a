/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of pages on CPUs that have no instructions for it.
 */
#include <kern/page_sum.h>

/* A multiplication carries a change upwards, the shift carries it down again. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

/* Four lanes, so that a multiplication does not wait for the one before. */
uint64_t page_sum_portable(const void *page)
{
    const uint64_t *word = page, *end = word + PAGE_SIZE / sizeof(*word);
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (; word < end; word += 4) {
        a = mix(a, word[0]);
        b = mix(b, word[1]);
        c = mix(c, word[2]);
        d = mix(d, word[3]);
    }
    return mix(mix(mix(a, b), c), d);
}
