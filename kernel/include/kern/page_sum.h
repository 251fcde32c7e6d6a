/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sum of a page's content, which tells apart what a card, a driver or a pager might mix up, and whether a page is what it was when it came from its slot (kern/swap.h: S9): each bit
 * counts, and where it stands; a change within one word always changes it, and of others no kind that programs make goes unseen more often than once in 2^64.
 */
#pragma once

#include <kern/types.h>

/** Without help from the CPU, for arch_page_sum() (arch/page_sum.h). `page` is aligned to PAGE_SIZE. */
uint64_t page_sum_portable(const void *page);
