/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is there and stays (kern/map.h: G7). To wire a range takes two passes, over its entries, which from then on map what
 * they map so that it stays, and over its pages, which are made, copied or fetched. If one of them fails a third pass takes back
 * what the entries have counted. What page tables hold of entries that are not wired any more is released by a last one. Progress
 * tells pass, place and, in the end, the error.
 */
#include "map_impl.h"

enum wire_pass { PASS_COUNT, PASS_FILL, PASS_UNDO, PASS_RELEASE, PASS_DONE };
enum { PASS_SHIFT = 48 };
static_assert(USER_VA_END < UINT64_C(1) << PASS_SHIFT);

struct wiring {
    struct task *task;
    struct thread *self; /* who waits for pages */
    vaddr_t start, end, at;
    kern_return_t error; /* what it will end with */
    enum wire_pass pass;
    bool all; /* but for what is not mapped, or cannot be read */
};

/* What another call may have left is within the range, too. */
static void unpack(struct wiring *w, uint64_t progress)
{
    uint64_t done = round_down(progress & ((UINT64_C(1) << PASS_SHIFT) - 1), PAGE_SIZE);
    uint64_t pass = progress >> PASS_SHIFT;
    w->at = w->start + (done < w->end - w->start ? done : w->end - w->start);
    w->error = (kern_return_t)(progress & PAGE_MASK);
    w->pass = pass < PASS_DONE ? (enum wire_pass)pass : PASS_DONE;
}

static uint64_t pack(const struct wiring *w)
{
    return (uint64_t)w->pass << PASS_SHIFT | (w->at - w->start) | (uint64_t)w->error;
}

/* ---- entries ---- */

static bool can_be_wired(const struct map_entry *entry)
{
    return entry->state == ENTRY_READY && (entry->prot & PROT_READ);
}

static kern_return_t count_entry(struct task *task, struct map_entry *entry, vaddr_t *at,
                                 const void *argument)
{
    const struct wiring *w = argument;
    kern_return_t kr = KERN_SUCCESS;
    bool passed_over = w->all && !can_be_wired(entry);
    if (!passed_over && !can_be_wired(entry))
        kr = KERN_PROTECTION_FAILURE;
    else if (!passed_over && entry->wired == UINT16_MAX)
        kr = KERN_LIMIT;
    else if (!passed_over && entry->wired == 0)
        kr = ledger_charge(task->ledger, LEDGER_WIRED, (int64_t)entry_pages(entry));
    if (kr != KERN_SUCCESS)
        return kr;
    entry->wired += !passed_over;
    *at = entry->end;
    return KERN_SUCCESS;
}

static void discount(struct task *task, struct map_entry *entry)
{
    if (entry->state != ENTRY_READY || entry->wired == 0)
        return;
    if (--entry->wired == 0)
        ledger_return(task->ledger, LEDGER_WIRED, (int64_t)entry_pages(entry));
}

static kern_return_t discount_entry(struct task *task, struct map_entry *entry, vaddr_t *at,
                                    const void *argument)
{
    (void)argument;
    discount(task, entry);
    *at = entry->end;
    return KERN_SUCCESS;
}

/* The last entry that begins below va. */
static struct map_entry *entry_below(struct vm_map *map, vaddr_t va)
{
    struct rb_node *node = map->entries.root, *found = NULL;
    while (node) {
        bool below = entry_of(node)->start < va;
        found = below ? node : found;
        node = node->child[below];
    }
    return entry_of(found);
}

/* Those that were counted, the last one first: w->at is where they end. */
static kern_return_t undo(struct wiring *w)
{
    do {
        spin_lock(&w->task->map.lock);
        struct map_entry *entry = entry_below(&w->task->map, w->at);
        bool counted = entry && entry->end > w->start;
        if (counted && can_be_wired(entry))
            discount(w->task, entry);
        w->at = counted && entry->start > w->start ? entry->start : w->start;
        spin_unlock(&w->task->map.lock);
    } while (w->at > w->start && !arch_irq_pending());
    return w->at > w->start ? KERN_RETRY : KERN_SUCCESS;
}

/* ---- pages ---- */

/* What has to be done to the page at w->at so that it is there as it will be used: private memory that may be written gets a page of
 * its own. PROT_NONE: nothing. The MAP lock is held. */
static unsigned access_for(const struct wiring *w, const struct map_entry *entry)
{
    struct pmap_mapping mapping;
    bool as_it_is = entry->object && entry->shared;
    unsigned access = (entry->prot & PROT_WRITE) && !as_it_is ? PROT_WRITE : PROT_READ;
    bool there = pmap_extract(w->task->pmap, w->at, &mapping) == KERN_SUCCESS;
    return there && mapping.wired && (mapping.prot & access) ? PROT_NONE : access;
}

