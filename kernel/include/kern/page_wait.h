/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread keeps of the page that it waits for, or for leave to write to (kern/paged_object.h: Q5).
 */
#pragma once

#include <kern/types.h>

struct paged_object;

/** What the current thread awaits, or was told about it. Own thread; result: who wakes it, then own thread. */
struct page_wait {
    struct paged_object *object;   /* a hold; NULL: none */
    const struct paged_object *of; /* whose page it awaited last: compared only */
    uint64_t page;
    vaddr_t va;      /* where it is in the task's memory */
    uint64_t result; /* of the last wait: 0, or the error, below 2^16, and above that the pager's
                        reason. What is repeated is told, once */
    uint64_t told;   /* what that was. Own thread */
    bool urgent;     /* more than all that have asked for the page before. Own thread */
    bool room;       /* it has the page, and may not write to it yet. Own thread */
    bool admitted;   /* now it may, whatever the pager's volume is (kern/pager_volume.h: L3) */
};

static inline uint64_t page_result(kern_return_t kr, uint32_t reason)
{
    return (uint64_t)kr | (uint64_t)(reason & 0xffffff) << 16;
}
static inline kern_return_t page_result_error(uint64_t result)
{
    return (kern_return_t)(result & 0xffff);
}
