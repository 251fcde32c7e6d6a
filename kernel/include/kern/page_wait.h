/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread keeps of the page that it waits for, or for leave to write to (kern/paged_object.h: Q5).
 */
#pragma once

#include <kern/types.h>

struct paged_object;

/** A page's number: none, it is frames that are awaited (kern/swap.h). */
#define PAGE_WAIT_FRAME UINT64_MAX

/** What was said about a page while other pages had to be waited for: an instruction, or a piece of a call, needs several, and finds
 *  the one that it asks for first missing when it is repeated. */
struct page_word {
    const struct paged_object *of; /* these as struct page_wait's */
    uint64_t page;
    vaddr_t va;
    uint64_t result; /* 0: nothing */
};

/** What the current thread awaits, or was told about it. Own thread; result: who wakes it, then own thread. */
struct page_wait {
    struct paged_object *object;   /* a hold; NULL: none */
    const struct paged_object *of; /* whose page it awaited last: compared only */
    uint64_t page;
    vaddr_t va;      /* where it is in the task's memory */
    bool returned;   /* it awaits that the pager has fetched it. Own thread */
    uint64_t result; /* of the last wait: 0, or the error, below 2^16, and above that the pager's
                        reason. What is repeated is told, once */
    uint64_t told;   /* what that was. Own thread */
    struct page_word kept; /* about a page that it awaited before. Own thread */
    bool urgent;           /* more than all that have asked for the page before. Own thread */
    bool room;             /* it has the page, and may not write to it yet. Own thread */
    bool admitted; /* now it may, whatever the pager's volume is (kern/pager_volume.h: L3) */
    uint8_t keeps; /* waits that `kept` lasts: who has not asked by then has gone on. Own thread */
};

/** What it has been told about this page; it is told once. What it was told about another one is kept for it, though not that there
 *  were no frames, which may be otherwise by then. */
uint64_t page_wait_take(struct page_wait *wait, const struct paged_object *of, uint64_t page,
                        vaddr_t va);
/** It waits for this now, or has been told `result` instead: KERN_RETRY, or the error; flags and `object` are the caller's. */
kern_return_t page_wait_note(struct page_wait *wait, const struct paged_object *of, uint64_t page,
                             vaddr_t va, uint64_t result);

/** What was to be done cannot be done: whatever has been said about pages for it is of no use. */
static inline void page_wait_forget(struct page_wait *wait)
{
    wait->result = wait->kept.result = wait->told = 0;
}

/** The page at va is there, whatever has been said. */
static inline void page_wait_came(struct page_wait *wait, vaddr_t va)
{
    if (wait->va == va)
        wait->result = 0;
    if (wait->kept.va == va)
        wait->kept.result = 0;
}

static inline uint64_t page_result(kern_return_t kr, uint32_t reason)
{
    return (uint64_t)kr | (uint64_t)(reason & 0xffffff) << 16;
}
static inline kern_return_t page_result_error(uint64_t result)
{
    return (kern_return_t)(result & 0xffff);
}
