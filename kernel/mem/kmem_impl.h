/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between kmem.c, kmem_census.c and kmem_check.c only: how a slab's state is kept in its frame record, and the
 * poison of free objects.
 */
#pragma once

#include "frame_impl.h"
#include <arch/cache.h>
#include <kern/kmem.h>
#include <kern/string.h>

enum {
    KMEM_MAX_ORDER = 3,  /* largest slab: 8 frames */
    KMEM_MIN_ALIGN = 16, /* also the least size, but for small objects */
    KMEM_SMALL =
        8, /* objects up to this size: size and alignment. A link, and something to poison */
    KMEM_BATCH =
        KMEM_CPU_OBJECTS / 2, /* objects moved from a CPU's stack to the slabs at a time, */
    KMEM_REFILL = KMEM_CPU_OBJECTS - 2, /* and from the slabs */
    KMEM_BATCH_BYTES = 1024,            /* no object more is taken once these have so many, */
    KMEM_STABLE_BYTES =
        1024, /* or, of type-stable caches, so many: fresh ones are cleared then, all in one go */
    KMEM_EMPTY_SLABS = 1,  /* kept a cache */
    KMEM_COOL_SLABS = 4,   /* given back at a time when their grace period is over */
    SLAB_END = UINT16_MAX, /* no further free object */
};

/* What owner_offset of a slab's first frame holds; lock of the cache. */
struct slab_state {
    uint16_t used;  /* objects in use or on CPU stacks */
    uint16_t free;  /* first object that was used before and is free, SLAB_END: none */
    uint16_t fresh; /* objects from here on have never been used */
};

static inline uint64_t slab_pack(struct slab_state state)
{
    return (uint64_t)state.used | (uint64_t)state.free << 16 | (uint64_t)state.fresh << 32;
}

static inline struct slab_state slab_unpack(uint64_t packed)
{
    return (struct slab_state){
        .used = (uint16_t)packed,
        .free = (uint16_t)(packed >> 16),
        .fresh = (uint16_t)(packed >> 32),
    };
}

static inline void *slab_object(const struct kmem_cache *cache, const struct frame *slab,
                                unsigned index)
{
    return (char *)frame_memory(slab) + (size_t)index * cache->stride;
}

/* Where a free object keeps the number of the next free one of its slab. */
static inline uint16_t *slab_link(const struct kmem_cache *cache, void *object)
{
    return (uint16_t *)((char *)object + cache->link);
}

/* K4. */
static inline bool kmem_is_stable(const struct kmem_cache *cache)
{
    return cache->defer != NULL;
}

/** The newest cache; NULL before the first use of any. Follow `next`. */
struct kmem_cache *kmem_first_cache(void);

/** What consists of whole pages is cleared as pages are. */
void kmem_clear_pages(char *object, uint32_t stride);
/** Clear an object. Strides are multiples of 16 bytes, but those of 8. */
static inline void kmem_clear(const struct kmem_cache *cache, void *object)
{
    enum { LINE = 64, FEW = 2 * LINE };
    uint32_t stride = cache->stride;

    if (stride == sizeof(uint64_t)) {
        *(uint64_t *)object = 0; /* of these there is one a page */
    } else if (stride < FEW) {
        for (uint64_t *word = object, *end = word + stride / sizeof(*word); word < end; word += 2)
            word[0] = word[1] = 0;
    } else if (stride % LINE == 0 && stride % PAGE_SIZE != 0) {
        arch_zero_lines(object, stride);
    } else if (stride % PAGE_SIZE != 0) {
        memset(object, 0, stride);
    } else {
        kmem_clear_pages(object, stride);
    }
}

/** Fill a free object (debug builds), and see whether it is still filled; the link in its first
 * bytes is left out. Not for type-stable caches. */
void kmem_poison(const struct kmem_cache *cache, void *object);
bool kmem_is_poisoned(const struct kmem_cache *cache, const void *object);
