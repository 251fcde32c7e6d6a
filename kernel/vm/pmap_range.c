/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking rights away over a range of addresses, and the batching of TLB maintenance that goes with
 * it.
 *
 * The order that keeps P4 and R3: entries are invalidated or reduced; the TLBs are flushed; only
 * then do reverse mappings go (a frame without them may be reused by whoever asks by frame) and
 * emptied tables are freed.
 */
#include "pmap_impl.h"

/* --- gathering --- */

void pmap_collect(struct frame *frame, bool referenced, bool dirty)
{
    unsigned set = (referenced ? FRAME_FLAG_REFERENCED : 0u) | (dirty ? FRAME_FLAG_DIRTY : 0u);
    unsigned have = atomic_load_explicit(&frame->flags, memory_order_relaxed);
    if ((have & set) != set)
        atomic_fetch_or_explicit(&frame->flags, (uint16_t)set, memory_order_relaxed);
}

static void gather_note(struct gather *g, vaddr_t va, pte_t pte, unsigned what)
{
    assert_slow(g->count < PMAP_CHUNK);
    g->leaf[g->count].va = va | what;
    g->leaf[g->count].pte = pte;
    g->count++;
}

/** How a managed leaf in this slot is counted in the reverse maps; a piece that goes is taken off
 *  its table's count. */
static unsigned leaf_kind(const pte_t *slot, pte_t pte, unsigned height, bool gone)
{
    if (arch_pte_flags(pte) & PTE_UNMANAGED)
        return GATHER_UNMANAGED;
    if (height == 1)
        return GATHER_LARGE;
    struct frame *table = pmap_table_of(slot);
    if (!pmap_is_piece(table, slot, arch_pte_address(pte)))
        return 0;
    if (!gone)
        return GATHER_PIECE;
    pmap_table_count(table, 0, -1);
    return pmap_table_pieces(table) == 0 ? GATHER_PIECE | GATHER_LAST : GATHER_PIECE;
}

void gather_drop(struct gather *g, pte_t *slot, vaddr_t va, unsigned height)
{
    struct pmap *pmap = g->pmap;
    pte_t pte = arch_pte_read(slot);
    arch_pte_write(slot, PTE_NONE);
    pmap_table_count(pmap_table_of(slot), -1, 0);

    uint64_t pages = pmap_span(height) >> PAGE_SHIFT;
    pmap->resident -= pages;
    if (arch_pte_flags(pte) & PTE_WIRED)
        pmap->wired -= pages;
    if (height == 1) {
        struct frame *spare = pmap_list_pop(pmap_spares(pmap));
        pmap_list_push(&g->dead, spare);
    }
    unsigned large = height == 1 ? GATHER_LARGE : 0;
    gather_note(g, va, pte, leaf_kind(slot, pte, height, true) | large | GATHER_GONE);
}

static void gather_flush(const struct gather *g)
{
    arch_tlb_begin();
    unsigned asid = g->pmap->asid;
    if (g->count > PMAP_FLUSH_LIMIT) {
        arch_tlb_flush_asid(asid);
    } else {
        for (unsigned i = 0; i < g->count; i++) {
            vaddr_t va = g->leaf[i].va;
            if (va & GATHER_WALKS)
                arch_tlb_flush_walks(asid, round_down(va, PAGE_SIZE));
            else
                arch_tlb_flush_page(asid, round_down(va, PAGE_SIZE), va & GATHER_LARGE ? 1 : 0);
        }
    }
    arch_tlb_end();
}

/** Pass on what the mapping knew, then drop its reverse mapping if it has gone. */
static void gather_settle(struct gather *g, vaddr_t tagged, pte_t pte)
{
    paddr_t pa = arch_pte_address(pte);
    vaddr_t va = round_down(tagged, PAGE_SIZE);
    if (tagged & GATHER_UNMANAGED)
        return;
    if (tagged & (GATHER_PIECE | GATHER_LARGE)) {
        pa = round_down(pa, PMAP_LARGE_SIZE);
        va = round_down(va, PMAP_LARGE_SIZE) | RMAP_LARGE;
    }
    struct frame *frame = frame_at(pa);
    bool gone = tagged & GATHER_GONE;
    pmap_collect(frame, gone && (arch_pte_flags(pte) & PTE_YOUNG), arch_pte_prot(pte) & PROT_WRITE);
    if (!gone || (tagged & (GATHER_PIECE | GATHER_LAST)) == GATHER_PIECE)
        return;
    if (frame == g->held)
        g->unlink = true;
    else
        rmap_remove(frame, g->pmap, va);
}

