/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eagerly backed memory (kern/region.h: G1, G2). Each function takes the MAP lock for one chunk at
 * a time.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/usercopy.h>
#include <kern/kmem.h>
#include <kern/pmap.h>
#include <kern/region.h>
#include <kern/string.h>

static KMEM_CACHE(region_cache, struct region);

enum { CHUNK = 8 /* pages between looks for interrupts: about 8 x 300 instructions */ };

/* ---- the tree; the MAP lock is held ---- */

static struct region *region_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct region, node) : NULL;
}

/* The first region that ends above va. */
static struct region *first_above(struct task *task, vaddr_t va)
{
    struct rb_node *node = task->regions.root, *found = NULL;
    while (node) {
        if (region_of(node)->end > va) {
            found = node;
            node = node->child[0];
        } else {
            node = node->child[1];
        }
    }
    return region_of(found);
}

/* A hole of `size` bytes with a free page at either side (G1), from `at` up. 0: none. */
static vaddr_t find_hole_above(struct task *task, vaddr_t at, uint64_t size)
{
    for (struct region *r = first_above(task, at); r; r = region_of(rb_next(&r->node))) {
        if (r->start >= at && r->start - at >= size + PAGE_SIZE)
            break;
        at = r->end + PAGE_SIZE;
    }
    return at <= USER_VA_END - PAGE_SIZE && size <= USER_VA_END - PAGE_SIZE - at ? at : 0;
}

/* Behind the region placed last: nothing lies there until the whole address space has been gone
 * through once, so this does not walk over regions, of which a program may have a hundred
 * thousand. 0: none. */
static vaddr_t find_hole(struct task *task, uint64_t size)
{
    vaddr_t at = task->hole_from ? find_hole_above(task, task->hole_from, size) : 0;
    if (at == 0)
        at = find_hole_above(task, REGION_ALLOCATE_BASE + PAGE_SIZE, size);
    if (at != 0)
        task->hole_from = at + size + PAGE_SIZE;
    return at;
}

static bool is_free(struct task *task, vaddr_t start, uint64_t size)
{
    if (start < PAGE_SIZE || start > USER_VA_END || size > USER_VA_END - start)
        return false;
    struct region *r = first_above(task, start);
    return !r || r->start >= start + size;
}

static void insert(struct task *task, struct region *region)
{
    struct rb_node *parent = NULL, *node = task->regions.root;
    unsigned side = 0;
    while (node) {
        parent = node;
        side = region->start > region_of(node)->start;
        node = node->child[side];
    }
    rb_insert(&task->regions, &region->node, parent, side);
}

/* ---- life ---- */

static unsigned order_for(uint64_t bytes)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

static kern_return_t region_alloc(struct task *task, uint64_t pages, struct region **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&region_cache, task->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct region *region = memory;
    region->index_order = (uint8_t)order_for(pages * sizeof(pfn_t));
    kr = frame_alloc(task->ledger, LEDGER_FRAMES, region->index_order, 0, &region->index);
    if (kr != KERN_SUCCESS) {
        kmem_free(&region_cache, task->ledger, region);
        return kr;
    }
    region->pages = frame_memory(region->index);
    *out = region;
    return KERN_SUCCESS;
}

static void region_free(struct task *task, struct region *region)
{
    frame_free(task->ledger, LEDGER_FRAMES, region->index);
    ledger_return(task->ledger, LEDGER_MAP_ENTRIES, 1);
    kmem_free(&region_cache, task->ledger, region);
}

