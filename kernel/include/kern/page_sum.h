/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sum of a page's content, which tells apart what a card, a driver or a pager might mix up: each bit counts, and where it stands.
 */
#pragma once

#include <kern/types.h>

/** Without help from the CPU, for arch_page_sum() (arch/page_sum.h). `page` is aligned to PAGE_SIZE. */
uint64_t page_sum_portable(const void *page);