void gather_finish(struct gather *g)
{
    if (g->count == 0)
        return;
    gather_flush(g);
    for (unsigned i = 0; i < g->count; i++)
        gather_settle(g, g->leaf[i].va, g->leaf[i].pte);
    g->count = 0;
    pmap_table_free(g->pmap, &g->dead);
}

/* --- walking --- */

static inline bool are_empty(const pte_t slot[4])
{
    return (arch_pte_read(&slot[0]) | arch_pte_read(&slot[1]) | arch_pte_read(&slot[2]) |
            arch_pte_read(&slot[3])) == PTE_NONE;
}

/** Behind the empty slots of the table that the cursor is in; its end, or the budget's, may come first. */
static inline void skip_empty(struct pmap_cursor *c)
{
    const pte_t *slot = &c->table[pmap_index(c->va, 0)];
    uint64_t most = (c->end - c->va) >> PAGE_SHIFT, n = 0;
    if (most > PT_ENTRIES - pmap_index(c->va, 0))
        most = PT_ENTRIES - pmap_index(c->va, 0);
    if (most > c->budget)
        most = c->budget;
    while (most - n >= 4 && are_empty(&slot[n]))
        n += 4;
    while (n < most && !arch_pte_is_valid(arch_pte_read(&slot[n])))
        n++;
    c->va += n * PAGE_SIZE;
    c->budget -= (unsigned)n;
}

/** The same in a higher table, from the empty slot on where a walk has ended and which has been counted: each costs the budget one, as a walk to it would. */
static inline void skip_empty_above(struct pmap_cursor *c, const pte_t *slot)
{
    const uint64_t span = pmap_span(c->height);
    c->va = round_down(c->va, span) + span;
    while (c->va < c->end && c->budget > 0 && pmap_index(c->va, c->height) != 0 &&
           arch_pte_read(++slot) == PTE_NONE) {
        c->va += span;
        c->budget--;
    }
}

pte_t *pmap_find_leaf(const struct pmap *pmap, struct pmap_cursor *c)
{
    while (c->va < c->end && c->budget > 0) {
        if (c->table != NULL && round_down(c->va, PMAP_LARGE_SIZE) == c->table_va) {
            skip_empty(c);
            if (c->va == c->end || c->budget == 0 ||
                round_down(c->va, PMAP_LARGE_SIZE) != c->table_va)
                continue;
            c->budget--;
            c->height = 0;
            return &c->table[pmap_index(c->va, 0)];
        }
        c->budget--;
        pte_t *slot = pmap_walk(pmap, c->va, 0, &c->height);
        c->table = c->height == 0 ? slot - pmap_index(c->va, 0) : NULL;
        c->table_va = round_down(c->va, PMAP_LARGE_SIZE);
        if (arch_pte_is_valid(arch_pte_read(slot)))
            return slot;
        if (c->table != NULL)
            c->va += PAGE_SIZE; /* and on in its table */
        else
            skip_empty_above(c, slot);
    }
    return NULL;
}

/* --- limiting --- */

/** Give one entry the rights `prot` (a true part of what it has), or remove it. */
static void limit_entry(struct gather *g, pte_t *slot, vaddr_t va, unsigned height, unsigned prot)
{
    pte_t pte = arch_pte_read(slot);
    if (prot == PROT_NONE) {
        gather_drop(g, slot, va, height);
        return;
    }
    arch_pte_write(slot, pmap_leaf_with(pte, height, prot, arch_pte_flags(pte)));
    unsigned kind = leaf_kind(slot, pte, height, false);
    if (!(arch_pte_prot(pte) & ~prot &
          PROT_WRITE)) /* keeps writing, or never had it: not known to be dirty */
        kind |= GATHER_UNMANAGED;
    gather_note(g, va, pte, kind | (height == 1 ? GATHER_LARGE : 0));
}