kern_return_t region_create(struct task *task, vaddr_t start, uint64_t pages, unsigned prot,
                            bool program, struct region **out)
{
    if (pages == 0 || start % PAGE_SIZE != 0)
        return KERN_INVALID_ARGUMENT;
    if (pages > REGION_MAX_PAGES)
        return KERN_NO_SPACE;
    struct region *region;
    kern_return_t kr = ledger_charge(task->ledger, LEDGER_MAP_ENTRIES, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = region_alloc(task, pages, &region);
    if (kr != KERN_SUCCESS) {
        ledger_return(task->ledger, LEDGER_MAP_ENTRIES, 1);
        return kr;
    }
    uint64_t size = pages << PAGE_SHIFT;
    spin_lock(&task->map_lock);
    if (start == 0)
        start = find_hole(task, size);
    bool fits = start != 0 && is_free(task, start, size);
    if (fits) {
        region->start = start;
        region->end = start + size;
        region->state = REGION_BUILDING;
        region->prot = (uint8_t)prot;
        region->program = program;
        insert(task, region);
    }
    spin_unlock(&task->map_lock);
    if (!fits) {
        region_free(task, region);
        return KERN_NO_SPACE;
    }
    *out = region;
    return KERN_SUCCESS;
}

static uint64_t page_count(const struct region *region)
{
    return (region->end - region->start) >> PAGE_SHIFT;
}

/* One page more; the MAP lock is held. */
static kern_return_t populate_one(struct task *task, struct region *region)
{
    struct frame *frame;
    kern_return_t kr = frame_alloc(task->ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    vaddr_t va = region->start + (region->populated << PAGE_SHIFT);
    kr = pmap_enter(task->pmap, va, frame_address(frame), PAGE_SIZE, region->prot, MEM_NORMAL, 0);
    if (kr != KERN_SUCCESS) {
        frame_free(task->ledger, LEDGER_FRAMES, frame);
        return kr;
    }
    region->pages[region->populated++] = frame_number(frame); /* G2 */
    return KERN_SUCCESS;
}

kern_return_t region_populate(struct task *task, struct region *region)
{
    kern_return_t kr = KERN_SUCCESS;
    do {
        spin_lock(&task->map_lock);
        for (unsigned n = 0;
             n < CHUNK && region->populated < page_count(region) && kr == KERN_SUCCESS; n++)
            kr = populate_one(task, region);
        bool full = region->populated == page_count(region);
        /* After an error it stays BUILDING: until its builder has taken it away nobody else may
         * (region_deallocate). */
        if (kr == KERN_SUCCESS && full)
            region->state = REGION_READY; /* once the lock is free others may take it away */
        spin_unlock(&task->map_lock);
        if (kr != KERN_SUCCESS || full)
            return kr;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

/* Up to CHUNK pages less, from the end; the MAP lock is held. */
static void depopulate_some(struct task *task, struct region *region)
{
    uint64_t keep = region->populated > CHUNK ? region->populated - CHUNK : 0;
    vaddr_t end = region->start + (region->populated << PAGE_SHIFT);
    for (vaddr_t va = region->start + (keep << PAGE_SHIFT); va < end;)
        va = pmap_remove(task->pmap, va, end);
    while (region->populated > keep)
        frame_free(task->ledger, LEDGER_FRAMES, frame_record(region->pages[--region->populated]));
}

/* One chunk of the removal; the MAP lock is held on entry and released. True when the region is
 * gone. */
static bool remove_chunk(struct task *task, struct region *region)
{
    if (region->state == REGION_READY)
        region->state = REGION_DYING;
    depopulate_some(task, region);
    bool empty = region->populated == 0;
    if (empty) {
        rb_remove(&task->regions, &region->node); /* nobody else finds it from here on */
        if (task->hole_from == region->end + PAGE_SIZE)
            task->hole_from = region->start;
    }
    spin_unlock(&task->map_lock);
    if (empty)
        region_free(task, region);
    return empty;
}

kern_return_t region_remove(struct task *task, struct region *region)
{
    do {
        spin_lock(&task->map_lock);
        if (remove_chunk(task, region))
            return KERN_SUCCESS;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

kern_return_t region_deallocate(struct task *task, vaddr_t start, uint64_t pages)
{
    do {
        /* Looked up anew for each chunk: another thread may be taking the same region away. */
        spin_lock(&task->map_lock);
        struct region *region = first_above(task, start);
        if (!region || region->start != start || region->state == REGION_BUILDING ||
            region->program || page_count(region) != pages) {
            spin_unlock(&task->map_lock);
            return KERN_INVALID_ADDRESS;
        }
        if (remove_chunk(task, region))
            return KERN_SUCCESS;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

struct region *region_any(struct task *task)
{
    return region_of(rb_first(&task->regions));
}

/* Give the page its mapping back or another protection. Removal by PROT_NONE frees tables only,
 * never needs memory. */
static kern_return_t protect_one(struct task *task, struct region *region, vaddr_t va,
                                 unsigned prot)
{
    if (prot == PROT_NONE)
        return pmap_remove(task->pmap, va, va + PAGE_SIZE) > va ? KERN_SUCCESS : KERN_FAILURE;
    pfn_t pfn = region->pages[(va - region->start) >> PAGE_SHIFT];
    if (prot & PROT_EXECUTE)
        arch_cache_sync_code(frame_memory(frame_record(pfn)), PAGE_SIZE);
    return pmap_enter(task->pmap, va, (paddr_t)pfn << PAGE_SHIFT, PAGE_SIZE, prot, MEM_NORMAL,
                      PMAP_REPLACE);
}

static kern_return_t protect_chunk(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                                   uint64_t *done)
{
    struct region *region = first_above(task, start);
    if (!region || region->start > start || region->state != REGION_READY || region->program ||
        size > region->end - start)
        return KERN_INVALID_ADDRESS;
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned n = 0; n < CHUNK && *done < size && kr == KERN_SUCCESS; n++) {
        kr = protect_one(task, region, start + *done, prot);
        if (kr == KERN_SUCCESS)
            *done += PAGE_SIZE;
    }
    return kr;
}

kern_return_t region_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                             uint64_t *done)
{
    do {
        spin_lock(&task->map_lock);
        kern_return_t kr = protect_chunk(task, start, size, prot, done);
        spin_unlock(&task->map_lock);
        if (kr != KERN_SUCCESS || *done >= size)
            return kr;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

void region_write(struct region *region, uint64_t offset, const void *src, uint64_t n)
{
    const char *from = src;
    while (n > 0) {
        uint64_t in_page = offset & PAGE_MASK;
        uint64_t piece = PAGE_SIZE - in_page < n ? PAGE_SIZE - in_page : n;
        char *page = frame_memory(frame_record(region->pages[offset >> PAGE_SHIFT]));
        memcpy(page + in_page, from, piece);
        offset += piece;
        from += piece;
        n -= piece;
    }
}

void region_sync_code(struct region *region)
{
    for (uint64_t i = 0; i < region->populated; i++)
        arch_cache_sync_code(frame_memory(frame_record(region->pages[i])), PAGE_SIZE);
}
