/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sum of a page's content, which tells apart what a card, a driver or a pager might mix up, and whether a page is what it was when it came from its slot (kern/swap.h: S9): each bit
 * counts, and where it stands; a change within one word always changes it, and of others no kind that programs make goes unseen more often than once in 2^64.
 */
#pragma once

#include <kern/types.h>

/** The sum, with another word: for each sum a bijection of the word, and the other way round. A multiplication carries a change upwards, the shift carries it down again,
 *  and not as far as a multiple of what it goes up. */
static inline uint64_t page_sum_mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

/** Without help from the CPU, for arch_page_sum() (arch/page_sum.h). `page` is aligned to PAGE_SIZE. */
uint64_t page_sum_portable(const void *page);