/** Remove the tables that became empty above the entry noted last. */
static void limit_prune(struct gather *g, struct pmap_cursor *c, vaddr_t va)
{
    pmap_prune(g->pmap, va, &g->dead);
    g->leaf[g->count - 1].va |= GATHER_WALKS;
    c->table = NULL;
}

/** Rights that a leaf keeps when it is limited. */
static unsigned limited(pte_t pte, unsigned prot)
{
    unsigned keep = arch_pte_prot(pte) & prot;
    return keep & PROT_WRITE ? keep | PROT_READ : keep;
}

/** Does the leaf or run of `count` entries at va, found by a search for c->va, stick out of the
 *  range? Then cut it; and a run that is to go, which would take too long as a whole (but remove_run()). */
static bool limit_cut(struct gather *g, struct pmap_cursor *c, pte_t *slot, uint64_t size,
                      unsigned count, bool gone)
{
    vaddr_t start = round_down(c->va, size);
    if (c->va == start && c->end - start >= size && !(gone && count == PT_RUN))
        return false;
    if (count == PT_RUN)
        pmap_degrade(g->pmap, slot, c->va);
    else
        pmap_split(g->pmap, slot, c->va);
    return true;
}

/** Handle the leaf at the cursor; false if there is no room for it in the gathering. */
static bool limit_leaf(struct gather *g, struct pmap_cursor *c, pte_t *slot, unsigned prot,
                       struct pmap_filter filter)
{
    pte_t pte = arch_pte_read(slot);
    unsigned height = c->height, count = pmap_leaf_count(pte, height), keep = limited(pte, prot);
    uint64_t size = count * pmap_span(height);
    vaddr_t va = round_down(c->va, pmap_span(height));
    bool wanted = !filter.only || arch_pte_address(pte) == va + filter.offset;
    if (!wanted || keep == arch_pte_prot(pte)) {
        c->va = va + pmap_span(height);
        return true;
    }
    if (limit_cut(g, c, slot, size, count, keep == PROT_NONE))
        return true;
    if (g->count + count > PMAP_CHUNK)
        return false;
    for (unsigned i = 0; i < count; i++)
        limit_entry(g, slot + i, va + i * pmap_span(height), height, keep);
    if (keep == PROT_NONE && pmap_table_valid(pmap_table_of(slot)) == 0)
        limit_prune(g, c, va);
    unsigned cost = count * PMAP_ENTRY_COST;
    c->va = va + size;
    c->budget -= c->budget < cost ? c->budget : cost;
    return true;
}

vaddr_t pmap_limit(struct gather *g, vaddr_t va, vaddr_t end, unsigned prot,
                   struct pmap_filter filter)
{
    struct pmap_cursor c = {.va = va, .end = end, .budget = PMAP_SCAN};
    pte_t *slot;
    while ((slot = pmap_find_leaf(g->pmap, &c)) != NULL) {
        if (!limit_leaf(g, &c, slot, prot, filter))
            break;
    }
    gather_finish(g);
    return c.va < end ? c.va : end;
}

static void assert_range(vaddr_t va, vaddr_t end)
{
    assert(va <= end && end <= ARCH_USER_VA_END);
    assert(((va | end) & PAGE_MASK) == 0);
}

[[gnu::noinline]] static vaddr_t protect_range(struct pmap *pmap, vaddr_t va, vaddr_t end,
                                               unsigned prot)
{
    struct gather g;
    gather_init(&g, pmap, NULL);
    return pmap_limit(&g, va, end, prot, (struct pmap_filter){.only = false});
}

static inline void flush_one(const struct pmap *pmap, vaddr_t va)
{
    arch_tlb_begin();
    arch_tlb_flush_page(pmap->asid, va, 0);
    arch_tlb_end();
}

