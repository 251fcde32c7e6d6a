/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <kern/types.h>

/** A sum of a page's content (kern/page_sum.h). `page` is aligned to PAGE_SIZE. The same content has the same sum on all CPUs, until
 *  the machine is switched off. */
uint64_t arch_page_sum(const void *page);
