/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is of kernel objects (kern/kmem.h: K2), and clearing those that are as large as pages.
 */
#include "kmem_impl.h"
#include <arch/cache.h>

void kmem_clear_pages(char *object, uint32_t stride)
{
    for (uint32_t at = 0; at < stride; at += PAGE_SIZE)
        arch_zero_page(object + at);
}

int64_t kmem_cache_live(const struct kmem_cache *cache)
{
    int64_t live = 0;

    for (unsigned i = 0; i < MAX_CPUS; i++)
        live += relaxed_load(cache->cpu[i].live);
    return live;
}

int64_t kmem_live_objects(void)
{
    int64_t live = 0;

    for (struct kmem_cache *cache = kmem_first_cache(); cache != NULL; cache = cache->next)
        live += kmem_cache_live(cache);
    return live;
}

int64_t kmem_live_without_memory(void)
{
    int64_t live = 0;

    for (struct kmem_cache *cache = kmem_first_cache(); cache != NULL; cache = cache->next)
        if (!cache->is_memory)
            live += kmem_cache_live(cache);
    return live;
}

void kmem_for_each_cache(void (*visit)(const struct kmem_cache *cache, void *context),
                         void *context)
{
    for (struct kmem_cache *cache = kmem_first_cache(); cache != NULL; cache = cache->next)
        visit(cache, context);
}
