/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of address spaces that go, or change what may be done with them (kern/map.h: G2, G5). A piece is some leaves of
 * the page tables.
 */
#include "map_impl.h"

enum { WHOLE_MAX = PMAP_CHUNK * PAGE_SIZE }; /* that the page tables do in one piece */

/* ---- removal ---- */

/* Pages of the entry's amap from its start up to va, which nothing maps any more, are dropped if nobody else can see them. Those of an
 * amap that is the entry's alone go with it. Up to where it has got. */
static vaddr_t drop_pages(struct map_entry *entry, vaddr_t va)
{
    if (!entry->amap || entry->shared ||
        atomic_load_explicit(&entry->amap->references, memory_order_acquire) == 1)
        return va;
    uint64_t pages = (va - entry->start) >> PAGE_SHIFT;
    return entry->start + (amap_remove(entry->amap, entry->amap_page, pages) << PAGE_SHIFT);
}

static void advance(struct task *task, struct map_entry *entry, vaddr_t va)
{
    uint64_t pages = (va - entry->start) >> PAGE_SHIFT;
    if (entry->committed)
        ledger_return(task->ledger, LEDGER_COMMITMENT, (int64_t)pages);
    if (entry->wired)
        ledger_return(task->ledger, LEDGER_WIRED, (int64_t)pages);
    task->map.pages -= pages;
    entry->amap_page += pages;
    entry->object_page += pages;
    entry->start = va;
}

static kern_return_t remove_piece(struct task *task, struct map_entry *entry, vaddr_t *at,
                                  const void *argument)
{
    (void)argument;
    if (entry->state != ENTRY_LEAVING) {
        entry->state = ENTRY_LEAVING; /* G5, before its pages go */
        entry->unmapped = entry->start;
    }
    if (entry->unmapped == entry->start) /* else some have still to be dropped */
        entry->unmapped = pmap_remove(task->pmap, entry->start, entry->end);
    vaddr_t done = drop_pages(entry, entry->unmapped);
    *at = done;
    if (done < entry->end) {
        advance(task, entry, done);
        return KERN_SUCCESS;
    }
    entry_remove(&task->map, entry);
    entry_destroy(task, entry);
    return KERN_SUCCESS;
}

/* What is asked for most: a whole entry goes. Up to where it has got. */
static vaddr_t remove_whole(struct task *task, vaddr_t start, vaddr_t end)
{
    vaddr_t at = start;
    spin_lock(&task->map.lock);
    struct map_entry *entry = map_at(&task->map, start);
    if (entry && entry->start == start && entry->end == end)
        (void)remove_piece(task, entry, &at, NULL);
    spin_unlock(&task->map.lock);
    return at;
}

kern_return_t map_remove_some(struct task *task, vaddr_t *start, vaddr_t end)
{
    return map_for_range(task, start, end, false, remove_piece, NULL);
}

kern_return_t map_remove(struct task *task, vaddr_t start, vaddr_t end)
{
    vaddr_t at = end - start <= WHOLE_MAX ? remove_whole(task, start, end) : start;
    if (at == end)
        return KERN_SUCCESS;
    if (at > start && arch_irq_pending()) /* a piece is done */
        return KERN_RETRY;
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

/* ---- what is asked of all of a range, before any of it is changed ---- */

struct demand {
    vaddr_t start, end;
    unsigned prot; /* below the maximum */
    bool several;  /* has more than one entry */
};

/* A piece, from *at on. */
static kern_return_t check_some(struct vm_map *map, vaddr_t *at, struct demand *demand)
{
    enum { LOOK_AT = 64 };
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&map->lock);
    struct map_entry *entry = map_above(map, *at);
    demand->several |= *at > demand->start;
    for (unsigned n = 0;; n++) {
        if (!entry || entry->start > *at || entry->state != ENTRY_READY)
            kr = KERN_INVALID_ADDRESS;
        else if (demand->prot & ~(unsigned)entry->max_prot)
            kr = KERN_PROTECTION_FAILURE;
        else
            *at = entry->end;
        if (kr != KERN_SUCCESS || *at >= demand->end || n == LOOK_AT)
            break;
        demand->several = true;
        entry = map_next(entry);
    }
    spin_unlock(&map->lock);
    return kr;
}

