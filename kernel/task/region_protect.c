/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be done with pages of regions (kern/region.h), changed a chunk at a time.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <kern/pmap.h>
#include <kern/region.h>

enum { CHUNK = 4 /* pages between looks for interrupts: up to 1,000 instructions each */ };

/* What is to be done with pages: give them a protection, or leave them at most that. */
struct change {
    unsigned prot;
    bool limit;
};

/* Give the page its mapping back or another protection. Removal by PROT_NONE frees tables only,
 * never needs memory. */
static kern_return_t protect_one(struct task *task, struct region *region, vaddr_t va,
                                 const struct change *change)
{
    struct pmap_mapping now;
    unsigned prot = change->prot;
    if (change->limit)
        prot = pmap_extract(task->pmap, va, &now) == KERN_SUCCESS ? prot & now.prot : PROT_NONE;
    if (prot == PROT_NONE)
        return pmap_remove(task->pmap, va, va + PAGE_SIZE) > va ? KERN_SUCCESS : KERN_FAILURE;
    paddr_t pa = region_page(region, (va - region->start) >> PAGE_SHIFT);
    if (prot & PROT_EXECUTE)
        arch_cache_sync_code(phys_to_virt(pa), PAGE_SIZE);
    return pmap_enter(task->pmap, va, pa, PAGE_SIZE, prot, MEM_NORMAL,
                      PMAP_REPLACE | region_map_flags(region));
}

/* All pages of the range, which are there, belong to one region. */
static kern_return_t check_range(const struct region *region, vaddr_t start, uint64_t size,
                                 const struct change *change)
{
    if (!region || region->start > start || region->state != REGION_READY || region->program ||
        size > region->end - start ||
        (start + size - region->start) >> PAGE_SHIFT > region->populated)
        return KERN_INVALID_ADDRESS;
    bool whole = region->start == start && region->end == start + size;
    if (change->limit)
        return whole ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    return change->prot & ~(unsigned)region->max_prot ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

static kern_return_t change_chunk(struct task *task, vaddr_t start, uint64_t size,
                                  const struct change *change, uint64_t *done)
{
    struct region *region = region_above(task, start);
    kern_return_t kr = check_range(region, start, size, change);
    if (kr != KERN_SUCCESS)
        return kr;
    if (change->limit)
        region->max_prot &= (uint8_t)change->prot;
    bool at_once = *done == 0;
    region->mixed = true;
    for (unsigned n = 0; n < CHUNK && *done < size && kr == KERN_SUCCESS; n++) {
        kr = protect_one(task, region, start + *done, change);
        if (kr == KERN_SUCCESS)
            *done += PAGE_SIZE;
    }
    /* In several chunks others might have changed pages in between. */
    if (at_once && *done >= size && !change->limit && size == region->end - region->start) {
        region->mixed = false;
        region->prot = (uint8_t)change->prot;
    }
    return kr;
}

static kern_return_t change_range(struct task *task, vaddr_t start, uint64_t size,
                                  const struct change *change, uint64_t *done)
{
    do {
        spin_lock(&task->map_lock);
        kern_return_t kr = change_chunk(task, start, size, change, done);
        spin_unlock(&task->map_lock);
        if (kr != KERN_SUCCESS || *done >= size)
            return kr;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

kern_return_t region_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                             uint64_t *done)
{
    return change_range(task, start, size, &(struct change){.prot = prot}, done);
}

kern_return_t region_limit(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                           uint64_t *done)
{
    return change_range(task, start, size, &(struct change){.prot = max_prot, .limit = true}, done);
}
