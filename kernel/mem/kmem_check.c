/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of the object allocator: poison of free objects, and the verification of all slabs.
 */
#include "kmem_impl.h"
#include <kern/log.h>

#define POISON UINT64_C(0xdeadc0dedeadc0de)

void kmem_poison(const struct kmem_cache *cache, void *object)
{
    uint64_t *word = object;

    for (uint32_t i = 0; i < cache->stride / sizeof(*word); i++)
        word[i] = POISON;
}

bool kmem_is_poisoned(const struct kmem_cache *cache, const void *object)
{
    const uint64_t *word = object;

    if ((word[0] ^ POISON) >> 16 != 0) /* below is the link */
        return false;
    for (uint32_t i = 1; i < cache->stride / sizeof(*word); i++) {
        if (word[i] != POISON)
            return false;
    }
    return true;
}

/* K3. */
static bool is_untouched(const struct kmem_cache *cache, const void *object)
{
    return !CONFIG_SLOW_CHECKS || kmem_is_stable(cache) || kmem_is_poisoned(cache, object);
}

/* One slab: its owner, and a free list that is as long as its counts say. */
static bool slab_is_sound(const struct kmem_cache *cache, const struct frame *slab)
{
    struct slab_state state = slab_unpack(slab->owner_offset);
    unsigned free = 0;

    if (slab->owner != cache || frame_state_get(slab) != FRAME_USED ||
        slab->order != cache->slab_order)
        return false;
    if (state.used > state.fresh || state.fresh > cache->per_slab)
        return false;
    for (unsigned index = state.free; index != SLAB_END; free++) {
        void *object = slab_object(cache, slab, index);

        if (index >= state.fresh || free >= state.fresh || !is_untouched(cache, object))
            return false;
        index = *slab_link(cache, object);
    }
    return state.used + free == state.fresh;
}

/* The slabs of one list; adds up the objects in use and the empty slabs. */
static bool list_is_sound(const struct kmem_cache *cache, pfn_t head, bool full, int64_t *used,
                          uint32_t *empty)
{
    for (pfn_t pfn = head; pfn != PFN_NONE; pfn = frame_record(pfn)->next) {
        const struct frame *slab = frame_record(pfn);
        struct slab_state state = slab_unpack(slab->owner_offset);

        if (!slab_is_sound(cache, slab) || (state.used == cache->per_slab) != full)
            return false;
        *used += state.used;
        *empty += state.used == 0;
    }
    return true;
}

/* K4: the slabs that wait have no object in use, and who waits is waited for. */
static bool leavers_are_sound(const struct kmem_cache *cache)
{
    int64_t used = 0;
    uint32_t empty = 0;
    bool none = cache->leaving == PFN_NONE && cache->cooling == PFN_NONE;

    return list_is_sound(cache, cache->leaving, false, &used, &empty) &&
           list_is_sound(cache, cache->cooling, false, &used, &empty) && used == 0 &&
           (none || (cache->asked && kmem_is_stable(cache)));
}

static bool cache_is_sound(struct kmem_cache *cache)
{
    int64_t used = 0;
    uint32_t empty = 0;

    spin_lock(&cache->lock);
    bool sound = list_is_sound(cache, cache->partial, false, &used, &empty) &&
                 list_is_sound(cache, cache->full, true, &used, &empty) &&
                 empty == cache->empty_slabs && empty <= KMEM_EMPTY_SLABS &&
                 leavers_are_sound(cache);
    spin_unlock(&cache->lock);
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        used -= cache->cpu[i].count;
        for (uint32_t j = 0; j < cache->cpu[i].count; j++)
            sound = sound && is_untouched(cache, cache->cpu[i].object[j]);
    }
    return sound && used == kmem_cache_live(cache);
}

bool kmem_check(void)
{
    for (struct kmem_cache *cache = kmem_first_cache(); cache != NULL; cache = cache->next) {
        if (!cache_is_sound(cache)) {
            log_error("kmem: the cache of %s is damaged", cache->name);
            return false;
        }
    }
    return true;
}
