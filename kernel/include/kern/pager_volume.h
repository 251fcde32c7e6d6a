/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much one pager has not been given back of what others have written to its objects (D8: bounded).
 *
 * A pager is a name space: all objects whose receive rights are in it count together, however many there are. A right
 * that moves takes its object's count along, when it arrives; one in a message counts where it came from.
 *
 *        pages written      none is to be returned      returned by itself        no more is written
 *                      0 .................... limit / 2 ................... limit
 *
 * L1 dirty = pages written to that are here, of all its objects (struct paged_object's `dirty`); loose = those of them that
 *    nobody has asked to be returned yet.
 * L2 an object is on `written` <=> it has loose pages. One at a time, the cleaner, is gone through, from loose = limit / 2 on.
 * L3 so, when dirty reaches the limit, half of it at least is on its way to the pager. Who writes to one page more waits
 *    in the object (`writers`), which is on `throttled`. For each page fetched one writer is let through, whatever the count is
 *    then: there are no more pages above the limit than threads that have waited.
 *
 * Part of struct space, and there as long as that: an object has a reference on it.
 */
#pragma once

#include <kern/list.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdatomic.h>

struct paged_object;

struct pager_volume {
    struct spinlock lock;   /* rank VOLUME; guards all members */
    _Atomic uint64_t dirty; /* L1 */
    uint64_t loose;         /* L1 */
    struct list written; /* L2: struct paged_object's written_link; the next to be cleaned first */
    struct list throttled;        /* L3: its throttled_link; the next that may write first */
    struct paged_object *cleaner; /* L2; NULL: none */
};

static inline void pager_volume_init(struct pager_volume *volume)
{
    spin_init(&volume->lock, LOCK_VOLUME);
    atomic_init(&volume->dirty, 0);
    volume->loose = 0;
    list_init(&volume->written);
    list_init(&volume->throttled);
    volume->cleaner = NULL;
}
