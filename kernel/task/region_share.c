/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory seen from outside its task: copied, described, shared (kern/region.h: G3, G4).
 */
#include <arch/mmu.h>
#include <arch/usercopy.h>
#include <kern/kmem.h>
#include <kern/pmap.h>
#include <kern/region.h>
#include <kern/string.h>

static KMEM_CACHE(backing_cache, struct backing);

static uint64_t pages_in(const struct region *region)
{
    return (region->end - region->start) >> PAGE_SHIFT;
}

/* ---- backings ---- */

static work_step_t teardown_step;

static kern_return_t backing_alloc(struct ledger *ledger, struct backing **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&backing_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct backing *backing = memory;
    atomic_init(&backing->references, 1);
    ledger_ref(ledger);
    backing->ledger = ledger;
    work_init(&backing->teardown, teardown_step, PRIORITY_REAP);
    *out = backing;
    return KERN_SUCCESS;
}

static void backing_free(struct backing *backing)
{
    struct ledger *ledger = backing->ledger;
    if (backing->index)
        frame_free(ledger, LEDGER_FRAMES, backing->index);
    kmem_free(&backing_cache, ledger, backing);
    ledger_unref(ledger);
}

/* Nothing maps it any more. */
static bool teardown_step(struct work *work)
{
    enum { BATCH = 16 };
    struct backing *backing = container_of(work, struct backing, teardown);
    for (unsigned n = 0; n < BATCH && backing->left > 0; n++)
        frame_free(backing->ledger, LEDGER_FRAMES, frame_record(backing->pages[--backing->left]));
    if (backing->left > 0)
        return true;
    backing_free(backing);
    return false;
}

kern_return_t backing_create(struct ledger *ledger, paddr_t base, uint64_t pages,
                             struct backing **out)
{
    kern_return_t kr = backing_alloc(ledger, out);
    if (kr == KERN_SUCCESS) {
        (*out)->base = base;
        (*out)->count = pages;
    }
    return kr;
}

void backing_ref(struct backing *backing)
{
    atomic_fetch_add_explicit(&backing->references, 1, memory_order_relaxed);
}

/* Locks below RUNQ may be held. */
void backing_unref(struct backing *backing)
{
    if (atomic_fetch_sub_explicit(&backing->references, 1, memory_order_acq_rel) != 1)
        return;
    backing->left = backing->pages ? backing->count : 0;
    work_start(&backing->teardown);
}

/* ---- sharing ---- */

/* The frames of a region become a backing's, of which the region maps all. The MAP lock is held. */
static void give_frames(struct region *region, struct backing *backing)
{
    struct backing *copied = region->backing;
    backing->count = region->populated;
    backing->pages = region->pages;
    backing->index = region->index;
    backing->index_order = region->index_order;
    region->pages = NULL;
    region->index = NULL;
    region->copies = false;
    region->first = 0;
    region->backing = backing;
    if (copied)
        backing_unref(copied);
}

static kern_return_t check_share(const struct region *region, vaddr_t start, uint64_t size,
                                 unsigned max_prot)
{
    if (!region || region->start > start || region->state != REGION_READY ||
        size > region->end - start || region->populated != pages_in(region))
        return KERN_INVALID_ADDRESS;
    return max_prot & ~(unsigned)region->max_prot ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

kern_return_t region_share(struct task *task, vaddr_t start, uint64_t size, unsigned max_prot,
                           struct backing **out, uint64_t *first)
{
    struct backing *fresh, *spare = NULL;
    kern_return_t kr = backing_alloc(task->ledger, &fresh);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&task->map_lock);
    struct region *region = region_above(task, start);
    kr = check_share(region, start, size, max_prot);
    if (kr != KERN_SUCCESS || !region->pages)
        spare = fresh;
    else
        give_frames(region, fresh);
    if (kr == KERN_SUCCESS) {
        backing_ref(*out = region->backing);
        *first = region->first + ((start - region->start) >> PAGE_SHIFT);
    }
    spin_unlock(&task->map_lock);
    if (spare)
        backing_free(spare);
    return kr;
}

/* ---- copying ---- */

/* Where the byte at va is, if it may be read or written. The MAP lock is held. */
static kern_return_t find_byte(struct task *task, vaddr_t va, bool write, paddr_t *out)
{
    struct pmap_mapping now;
    const struct region *region = region_above(task, va);
    if (!region || region->start > va || region->state != REGION_READY ||
        (va - region->start) >> PAGE_SHIFT >= region->populated)
        return KERN_INVALID_ADDRESS;
    if (pmap_extract(task->pmap, va, &now) != KERN_SUCCESS ||
        !(now.prot & (write ? PROT_WRITE : PROT_READ)))
        return KERN_PROTECTION_FAILURE;
    *out = now.pa;
    return KERN_SUCCESS;
}

static void copy_bytes(char *memory, char *buffer, size_t n, bool write)
{
    if (write)
        memcpy(memory, buffer, n);
    else
        memcpy(buffer, memory, n);
}

kern_return_t region_copy(struct task *task, vaddr_t va, void *buffer, size_t n, bool write)
{
    paddr_t head, tail = 0;
    if (n == 0)
        return KERN_SUCCESS;
    if (n > PAGE_SIZE || va > USER_VA_END - n)
        return KERN_INVALID_ADDRESS;
    size_t in_page = PAGE_SIZE - (va & PAGE_MASK), piece = n < in_page ? n : in_page;
    spin_lock(&task->map_lock);
    kern_return_t kr = find_byte(task, va, write, &head);
    if (kr == KERN_SUCCESS && piece < n)
        kr = find_byte(task, va + piece, write, &tail);
    if (kr == KERN_SUCCESS)
        copy_bytes(phys_to_virt(head), buffer, piece, write);
    if (kr == KERN_SUCCESS && piece < n)
        copy_bytes(phys_to_virt(tail), (char *)buffer + piece, n - piece, write);
    spin_unlock(&task->map_lock);
    return kr;
}

/* ---- description ---- */

static unsigned protection_at(struct task *task, vaddr_t va)
{
    struct pmap_mapping now;
    return pmap_extract(task->pmap, va, &now) == KERN_SUCCESS ? now.prot : PROT_NONE;
}

/* From `start` on, as long as the pages have the same protection. */
static void describe_mixed(struct task *task, const struct region *region,
                           struct region_facts *facts)
{
    enum { LOOK_AT = 32 };
    vaddr_t end = facts->start + PAGE_SIZE;
    facts->prot = protection_at(task, facts->start);
    for (unsigned n = 1;
         n < LOOK_AT && end < region->end && protection_at(task, end) == facts->prot; n++)
        end += PAGE_SIZE;
    facts->size = end - facts->start;
}

kern_return_t region_describe(struct task *task, vaddr_t va, struct region_facts *out)
{
    va = round_down(va, PAGE_SIZE);
    spin_lock(&task->map_lock);
    const struct region *region = region_above(task, va);
    if (region) {
        *out = (struct region_facts){.start = region->start > va ? region->start : va,
                                     .prot = region->prot,
                                     .max_prot = region->max_prot,
                                     .inherit = region->inherit,
                                     .shared = !region->pages};
        out->size = region->end - out->start;
        if (region->mixed)
            describe_mixed(task, region, out);
    }
    spin_unlock(&task->map_lock);
    return region ? KERN_SUCCESS : KERN_NOT_FOUND;
}
