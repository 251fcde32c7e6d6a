/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: one cache a type, slabs of whole frames, a small per-CPU stack in front. Every object is charged to a
 * ledger (LEDGER_KMEM, its size in bytes) and can be made to fail (alloc_fail_nth).
 *
 * K1 objects of a cache lie in frames whose record's owner is that cache.
 * K2 `live` counts objects handed out and not returned: what tests compare before and after.
 * K3 a free object's memory is poisoned in debug builds and checked at allocation.
 */
#pragma once

#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/spinlock.h>
#include <kern/types.h>

enum { KMEM_CPU_OBJECTS = 8 };

struct kmem_cache {
    const char *name;          /* constant */
    uint32_t size, align;      /* of one object; constant */
    struct spinlock lock;      /* rank KMEM; guards the lists and the slabs */
    struct list partial, full; /* slabs with, without free objects */
    uint32_t empty_slabs;      /* slabs on `partial` without any object in use (at most 1 is kept) */
    uint32_t per_slab;         /* objects in one slab; set at first use */
    uint32_t slab_order;       /* frames of one slab: 2^order; set at first use */
    _Atomic int64_t live;      /* K2 */
    struct list link;          /* in the list of all caches, from first use on; never removed */
    struct {
        void *object[KMEM_CPU_OBJECTS];
        uint32_t count;
    } cpu[MAX_CPUS];           /* own CPU only, interrupts masked */
};

/** Define a cache for a type; static storage, usable once frames are. */
#define KMEM_CACHE(variable, type)                                                            \
    struct kmem_cache variable = { .name = #type, .size = sizeof(type), .align = alignof(type), \
                                   .lock = SPINLOCK_INIT(LOCK_KMEM) }

/** A zeroed object. KERN_LIMIT, KERN_RESOURCE_SHORTAGE; *out untouched then. */
kern_return_t kmem_alloc(struct kmem_cache *cache, struct ledger *ledger, void **out);
/** Give it back; same ledger. */
void kmem_free(struct kmem_cache *cache, struct ledger *ledger, void *object);

/** Sum of `live` over all caches: the figure every test compares at its end. */
int64_t kmem_live_objects(void);
/** Call `visit` for each cache used so far (reports). */
void kmem_for_each_cache(void (*visit)(const struct kmem_cache *cache, void *context), void *context);
/** Return all per-CPU objects of this CPU and all empty slabs (tests, memory pressure). */
void kmem_drain(void);
/** Verify K1 and the slabs' free lists (slow). */
bool kmem_check(void);
