/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of pinned pages share: a device that knows addresses.
 */
#pragma once

#include "vm_test.h"

#include <kern/pin.h>

#define PIN_AT (UINT64_C(0x40000000) - 20 * PAGE_SIZE) /* a boundary of page tables in the midst */

void pin_walk(unsigned steps);

static inline struct frame *frame_in(struct amap *amap, uint64_t page)
{
    spin_lock(&amap->lock);
    struct anon *anon = amap_lookup(amap, page);
    struct frame *frame = anon ? anon_frame(anon) : NULL;
    spin_unlock(&amap->lock);
    return frame;
}

static inline uint64_t *words_at(paddr_t pa)
{
    return phys_to_virt(pa);
}

static inline void device_write(paddr_t pa, uint64_t word)
{
    words_at(pa)[0] = words_at(pa)[PAGE_SIZE / 8 - 1] = word;
}

static inline uint64_t device_read(paddr_t pa)
{
    CHECK_EQ(words_at(pa)[0], words_at(pa)[PAGE_SIZE / 8 - 1]);
    return words_at(pa)[0];
}

static inline bool is_pinned(paddr_t pa)
{
    return atomic_load(&frame_at(pa)->flags) & FRAME_FLAG_PINNED;
}

/* A range of a task's memory that it has made an entry of. */
static inline struct amap *share(struct task *task, unsigned pages, uint64_t *first)
{
    struct map_request request;
    CHECK_EQ(map_share(task, PIN_AT, (uint64_t)pages << PAGE_SHIFT, RW, &request), KERN_SUCCESS);
    *first = request.amap_page;
    return request.amap;
}
