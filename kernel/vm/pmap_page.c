/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by frame: over all mappings of a frame, in whatever address spaces they are.
 *
 * They start from the frame's RMAP lock, while everybody else takes PMAP before RMAP. So the PMAP
 * lock of a mapping's address space is tried; if somebody has it, the address space is pinned (it
 * cannot be destroyed: it still has this mapping, and later pmap_destroy() waits for the pin), the
 * RMAP lock is dropped, and the PMAP lock is waited for in order. The lock is fair, so there is no
 * livelock: each wait ends in one mapping dealt with, or found gone.
 *
 * With both locks held neither the mapping nor its place in the chain can change, so the walk goes
 * on where it was.
 *
 * A frame may be mapped by pages (its own chain), and as part of a 2 MiB run (in the chain of the
 * run's head, which is the frame aligned to 2 MiB). Asked for the head, the whole run is meant, or
 * what is left of it; asked for another frame of the run, that page only: the leaf is split where
 * needed. Flags of a run are collected in its head's record.
 */
#include "pmap_impl.h"

enum page_action { PAGE_LIMIT, PAGE_TAKE, PAGE_IS_YOUNG, PAGE_MAKE_OLD, PAGE_IS_WIRED };

struct page_op {
    enum page_action action;
    unsigned prot;       /* PAGE_LIMIT, PAGE_TAKE: what remains */
    struct frame *frame; /* asked for */
    bool young;          /* out: some mapping was young, or is one of a task whose pages stay, */
    bool wired;          /* or is wired (PAGE_IS_WIRED, PAGE_TAKE) */
    bool kept;           /* and so is left (PAGE_TAKE) */
};

/** Take the access flag off a leaf or run. Other frames it maps keep in mind that they may have
 *  been used. */
static void make_old(struct pmap *pmap, const struct page_op *op, pte_t *slot, vaddr_t va,
                     unsigned height)
{
    unsigned count = pmap_leaf_count(arch_pte_read(slot), height);
    for (unsigned i = 0; i < count; i++) {
        pte_t pte = arch_pte_read(&slot[i]);
        unsigned flags = arch_pte_flags(pte) & ~(unsigned)PTE_YOUNG;
        arch_pte_write(&slot[i], pmap_leaf_with(pte, height, arch_pte_prot(pte), flags));
        struct frame *other = pmap_flags_frame(&slot[i], arch_pte_address(pte), height);
        if (other != op->frame)
            pmap_collect(other, true, false);
    }
    pmap_flush(pmap, va, count, height);
}

static bool looks_for_wired(const struct page_op *op)
{
    return op->action == PAGE_IS_WIRED || op->action == PAGE_TAKE;
}

/** Look at the flags of the leaves in [va, end) that map va + offset. */
static void age(struct pmap *pmap, struct page_op *op, vaddr_t va, vaddr_t end, uint64_t offset)
{
    struct pmap_cursor c = {.va = va, .end = end, .budget = PT_ENTRIES};
    pte_t *slot;
    while ((slot = pmap_find_leaf(pmap, &c)) != NULL) {
        pte_t pte = arch_pte_read(slot);
        unsigned count = pmap_leaf_count(pte, c.height);
        uint64_t size = count * pmap_span(c.height);
        vaddr_t leaf_va = round_down(c.va, pmap_span(c.height)), start = round_down(c.va, size);
        bool wanted = arch_pte_address(pte) == leaf_va + offset;
        if (looks_for_wired(op)) {
            op->wired |= wanted && (arch_pte_flags(pte) & PTE_WIRED);
            c.va = wanted ? start + size : leaf_va + pmap_span(c.height);
            continue;
        }
        if (wanted && ledger_is_resident(pmap->ledger))
            op->young = true;
        if (wanted && (arch_pte_flags(pte) & PTE_YOUNG)) {
            op->young = true;
            if (op->action == PAGE_IS_YOUNG)
                return;
            make_old(pmap, op, slot - (leaf_va - start) / PAGE_SIZE, start, c.height);
        }
        c.va = wanted ? start + size : leaf_va + pmap_span(c.height);
    }
}

/** Do it to one mapping, PMAP and RMAP locks held. True: the mapping is gone. */
static bool act(struct pmap *pmap, struct frame *chain, vaddr_t tagged, struct page_op *op)
{
    vaddr_t va = round_down(tagged, PAGE_SIZE), end = va + PAGE_SIZE;
    if (tagged & RMAP_LARGE) {
        va += frame_address(op->frame) - frame_address(chain);
        end = op->frame == chain ? va + PMAP_LARGE_SIZE : va + PAGE_SIZE;
    }
    uint64_t offset = frame_address(op->frame) - va;
    if (op->action != PAGE_LIMIT) {
        op->wired &= op->action != PAGE_TAKE; /* this one alone */
        age(pmap, op, va, end, offset);
        op->kept |= op->wired;
        if (op->action != PAGE_TAKE || op->wired)
            return false;
    }
    struct gather g;
    gather_init(&g, pmap, chain);
    while (va < end)
        va =
            pmap_limit(&g, va, end, op->prot, (struct pmap_filter){.only = true, .offset = offset});
    return g.unlink;
}

/** Get the PMAP lock of the mapping at *link while the RMAP lock is held. False: the mapping is
 *  gone. */
static bool lock_pmap(struct frame *chain, void ***link, struct pmap *pmap, vaddr_t va)
{
    if (spin_trylock(&pmap->lock))
        return true;
    struct spinlock *rmap = rmap_lock_of(chain);
    atomic_fetch_add_explicit(&pmap->pins, 1, memory_order_relaxed);
    spin_unlock(rmap);
    spin_lock(&pmap->lock);
    spin_lock(rmap);
    atomic_fetch_sub_explicit(&pmap->pins, 1, memory_order_release);
    *link = rmap_find(chain, pmap, va);
    if (*link != NULL)
        return true;
    spin_unlock(&pmap->lock);
    return false;
}

static void for_chain(struct frame *chain, struct page_op *op)
{
    struct spinlock *rmap = rmap_lock_of(chain);
    struct pmap *pmap;
    vaddr_t va;
    spin_lock(rmap);
    void **link = &chain->rmap;
    while (rmap_get(chain, link, &pmap, &va)) {
        if (chain != op->frame && !(va & RMAP_LARGE)) {
            link = rmap_next(link);
            continue;
        }
        if (!lock_pmap(chain, &link, pmap, va)) {
            link = &chain->rmap; /* one mapping fewer: begin again */
            continue;
        }
        if (act(pmap, chain, va, op))
            rmap_unlink(chain, link);
        else
            link = rmap_next(link);
        spin_unlock(&pmap->lock);
    }
    spin_unlock(rmap);
}

/* Without the lock, as `mapped` is: a mapping that is counted has set the flag. */
static bool may_have_large(const struct frame *head)
{
    return atomic_load_explicit(&head->mapped, memory_order_acquire) != 0 &&
           atomic_load_explicit(&head->flags, memory_order_relaxed) & FRAME_FLAG_LARGE;
}

/* The head of what would be its run is as a rule a page by itself, which somebody maps. */
static void for_all_mappings(struct page_op *op)
{
    struct frame *head = frame_record((pfn_t)round_down(frame_number(op->frame), PT_ENTRIES));
    if (atomic_load_explicit(&op->frame->mapped, memory_order_acquire) != 0)
        for_chain(op->frame, op);
    if (head != op->frame && may_have_large(head))
        for_chain(head, op);
}

void pmap_page_protect(struct frame *frame, unsigned prot)
{
    struct page_op op = {.action = PAGE_LIMIT, .prot = prot, .frame = frame};
    for_all_mappings(&op);
}

bool pmap_page_take(struct frame *frame)
{
    struct page_op op = {.action = PAGE_TAKE, .prot = PROT_NONE, .frame = frame};
    for_all_mappings(&op);
    return !op.kept;
}

static bool has_wired(struct frame *frame)
{
    struct page_op op = {.action = PAGE_IS_WIRED, .frame = frame};
    for_all_mappings(&op);
    return op.wired;
}

/* If none is found the flag goes, and it is looked once more: who made a mapping before he set the flag that went is found then. */
bool pmap_page_is_wired(struct frame *frame)
{
    if (!(atomic_load_explicit(&frame->flags, memory_order_acquire) & FRAME_FLAG_WIRED))
        return false;
    if (has_wired(frame))
        return true;
    (void)atomic_fetch_and_explicit(&frame->flags, (uint16_t)~FRAME_FLAG_WIRED,
                                    memory_order_acq_rel);
    if (likely(!has_wired(frame)))
        return false;
    (void)atomic_fetch_or_explicit(&frame->flags, FRAME_FLAG_WIRED, memory_order_release);
    return true;
}

bool pmap_page_is_referenced(struct frame *frame)
{
    struct page_op op = {.action = PAGE_IS_YOUNG, .frame = frame};
    if (atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_REFERENCED)
        return true;
    for_all_mappings(&op);
    return op.young;
}

bool pmap_page_clear_referenced(struct frame *frame)
{
    struct page_op op = {.action = PAGE_MAKE_OLD, .frame = frame};
    unsigned flags = 0;
    if (atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_REFERENCED)
        flags = atomic_fetch_and_explicit(&frame->flags, (uint16_t)~FRAME_FLAG_REFERENCED,
                                          memory_order_relaxed);
    for_all_mappings(&op);
    return op.young || (flags & FRAME_FLAG_REFERENCED);
}