/* Nothing, or a page of a table that has others, which need no more than themselves to be known. False: it is something else. */
[[gnu::always_inline]] static inline bool protect_page(struct pmap *pmap, vaddr_t va, unsigned prot)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height), pte = arch_pte_read(slot);
    if (!arch_pte_is_valid(pte))
        return true;
    struct frame *table = pmap_table_of(slot);
    if (height != 0 || !pmap_is_plain(pte) || pmap_table_pieces(table) != 0)
        return false;
    unsigned keep = limited(pte, prot);
    struct frame *frame = frame_at(arch_pte_address(pte));
    if (keep == arch_pte_prot(pte))
        return true;
    if (keep != PROT_NONE) {
        arch_pte_write(slot, pmap_leaf_with(pte, 0, keep, arch_pte_flags(pte)));
        flush_one(pmap, va);
        pmap_collect(frame, false, arch_pte_prot(pte) & ~keep & PROT_WRITE);
        return true;
    }
    if (pmap_table_valid(table) == 1)
        return false; /* it goes, too */
    arch_pte_write(slot, PTE_NONE);
    pmap_table_count(table, -1, 0);
    pmap->resident--;
    flush_one(pmap, va);
    pmap_collect(frame, arch_pte_flags(pte) & PTE_YOUNG, arch_pte_prot(pte) & PROT_WRITE);
    rmap_remove_at(arch_pte_address(pte), pmap, va);
    return true;
}

/* What is left of the leaves of one table whose bits are set: the flush, and then what they knew. */
static void settle_leaves(struct pmap *pmap, const pte_t *slot, vaddr_t va, uint64_t changed,
                          uint64_t dirty)
{
    unsigned span = 64 - (unsigned)__builtin_clzll(changed) - (unsigned)__builtin_ctzll(changed);
    arch_tlb_begin();
    if (span > PMAP_FLUSH_LIMIT)
        arch_tlb_flush_asid(pmap->asid);
    else
        for (; changed; changed &= changed - 1)
            arch_tlb_flush_page(pmap->asid, va + ((vaddr_t)__builtin_ctzll(changed) << PAGE_SHIFT),
                                0);
    arch_tlb_end();
    for (; dirty; dirty &= dirty - 1)
        pmap_collect(frame_at(arch_pte_address(arch_pte_read(&slot[__builtin_ctzll(dirty)]))),
                     false, true);
}

/* Rights go, but not all, from plain pages of one table (fork). Up to where; no way at all: they are something else. */
static vaddr_t protect_plain(struct pmap *pmap, vaddr_t va, vaddr_t end, unsigned prot)
{
    uint64_t changed = 0, dirty = 0;
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    if (height != 0 || pmap_table_pieces(pmap_table_of(slot)) != 0)
        return va;
    uint64_t pages = (end - va) >> PAGE_SHIFT, i = 0, most = PT_ENTRIES - pmap_index(va, 0);
    most = most < pages ? most : pages;
    for (; i < most && i < 64; i++) {
        pte_t pte = arch_pte_read(&slot[i]);
        unsigned have = arch_pte_prot(pte), keep = limited(pte, prot);
        if (!arch_pte_is_valid(pte) || (have == keep && pmap_is_plain(pte)))
            continue;
        if (keep == PROT_NONE || !pmap_is_plain(pte))
            break;
        arch_pte_write(&slot[i], pmap_leaf_with(pte, 0, keep, arch_pte_flags(pte)));
        changed |= UINT64_C(1) << i;
        dirty |= (uint64_t)((have & ~keep & PROT_WRITE) != 0) << i;
    }
    if (changed)
        settle_leaves(pmap, slot, va, changed, dirty);
    return va + (i << PAGE_SHIFT);
}

/* Runs may change so, too: all of those that are among the `most` slots from `slot` on. */
static bool is_whole_run(const pte_t *slot, uint64_t most)
{
    pte_t pte = arch_pte_read(slot);
    return most >= PT_RUN && (uintptr_t)slot % (PT_RUN * sizeof(pte_t)) == 0 &&
           (arch_pte_flags(pte) & (PTE_RUN | PTE_WIRED | PTE_UNMANAGED)) == PTE_RUN &&
           arch_pte_type(pte) == MEM_NORMAL;
}

