/* SPDX-License-Identifier: BSD-2-Clause */
#include <arch/page_sum.h>
#include <kern/page_sum.h>

uint64_t arch_page_sum(const void *page)
{
    return page_sum_portable(page);
}
