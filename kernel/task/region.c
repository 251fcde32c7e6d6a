/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eagerly backed memory (kern/region.h: G1 to G4). Each function takes the MAP lock for one chunk at
 * a time.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/usercopy.h>
#include <kern/kmem.h>
#include <kern/pmap.h>
#include <kern/region.h>
#include <kern/string.h>
#include <wharf/if/vm_types.h>

static KMEM_CACHE(region_cache, struct region);

/* A page that is made takes about 1,000 instructions, up to 3,000 if it needs tables and the frames have run
 * out: after each there is a look for interrupts. The MAP lock, for which another CPU may be waiting, is held
 * for a few. A page less takes 700, and shares the flush of the TLBs. */
enum { MAKE_CHUNK = 3, REMOVE_CHUNK = 4 };

/* ---- the tree; the MAP lock is held ---- */

static struct region *region_of(struct rb_node *node)
{
    return node ? rb_entry(node, struct region, node) : NULL;
}

struct region *region_above(struct task *task, vaddr_t va)
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
    for (struct region *r = region_above(task, at); r; r = region_of(rb_next(&r->node))) {
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
    struct region *r = region_above(task, start);
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

/* An index of frames, unless the pages are a backing's. */
static kern_return_t region_alloc(struct task *task, const struct region_request *request,
                                  struct region **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&region_cache, task->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct region *region = memory;
    if (!request->backing || request->copy) {
        region->index_order = (uint8_t)order_for(request->pages * sizeof(pfn_t));
        kr = frame_alloc(task->ledger, LEDGER_FRAMES, region->index_order, 0, &region->index);
        if (kr != KERN_SUCCESS) {
            kmem_free(&region_cache, task->ledger, region);
            return kr;
        }
        region->pages = frame_memory(region->index);
    }
    if (request->backing)
        backing_ref(region->backing = request->backing);
    *out = region;
    return KERN_SUCCESS;
}

static void region_free(struct task *task, struct region *region)
{
    if (region->index)
        frame_free(task->ledger, LEDGER_FRAMES, region->index);
    if (region->backing)
        backing_unref(region->backing);
    ledger_return(task->ledger, LEDGER_MAP_ENTRIES, 1);
    kmem_free(&region_cache, task->ledger, region);
}

/* Give it its place; the MAP lock is held. */
static kern_return_t place(struct task *task, struct region_request *request, struct region *region,
                           enum region_state state)
{
    uint64_t size = request->pages << PAGE_SHIFT;
    if (task->map_closed)
        return KERN_TERMINATED;
    vaddr_t start = request->start ? request->start : find_hole(task, size);
    if (start == 0 || !is_free(task, start, size))
        return KERN_NO_SPACE;
    region->start = request->start = start;
    region->end = start + size;
    region->state = (uint8_t)state;
    region->first = request->first;
    region->copies = request->copy;
    region->prot = request->prot;
    region->max_prot = request->max_prot;
    region->inherit = request->inherit;
    region->program = request->program;
    insert(task, region);
    return KERN_SUCCESS;
}

static kern_return_t reserve(struct task *task, struct region_request *request,
                             enum region_state state, struct region **out)
{
    if (request->pages == 0 || request->start % PAGE_SIZE != 0)
        return KERN_INVALID_ARGUMENT;
    if (request->pages > REGION_MAX_PAGES)
        return KERN_NO_SPACE;
    struct region *region;
    kern_return_t kr = ledger_charge(task->ledger, LEDGER_MAP_ENTRIES, 1);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = region_alloc(task, request, &region);
    if (kr != KERN_SUCCESS) {
        ledger_return(task->ledger, LEDGER_MAP_ENTRIES, 1);
        return kr;
    }
    spin_lock(&task->map_lock);
    kr = place(task, request, region, state);
    spin_unlock(&task->map_lock);
    if (kr != KERN_SUCCESS)
        region_free(task, region);
    else
        *out = region;
    return kr;
}

kern_return_t region_create(struct task *task, vaddr_t start, uint64_t pages, unsigned prot,
                            bool program, struct region **out)
{
    struct region_request request = {.start = start,
                                     .pages = pages,
                                     .prot = (uint8_t)prot,
                                     .max_prot = PROT_READ | PROT_WRITE | PROT_EXECUTE,
                                     .inherit = VM_INHERIT_COPY,
                                     .program = program};
    return reserve(task, &request, REGION_BUILDING, out);
}

static uint64_t page_count(const struct region *region)
{
    return (region->end - region->start) >> PAGE_SHIFT;
}

/* A frame for the next page, with its content. */
static kern_return_t new_page(struct task *task, struct region *region, struct frame **out)
{
    bool copy = region->copies;
    kern_return_t kr = frame_alloc(task->ledger, LEDGER_FRAMES, 0, copy ? 0 : FRAME_ZEROED, out);
    if (kr == KERN_SUCCESS && copy)
        memcpy(frame_memory(*out),
               phys_to_virt(backing_page(region->backing, region->first + region->populated)),
               PAGE_SIZE);
    return kr;
}

/* One page more; the MAP lock is held. */
static kern_return_t populate_one(struct task *task, struct region *region)
{
    struct frame *frame = NULL;
    kern_return_t kr = region->pages ? new_page(task, region, &frame) : KERN_SUCCESS;
    if (kr != KERN_SUCCESS)
        return kr;
    vaddr_t va = region->start + (region->populated << PAGE_SHIFT);
    if (frame)
        region->pages[region->populated] = frame_number(frame); /* G2 */
    paddr_t pa = region_page(region, region->populated);
    if (region->backing && (region->prot & PROT_EXECUTE))
        arch_cache_sync_code(phys_to_virt(pa), PAGE_SIZE);
    if (region->prot != PROT_NONE)
        kr = pmap_enter(task->pmap, va, pa, PAGE_SIZE, region->prot, MEM_NORMAL,
                        region_map_flags(region));
    if (kr == KERN_SUCCESS)
        region->populated++;
    else if (frame)
        frame_free(task->ledger, LEDGER_FRAMES, frame);
    return kr;
}

/* Some pages more, one at least. The MAP lock is held. True: it is full. */
static bool populate_some(struct task *task, struct region *region, kern_return_t *kr)
{
    uint64_t count = page_count(region);
    unsigned n = 0;
    do
        *kr = populate_one(task, region);
    while (*kr == KERN_SUCCESS && region->populated < count && ++n < MAKE_CHUNK &&
           !arch_irq_pending());
    return region->populated == count;
}

kern_return_t region_populate(struct task *task, struct region *region)
{
    kern_return_t kr = KERN_SUCCESS;
    do {
        spin_lock(&task->map_lock);
        bool full = populate_some(task, region, &kr);
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

/* Up to REMOVE_CHUNK pages less, from the end; the MAP lock is held. */
static void depopulate_some(struct task *task, struct region *region)
{
    uint64_t keep = region->populated > REMOVE_CHUNK ? region->populated - REMOVE_CHUNK : 0;
    vaddr_t end = region->start + (region->populated << PAGE_SHIFT);
    for (vaddr_t va = region->start + (keep << PAGE_SHIFT); va < end;)
        va = pmap_remove(task->pmap, va, end);
    if (!region->pages)
        region->populated = keep;
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

/* The region that is exactly this: READY or being taken away, or, for its builder, BUILDING. */
static kern_return_t take_away(struct task *task, vaddr_t start, uint64_t pages,
                               enum region_state state)
{
    bool building = state == REGION_BUILDING;
    do {
        /* Looked up anew for each chunk: another thread may be taking the same region away. */
        spin_lock(&task->map_lock);
        struct region *region = region_above(task, start);
        if (!region || region->start != start || page_count(region) != pages || region->program ||
            building != (region->state == REGION_BUILDING)) {
            spin_unlock(&task->map_lock);
            return KERN_INVALID_ADDRESS;
        }
        if (remove_chunk(task, region))
            return KERN_SUCCESS;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

kern_return_t region_deallocate(struct task *task, vaddr_t start, uint64_t pages)
{
    return take_away(task, start, pages, REGION_READY);
}

bool region_teardown_some(struct task *task)
{
    spin_lock(&task->map_lock);
    task->map_closed = true;
    struct region *region = region_of(rb_first(&task->regions));
    if (!region) {
        spin_unlock(&task->map_lock);
        return false;
    }
    (void)remove_chunk(task, region);
    return true;
}

/* ---- making a region for a call ---- */

/* A piece of region_allocate(). The region is gone only if the task is. */
static kern_return_t fill(struct task *task, vaddr_t start)
{
    kern_return_t kr = KERN_SUCCESS;
    do {
        spin_lock(&task->map_lock);
        struct region *region = region_above(task, start);
        bool there = region && region->start == start && region->state == REGION_BUILDING;
        bool full = !there || populate_some(task, region, &kr);
        if (!there || task->map_closed)
            kr = KERN_TERMINATED;
        if (kr == KERN_SUCCESS && full)
            region->state = REGION_READY;
        spin_unlock(&task->map_lock);
        if (kr != KERN_SUCCESS || full)
            return kr;
    } while (!arch_irq_pending());
    return KERN_RETRY;
}

/* Progress is the region's address and, once it is being taken back, why: errors are smaller than pages. */
static kern_return_t allocate(struct task *task, struct region_request *request, uint64_t *progress)
{
    struct region *region;
    if (*progress == 0) {
        kern_return_t kr = reserve(task, request, REGION_BUILDING, &region);
        if (kr != KERN_SUCCESS)
            return kr;
        *progress = request->start;
        if (arch_irq_pending())
            return KERN_RETRY;
    }
    request->start = *progress & ~PAGE_MASK;
    kern_return_t failure = (kern_return_t)(*progress & PAGE_MASK);
    if (failure == KERN_SUCCESS) {
        failure = fill(task, request->start);
        if (failure == KERN_RETRY)
            return failure;
        *progress |= failure;
    }
    if (failure != KERN_SUCCESS && failure != KERN_TERMINATED &&
        take_away(task, request->start, request->pages, REGION_BUILDING) == KERN_RETRY)
        return KERN_RETRY;
    *progress = 0;
    return failure;
}

void region_abandon(struct thread *self)
{
    struct task *task = self->building_in;
    if (!task)
        return;
    self->building_in = NULL;
    spin_lock(&task->map_lock);
    struct region *region = region_above(task, self->building_at);
    if (region && region->start == self->building_at && region->state == REGION_BUILDING)
        region->state = REGION_READY; /* as far as it is there */
    spin_unlock(&task->map_lock);
    task_unref(task);
}

kern_return_t region_allocate(struct thread *self, struct task *task,
                              struct region_request *request, uint64_t *progress)
{
    if (*progress == 0 || self->building_in != task) {
        region_abandon(self);
        *progress = 0;
    }
    kern_return_t kr = allocate(task, request, progress);
    self->building = kr == KERN_RETRY;
    if (kr == KERN_RETRY && !self->building_in) {
        task_ref(self->building_in = task);
        self->building_at = request->start;
    } else if (kr != KERN_RETRY && self->building_in) {
        self->building_in = NULL;
        task_unref(task);
    }
    return kr;
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