/* The same for runs, which stay what they are (P5). */
[[gnu::noinline]] static vaddr_t protect_runs(struct pmap *pmap, vaddr_t va, vaddr_t end,
                                              unsigned prot)
{
    uint64_t changed = 0, dirty = 0, i = 0;
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    if (height != 0 || pmap_table_pieces(pmap_table_of(slot)) != 0)
        return va;
    uint64_t pages = (end - va) >> PAGE_SHIFT, most = PT_ENTRIES - pmap_index(va, 0);
    most = most < pages ? most : pages;
    most = most < 64 ? most : 64;
    for (; i < most && is_whole_run(&slot[i], most - i); i += PT_RUN) {
        unsigned have = arch_pte_prot(arch_pte_read(&slot[i])),
                 keep = limited(arch_pte_read(&slot[i]), prot);
        uint64_t bits = (UINT64_C(1) << PT_RUN) - 1;
        if (keep == PROT_NONE)
            break;
        if (have == keep)
            continue;
        for (unsigned n = 0; n < PT_RUN; n++) {
            pte_t pte = arch_pte_read(&slot[i + n]);
            arch_pte_write(&slot[i + n], pmap_leaf_with(pte, 0, keep, arch_pte_flags(pte)));
        }
        changed |= bits << i;
        dirty |= have & ~keep & PROT_WRITE ? bits << i : 0;
    }
    if (changed)
        settle_leaves(pmap, slot, va, changed, dirty);
    return va + (i << PAGE_SHIFT);
}

vaddr_t pmap_protect(struct pmap *pmap, vaddr_t va, vaddr_t end, unsigned prot)
{
    vaddr_t at = va;
    assert_range(va, end);
    spin_lock(&pmap->lock);
    if (end - va == PAGE_SIZE && protect_page(pmap, va, prot))
        at = end;
    else if (prot != PROT_NONE && va < end)
        at = protect_plain(pmap, va, end, prot);
    if (at == va && prot != PROT_NONE && va < end)
        at = protect_runs(pmap, va, end, prot);
    if (at == va)
        at = protect_range(pmap, va, end, prot);
    spin_unlock(&pmap->lock);
    return at;
}

/* A whole run goes, and its table stays. False: it is something else. */
[[gnu::noinline]] static bool remove_run(struct pmap *pmap, vaddr_t va)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height), pte = arch_pte_read(slot);
    struct frame *table = pmap_table_of(slot);
    if (height != 0 || !arch_pte_is_valid(pte) || pmap_table_pieces(table) != 0 ||
        !is_whole_run(slot, PT_RUN) || pmap_table_valid(table) == PT_RUN)
        return false;
    paddr_t pa = arch_pte_address(pte);
    bool young = arch_pte_flags(pte) & PTE_YOUNG, dirty = arch_pte_prot(pte) & PROT_WRITE;
    for (unsigned i = 0; i < PT_RUN; i++)
        arch_pte_write(&slot[i], PTE_NONE);
    pmap_table_count(table, -PT_RUN, 0);
    pmap->resident -= PT_RUN;
    pmap_flush(pmap, va, PT_RUN, 0);
    for (unsigned i = 0; i < PT_RUN; i++, pa += PAGE_SIZE, va += PAGE_SIZE) {
        pmap_collect(frame_at(pa), young, dirty);
        rmap_remove_at(pa, pmap, va);
    }
    return true;
}

vaddr_t pmap_remove(struct pmap *pmap, vaddr_t va, vaddr_t end)
{
    vaddr_t at = va;
    assert_range(va, end);
    spin_lock(&pmap->lock);
    if (end - va == PAGE_SIZE && protect_page(pmap, va, PROT_NONE))
        at = end;
    else if (va % PMAP_RUN_SIZE == 0 && end - va >= PMAP_RUN_SIZE && remove_run(pmap, va))
        at += PMAP_RUN_SIZE;
    spin_unlock(&pmap->lock);
    return at != va ? at : pmap_protect(pmap, va, end, PROT_NONE);
}
