/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: one cache a type, slabs of whole frames, a small per-CPU stack in front. Every
 * object is charged to a ledger (LEDGER_KMEM, its size in bytes) and can be made to fail
 * (alloc_fail_nth).
 *
 * K1 the first frame of a slab has the cache as its record's owner; the record's owner_offset holds
 *    the slab's state, so that the slab itself is objects from end to end.
 * K2 `live` counts objects handed out and not returned: what tests compare before and after.
 * K3 a free object's memory is poisoned in debug builds and checked at allocation.
 */
#pragma once

#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdalign.h>
#include <stdatomic.h>

enum { KMEM_CPU_OBJECTS = 8 };

struct kmem_cache {
    const char *name;     /* constant */
    uint32_t size, align; /* of one object, at most 32 KiB; constant */
    struct spinlock lock; /* rank KMEM; guards the lists and the slabs */
    pfn_t partial, full;  /* slabs with, without free objects: lists of first frames by number; set
                             at first use */
    uint32_t empty_slabs; /* slabs on `partial` without any object in use (at most 1 is kept) */
    uint32_t stride;      /* distance of two objects; set at first use */
    uint32_t per_slab;    /* objects in one slab; set at first use */
    uint32_t slab_order;  /* frames of one slab: 2^order; set at first use */
    _Atomic int64_t live; /* K2 */
    struct kmem_cache *next; /* in the list of all caches; constant from first use on */
    _Atomic bool ready; /* has been used: the members set at first use are, and stay constant but
                           for the lists */
    struct {
        void *object[KMEM_CPU_OBJECTS];
        uint32_t count;
    } cpu[MAX_CPUS]; /* own CPU only, interrupts masked */
};

/** Define a cache for a type; static storage, usable once frames are. */
#define KMEM_CACHE(variable, type)                        \
    struct kmem_cache variable = {.name = #type,          \
                                  .size = sizeof(type),   \
                                  .align = alignof(type), \
                                  .lock = SPINLOCK_INIT(LOCK_KMEM)}

/** A zeroed object. KERN_LIMIT, KERN_RESOURCE_SHORTAGE; *out untouched then. */
kern_return_t kmem_alloc(struct kmem_cache *cache, struct ledger *ledger, void **out);
/** Give it back; same ledger. */
void kmem_free(struct kmem_cache *cache, struct ledger *ledger, void *object);

/** Sum of `live` over all caches: the figure every test compares at its end. */
int64_t kmem_live_objects(void);
/** Call `visit` for each cache used so far (reports). */
void kmem_for_each_cache(void (*visit)(const struct kmem_cache *cache, void *context),
                         void *context);
/** Return all per-CPU objects of this CPU and all empty slabs (tests, memory pressure). */
void kmem_drain(void);
/** Verify K1, K2 and the slabs' free lists (slow). All other CPUs must be outside the allocator. */
bool kmem_check(void);
