/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that devices know by their addresses: pinned (kernel/device/dma_pin.c says for whom). Only pages of an amap that a memory entry
 * shows are, which all who map it share (kern/map.h: G3).
 *
 * N1 a pinned page is there and stays in its frame, FRAME_FLAG_PINNED, as long as it has a pin: page-out does not choose it; the amap,
 *    of which a pin holds a reference, keeps it; nobody puts another in its place.
 * N2 all who share the amap, and the device, see the same frame. So what is pinned has been made the amap's alone; and it stays writable
 *    in place when others get a reference, for a copy of the amap begins with all its pages (kern/amap.h: M7).
 * N3 nobody else sees what the device writes: before a copy is looked at - a child runs, a message can be received, a mapping is there -
 *    amap_settle() has put copies in the place of all pages that are pinned.
 * N4 what is not the amap's alone when the last pin goes cannot be written any more: the next write copies it, as it does other pages'.
 */
#pragma once

#include <kern/amap.h>

struct thread;

/** There will be pins in it, of one more who calls pin_page(). KERN_LIMIT. Takes the lock, as do all of these. */
kern_return_t pin_begin(struct amap *amap);
/** There are none of his any more. */
void pin_end(struct amap *amap);
/** Pin a page, which is made, copied or fetched first. KERN_RETRY and errors as swap_need() for `self`, and va; KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t pin_page(struct thread *self, struct amap *amap, uint64_t page, vaddr_t va);
void unpin_page(struct amap *amap, uint64_t page);
/** Where pinned pages of [page, end) are, while one follows the other: their number, `most` of them. */
uint64_t pin_run(struct amap *amap, uint64_t page, uint64_t end, uint64_t most, paddr_t *first);

/** Replace pinned pages of [*page, end) in an amap that nobody looks at yet; *page is how far it has got. KERN_RETRY,
 *  KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t amap_settle(struct amap *amap, uint64_t *page, uint64_t end);
