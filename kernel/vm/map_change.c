/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of address spaces that go, or change what may be done with them (kern/map.h: G2, G5). A piece is some leaves of
 * the page tables.
 */
#include "map_impl.h"

/* ---- removal ---- */

/* Pages of the entry's amap from its start up to va, which nothing maps any more, are dropped if nobody else can see them. Those of an
 * amap that is the entry's alone go with it. False: there is more to do. */
static bool drop_pages(struct map_entry *entry, vaddr_t va)
{
    if (!entry->amap || entry->shared ||
        atomic_load_explicit(&entry->amap->references, memory_order_acquire) == 1)
        return true;
    uint64_t pages = (va - entry->start) >> PAGE_SHIFT;
    return amap_remove(entry->amap, entry->amap_page, pages) >= pages;
}

static void advance(struct task *task, struct map_entry *entry, vaddr_t va)
{
    uint64_t pages = (va - entry->start) >> PAGE_SHIFT;
    if (entry->committed)
        ledger_return(task->ledger, LEDGER_COMMITMENT, (int64_t)pages);
    entry->amap_page += pages;
    entry->object_page += pages;
    entry->start = va;
}

static kern_return_t remove_piece(struct task *task, struct map_entry *entry, vaddr_t *at,
                                  const void *argument)
{
    (void)argument;
    entry->state = ENTRY_LEAVING; /* G5, before its pages go */
    vaddr_t done = pmap_remove(task->pmap, entry->start, entry->end);
    if (!drop_pages(entry, done))
        return KERN_SUCCESS; /* found again, and unmapped already */
    *at = done;
    if (done < entry->end) {
        advance(task, entry, done);
        return KERN_SUCCESS;
    }
    rb_remove(&task->map.entries, &entry->node);
    entry_destroy(task, entry);
    return KERN_SUCCESS;
}

kern_return_t map_remove_some(struct task *task, vaddr_t *start, vaddr_t end)
{
    return map_for_range(task, start, end, false, remove_piece, NULL);
}

kern_return_t map_remove(struct task *task, vaddr_t start, vaddr_t end)
{
    return map_remove_some(task, &start, end);
}

bool map_teardown_some(struct task *task)
{
    vaddr_t at;
    spin_lock(&task->map.lock);
    task->map.closed = true;
    struct map_entry *entry = entry_of(rb_first(&task->map.entries));
    if (entry)
        (void)remove_piece(task, entry, &at, NULL);
    spin_unlock(&task->map.lock);
    return entry;
}

/* ---- protection ---- */

/* First the entries, then the page tables (G2). Progress is bytes, twice the size altogether; whether any entry has lost a right:
 * then the page tables are gone through; and the error that ended the first half early, which does not spare them that. */
enum { LOST = 1, ERROR_SHIFT = 1 };

struct protection {
    unsigned prot;
    bool maximum;
    uint64_t *progress;
};

static kern_return_t protect_piece(struct task *task, struct map_entry *entry, vaddr_t *at,
                                   const void *argument)
{
    const struct protection *p = argument;
    (void)task;
    if (!p->maximum && p->prot & ~(unsigned)entry->max_prot)
        return KERN_PROTECTION_FAILURE;
    if (p->maximum)
        entry->max_prot &= (uint8_t)p->prot;
    unsigned before = entry->prot, after = p->maximum ? before & p->prot : p->prot;
    entry->prot = (uint8_t)after;
    if (before & ~after)
        *p->progress |= LOST;
    *at = entry->end;
    return KERN_SUCCESS;
}

/* All of it is there and may be given these rights; as far as can be seen at once. */
static kern_return_t check_change(struct task *task, vaddr_t start, vaddr_t end, unsigned prot)
{
    enum { LOOK_AT = 64 };
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->map.lock);
    struct map_entry *entry = map_above(&task->map, start);
    for (unsigned n = 0; n < LOOK_AT && start < end && kr == KERN_SUCCESS; n++) {
        if (!entry || entry->start > start || entry->state != ENTRY_READY)
            kr = KERN_INVALID_ADDRESS;
        else if (prot & ~(unsigned)entry->max_prot)
            kr = KERN_PROTECTION_FAILURE;
        else
            start = entry->end;
        entry = kr == KERN_SUCCESS ? map_next(entry) : NULL;
    }
    spin_unlock(&task->map.lock);
    return kr;
}

/* Rights that stay come back with the next fault, all but reading: so nothing has to be known of each page. A map that has been
 * closed meanwhile has nothing left (G4), and perhaps no page tables. */
static kern_return_t protect_tables(struct task *task, vaddr_t *at, vaddr_t end, unsigned prot)
{
    do {
        spin_lock(&task->map.lock);
        *at = task->map.closed ? end : pmap_protect(task->pmap, *at, end, prot & PROT_READ);
        spin_unlock(&task->map.lock);
    } while (*at < end && !arch_irq_pending());
    return *at < end ? KERN_RETRY : KERN_SUCCESS;
}

kern_return_t map_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                          bool maximum, uint64_t *progress)
{
    struct protection p = {prot, maximum, progress};
    kern_return_t kr = KERN_SUCCESS, error = (*progress & PAGE_MASK) >> ERROR_SHIFT;
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    if ((prot & PROT_WRITE) && (prot & PROT_EXECUTE) && !maximum)
        return KERN_PROTECTION_FAILURE;
    if (*progress == 0)
        kr = check_change(task, start, start + size, maximum ? PROT_NONE : prot);
    if (kr != KERN_SUCCESS)
        return kr;
    uint64_t done = round_down(*progress, PAGE_SIZE);
    if (done < size) {
        vaddr_t at = start + done;
        kr = map_for_range(task, &at, start + size, true, protect_piece, &p);
        error = kr == KERN_RETRY ? KERN_SUCCESS : kr;
        kr = kr == KERN_RETRY ? kr : KERN_SUCCESS;
        done = error ? size : at - start;
    }
    uint64_t lost = *progress & LOST;
    if (kr == KERN_SUCCESS && lost && done < 2 * size) {
        vaddr_t at = start + done - size;
        kr = protect_tables(task, &at, start + size, prot);
        done = at - start + size;
    }
    *progress = done | (uint64_t)error << ERROR_SHIFT | lost;
    return kr == KERN_SUCCESS ? error : kr;
}

/* ---- inheritance ---- */

static kern_return_t inherit_piece(struct task *task, struct map_entry *entry, vaddr_t *at,
                                   const void *argument)
{
    (void)task;
    entry->inherit = *(const uint8_t *)argument;
    *at = entry->end;
    return KERN_SUCCESS;
}

kern_return_t map_inherit(struct task *task, vaddr_t start, uint64_t size, unsigned inherit,
                          uint64_t *done)
{
    uint8_t value = (uint8_t)inherit;
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    kern_return_t kr = *done ? KERN_SUCCESS : check_change(task, start, start + size, PROT_NONE);
    if (kr != KERN_SUCCESS)
        return kr;
    vaddr_t at = start + *done;
    kr = map_for_range(task, &at, start + size, true, inherit_piece, &value);
    *done = at - start;
    return kr;
}