/* Go on to a page for which something has to be done, if it is among the next ones: *access is not PROT_NONE then. */
static kern_return_t find_lack(struct wiring *w, unsigned *access)
{
    enum { LOOK_AT = 16 };
    kern_return_t kr = KERN_SUCCESS;
    *access = PROT_NONE;
    spin_lock(&w->task->map.lock);
    for (unsigned n = 0; n < LOOK_AT && w->at < w->end; n++) {
        const struct map_entry *entry = map_above(&w->task->map, w->at);
        bool there = entry && entry->start <= w->at;
        if (!there && !w->all)
            kr = KERN_INVALID_ADDRESS;
        else if (!there)
            w->at = entry && entry->start < w->end ? entry->start : w->end;
        else if (w->all && !can_be_wired(entry))
            w->at = entry->end;
        else if ((*access = access_for(w, entry)) == PROT_NONE)
            w->at += PAGE_SIZE;
        if (kr != KERN_SUCCESS || *access != PROT_NONE)
            break;
    }
    spin_unlock(&w->task->map.lock);
    return kr;
}

static kern_return_t fill(struct wiring *w)
{
    do {
        unsigned access;
        kern_return_t kr = find_lack(w, &access);
        if (kr == KERN_SUCCESS && access != PROT_NONE) {
            kr = vm_fault(w->self, w->task, w->at, access);
            w->at += kr == KERN_SUCCESS ? PAGE_SIZE : 0;
        }
        if (kr != KERN_SUCCESS)
            return kr;
    } while (w->at < w->end && !arch_irq_pending());
    return w->at < w->end ? KERN_RETRY : KERN_SUCCESS;
}

/* One piece of what page tables hold of an entry that is wired no more. The lock is held. */
static vaddr_t release_some(struct task *task, vaddr_t at, vaddr_t end)
{
    const struct map_entry *entry = map_above(&task->map, at);
    if (!entry || entry->start >= end)
        return end;
    if (entry->wired > 0 || entry->state != ENTRY_READY)
        return entry->end;
    vaddr_t from = at > entry->start ? at : entry->start;
    return pmap_unwire(task->pmap, from, entry->end < end ? entry->end : end);
}

static kern_return_t release(struct wiring *w)
{
    do {
        spin_lock(&w->task->map.lock);
        w->at = release_some(w->task, w->at, w->end);
        spin_unlock(&w->task->map.lock);
    } while (w->at < w->end && !arch_irq_pending());
    return w->at < w->end ? KERN_RETRY : KERN_SUCCESS;
}

/* ---- the passes ---- */

static kern_return_t do_pass(struct wiring *w)
{
    switch (w->pass) {
    case PASS_COUNT: return map_for_range(w->task, &w->at, w->end, !w->all, count_entry, w);
    case PASS_FILL: return fill(w);
    case PASS_UNDO: return undo(w);
    case PASS_RELEASE: return release(w);
    case PASS_DONE: break;
    }
    return KERN_SUCCESS;
}

/* A pass that adds has failed: what has been counted so far is taken back. */
static void turn_back(struct wiring *w, kern_return_t error)
{
    if (w->pass == PASS_FILL)
        w->at = w->end;
    w->error = error;
    w->pass = PASS_UNDO;
}

/* What follows, from where: without an error nothing has to be undone. */
static void next_pass(struct wiring *w)
{
    static const enum wire_pass next[] = {[PASS_COUNT] = PASS_FILL,
                                          [PASS_FILL] = PASS_DONE,
                                          [PASS_UNDO] = PASS_RELEASE,
                                          [PASS_RELEASE] = PASS_DONE};
    w->pass = next[w->pass];
    w->at = w->start;
}

static kern_return_t go_on(struct wiring *w, uint64_t *progress)
{
    kern_return_t kr = KERN_SUCCESS;
    while (w->pass != PASS_DONE && kr != KERN_RETRY) {
        kr = do_pass(w);
        if (kr == KERN_SUCCESS)
            next_pass(w);
        else if (kr != KERN_RETRY)
            turn_back(w, kr);
    }
    *progress = pack(w);
    return kr == KERN_RETRY ? kr : w->error;
}

kern_return_t map_wire(struct thread *self, struct task *task, vaddr_t start, uint64_t size,
                       uint64_t *progress)
{
    struct wiring w = {.task = task, .self = self, .start = start, .end = start + size};
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    unpack(&w, *progress);
    return go_on(&w, progress);
}

kern_return_t map_wire_all(struct thread *self, struct task *task, uint64_t *progress)
{
    struct wiring w = {
        .task = task, .self = self, .start = PAGE_SIZE, .end = USER_VA_END, .all = true};
    unpack(&w, *progress);
    return go_on(&w, progress);
}

void map_wire_new(struct task *task, bool wires)
{
    atomic_store_explicit(&task->map.wires_new, wires, memory_order_relaxed);
}

kern_return_t map_unwire(struct task *task, vaddr_t start, uint64_t size, uint64_t *progress)
{
    struct wiring w = {.task = task, .start = start, .end = start + size};
    kern_return_t kr = KERN_SUCCESS;
    if (!is_range(start, size))
        return KERN_INVALID_ADDRESS;
    unpack(&w, *progress);
    if (*progress == 0) {
        kr = map_cut(task, start);
        if (kr == KERN_SUCCESS)
            kr = map_cut(task, w.end);
    }
    if (kr == KERN_SUCCESS && w.pass == PASS_COUNT) {
        kr = map_for_range(task, &w.at, w.end, false, discount_entry, NULL);
        if (kr == KERN_SUCCESS) {
            w.pass = PASS_RELEASE;
            w.at = start;
        }
    }
    if (kr == KERN_SUCCESS)
        return go_on(&w, progress);
    *progress = pack(&w);
    return kr;
}
