/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: one cache a type, slabs of whole frames, a small per-CPU stack in front. Every
 * object is charged to a ledger (LEDGER_KMEM, its size in bytes) and can be made to fail
 * (alloc_fail_nth).
 *
 * K1 the first frame of a slab has the cache as its record's owner; the record's owner_offset holds
 *    the slab's state, so that the slab itself is objects from end to end.
 * K2 `live`, the sum over all CPUs, counts objects handed out and not returned: what tests compare before and after.
 * K3 a free object's memory is poisoned in debug builds and checked at allocation, but for K4.
 * K4 in a type-stable cache an object, once it has been handed out, stays what its users left for
 *    as long as anybody may look at it without a lock (kern/grace.h): the allocator writes nothing
 *    but one member, which the cache names, and the frames are given back a grace period after all
 *    objects in them were freed. Until then it may be handed out again at any time.
 *
 * Who has found an object of a type-stable cache without a lock takes the object's own lock, which
 * is valid whatever became of the object meanwhile, and then sees whether it still is what was
 * looked for. Who allocates one must expect such visitors from the first moment on, with the lock
 * taken: it changes what they look at under that lock, and never initialises the lock.
 */
#pragma once

#include <kern/grace.h>
#include <kern/ledger.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

enum { KMEM_CPU_OBJECTS = 8 };

struct kmem_cache {
    const char *name; /* constant */
    bool
        is_memory; /* its objects are what programs' memory consists of: they come and go with pages, not with
                             calls; constant */
    uint32_t size, align; /* of one object, at most 32 KiB; constant */
    uint32_t link;        /* where in a free object the number of the next one is kept; constant */
    void (*init)(void *object);         /* K4: makes a zeroed object one of the type, NULL: it is;
                                           constant */
    void (*defer)(struct grace *grace); /* K4: grace_call(), NULL: not type-stable; constant. By
                                           reference, for the allocator stands below the scheduler:
                                           only who defines such a cache links the service */
    struct spinlock lock;               /* rank KMEM; guards the lists and the slabs */
    pfn_t partial, full;  /* slabs with, without free objects: lists of first frames by number; set
                             at first use */
    uint32_t empty_slabs; /* slabs on `partial` without any object in use (at most 1 is kept) */
    pfn_t leaving, cooling;  /* K4: empty slabs, whose grace period is yet to be asked for, or was;
                               lists like those above */
    bool asked;              /* `grace` has been handed in and has not been run; `lock` */
    struct grace grace;      /* for the slabs on `cooling`; `lock` while not asked */
    uint32_t stride;         /* distance of two objects; set at first use */
    uint32_t per_slab;       /* objects in one slab; set at first use */
    uint32_t slab_order;     /* frames of one slab: 2^order; set at first use */
    struct kmem_cache *next; /* in the list of all caches; constant from first use on */
    _Atomic bool ready; /* has been used: the members set at first use are, and stay constant but
                           for the lists. No CPU has objects before */
    struct kmem_stack {
        void *object[KMEM_CPU_OBJECTS];
        uint32_t count;
        _Atomic int64_t
            live;    /* K2: handed out less returned here, so perhaps negative; all read it */
    } cpu[MAX_CPUS]; /* own CPU only, interrupts masked */
};

/** Define a cache for a type; static storage, usable once frames are. */
#define KMEM_CACHE(variable, type)                        \
    struct kmem_cache variable = {.name = #type,          \
                                  .size = sizeof(type),   \
                                  .align = alignof(type), \
                                  .lock = SPINLOCK_INIT(LOCK_KMEM)}

/**
 * Define a type-stable cache (K4). `member`: of at least two bytes, which nobody looks at without
 * knowing that the object is in use; the allocator writes to it while the object is free, and its
 * content is undefined afterwards. `initialise`, a function or NULL: called once for each object
 * that is made from fresh memory, zeroed before, with the cache's lock held, so it takes no lock.
 */
#define KMEM_CACHE_STABLE(variable, type, member, initialise)                 \
    struct kmem_cache variable = {.name = #type,                              \
                                  .size = sizeof(type),                       \
                                  .align = alignof(type),                     \
                                  .link = offsetof(type, member),             \
                                  .init = (initialise),                       \
                                  .defer = grace_call,                        \
                                  .lock = SPINLOCK_INIT(LOCK_KMEM)};          \
    _Static_assert(sizeof(typeof(((type *)0)->member)) >= sizeof(uint16_t) && \
                       offsetof(type, member) % alignof(uint16_t) == 0,       \
                   "the member can hold a number")

/** A zeroed object; of a type-stable cache, one as `initialise` made it or its last user left it.
 *  KERN_LIMIT, KERN_RESOURCE_SHORTAGE; *out untouched then. */
kern_return_t kmem_alloc(struct kmem_cache *cache, struct ledger *ledger, void **out);
/** Give it back; same ledger. */
void kmem_free(struct kmem_cache *cache, struct ledger *ledger, void *object);
/** The same for an object that counts as `amount` of another kind, too. */
kern_return_t kmem_alloc_counted(struct kmem_cache *cache, struct ledger *ledger,
                                 enum ledger_kind kind, int64_t amount, void **out);
void kmem_free_counted(struct kmem_cache *cache, struct ledger *ledger, enum ledger_kind kind,
                       int64_t amount, void *object);

/** `count` objects, each as by kmem_alloc_counted() with an amount of 1, but with any content; or none of them. It is one allocation
 *  for alloc_fail_nth(). KERN_RESOURCE_SHORTAGE even if the slabs that are there have not so many: it is not to take long. Not of
 *  a type-stable cache. */
kern_return_t kmem_alloc_many(struct kmem_cache *cache, struct ledger *ledger,
                              enum ledger_kind kind, unsigned count, void **out);

/** Has this CPU so many objects ready, so that as many allocations take no longer than they must? */
bool kmem_has_ready(const struct kmem_cache *cache, unsigned count);

/** The same for a type of which programs' memory consists. */
#define KMEM_CACHE_MEMORY(variable, type)                 \
    struct kmem_cache variable = {.name = #type,          \
                                  .is_memory = true,      \
                                  .size = sizeof(type),   \
                                  .align = alignof(type), \
                                  .lock = SPINLOCK_INIT(LOCK_KMEM)}

/** Sum of `live` over all caches: the figure every test compares at its end. */
int64_t kmem_live_objects(void);
/** The same without what programs' memory consists of: it is the same before and after a call that leaves nothing. */
int64_t kmem_live_without_memory(void);
/** Of one. K2: right while nobody allocates or frees. */
int64_t kmem_cache_live(const struct kmem_cache *cache);
/** Call `visit` for each cache used so far (reports). */
void kmem_for_each_cache(void (*visit)(const struct kmem_cache *cache, void *context),
                         void *context);
/** Return all per-CPU objects of this CPU and all empty slabs (tests, memory pressure). Slabs of
 *  type-stable caches are back when grace_idle() says so. */
void kmem_drain(void);
/** Verify K1, K2, the slabs' free lists, and that slabs which wait for a grace period are empty
 *  (slow). All other CPUs must be outside the allocator. */
bool kmem_check(void);