/* *at is how far it has got. Behind it, splitting an entry fails only for who is not alone with the map. */
static kern_return_t check_all(struct task *task, vaddr_t *at, struct demand *demand)
{
    kern_return_t kr;
    do
        kr = check_some(&task->map, at, demand);
    while (kr == KERN_SUCCESS && *at < demand->end && !arch_irq_pending());
    if (kr != KERN_SUCCESS)
        return kr;
    if (*at < demand->end)
        return KERN_RETRY;
    *at = demand->end;
    if (!demand->several)
        return KERN_SUCCESS; /* splitting it comes before anything else */
    kr = map_cut(task, demand->start);
    return kr == KERN_SUCCESS ? map_cut(task, demand->end) : kr;
}

/* ---- protection ---- */

/* Three passes: everything is looked at; then the entries are changed; then, if any of them has lost a right, the page tables
 * (G2), even if the second pass met an error, for others change the map, too. Progress is bytes, of all three, and in its low
 * bits LOST and that error. */
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

/* One of the passes; *at is how far it has got. */
static kern_return_t protect_pass(struct task *task, unsigned pass, vaddr_t *at,
                                  struct demand *demand, const struct protection *p)
{
    kern_return_t kr;
    switch (pass) {
    case 0: return check_all(task, at, demand);
    case 1:
        kr = map_for_range(task, at, demand->end, true, protect_piece, p);
        if (kr == KERN_SUCCESS || kr == KERN_RETRY || !(*p->progress & LOST))
            return kr;
        *p->progress |= (uint64_t)kr << ERROR_SHIFT;
        *at = demand->end;
        return KERN_SUCCESS;
    default:
        if (*p->progress & LOST)
            kr = protect_tables(task, at, demand->end, p->prot);
        else
            kr = KERN_SUCCESS;
        return kr == KERN_SUCCESS ? (kern_return_t)((*p->progress & PAGE_MASK) >> ERROR_SHIFT) : kr;
    }
}

/* What is asked for most: the range is an entry, and not large. False: it is not so, or more is to be done. */
static bool protect_whole(struct task *task, vaddr_t start, vaddr_t end, unsigned prot,
                          uint64_t *progress)
{
    bool done = false;
    spin_lock(&task->map.lock);
    struct map_entry *entry = map_at(&task->map, start);
    if (entry && entry->start == start && entry->end == end &&
        !(prot & ~(unsigned)entry->max_prot)) {
        bool lost = entry->prot & ~prot;
        entry->prot = (uint8_t)prot;
        vaddr_t at = lost ? pmap_protect(task->pmap, start, end, prot & PROT_READ) : end;
        done = at >= end;
        if (!done) /* it goes on in the third pass */
            *progress = LOST | (2 * (end - start) + (at - start));
    }
    spin_unlock(&task->map.lock);
    return done;
}

/* The three passes. */
static kern_return_t protect_all(struct task *task, struct demand *demand,
                                 const struct protection *p)
{
    uint64_t size = demand->end - demand->start, done = round_down(*p->progress, PAGE_SIZE);
    kern_return_t kr = KERN_SUCCESS;
    unsigned pass = 0;
    if (done >= 3 * size) /* of a call that meant another range, perhaps of very many pages */
        return KERN_SUCCESS;
    for (; done >= size; done -= size)
        pass++;
    for (; pass < 3 && kr == KERN_SUCCESS; pass++, done = 0) {
        vaddr_t at = demand->start + done;
        kr = protect_pass(task, pass, &at, demand, p);
        *p->progress = (*p->progress & PAGE_MASK) | (pass * size + (at - demand->start));
    }
    return kr;
}

kern_return_t map_protect(struct task *task, vaddr_t start, uint64_t size, unsigned prot,
                          bool maximum, uint64_t *progress)
{
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    if ((prot & PROT_WRITE) && (prot & PROT_EXECUTE) && !maximum)
        return KERN_PROTECTION_FAILURE;
    if (*progress == 0 && size <= WHOLE_MAX && !maximum &&
        protect_whole(task, start, start + size, prot, progress))
        return KERN_SUCCESS;
    struct protection p = {prot, maximum, progress};
    struct demand demand = {start, start + size, maximum ? PROT_NONE : prot, false};
    return protect_all(task, &demand, &p);
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
    struct demand demand = {start, start + size, PROT_NONE, false};
    kern_return_t kr = KERN_SUCCESS;
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    if (*done > 2 * size) /* of a call that meant another range */
        *done = 0;
    vaddr_t at = start + *done;
    if (*done < size) {
        kr = check_all(task, &at, &demand);
        *done = at - start;
    }
    if (kr == KERN_SUCCESS) {
        at = start + *done - size;
        kr = map_for_range(task, &at, start + size, true, inherit_piece, &value);
        *done = at - start + size;
    }
    return kr;
}
