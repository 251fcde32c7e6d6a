/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verifies one pmap: P1, P2, P3 and P5 of kern/pmap.h, its counts and its spares. Slow; for tests
 * and debug builds. Nobody else may be changing the pmap; other address spaces may share its frames
 * and change.
 */
#include "pmap_impl.h"
#include <kern/log.h>

struct check {
    struct pmap *pmap;
    uint64_t resident, wired, tables, large;
    bool ok;
};

static void expect(struct check *c, bool ok, const char *what, vaddr_t va)
{
    if (!ok && c->ok)
        log_error("pmap: %s at %llx", what, (unsigned long long)va);
    c->ok = c->ok && ok;
}

/** P2, and how often (pmap, va) is in the frame's chain. */
static unsigned count_rmaps(struct check *c, struct frame *frame, vaddr_t wanted)
{
    struct spinlock *lock = rmap_lock_of(frame);
    unsigned found = 0, all = 0;
    struct pmap *pmap;
    vaddr_t va;
    spin_lock(lock);
    for (void **link = &frame->rmap; rmap_get(frame, link, &pmap, &va); link = rmap_next(link)) {
        all++;
        found += pmap == c->pmap && va == wanted;
        expect(c,
               !(va & RMAP_LARGE) ||
                   atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAG_LARGE,
               "a large mapping that the frame's flags do not tell", wanted);
    }
    expect(c, all == atomic_load_explicit(&frame->mapped, memory_order_relaxed),
           "wrong count of mappings", wanted);
    spin_unlock(lock);
    return found;
}

static void check_leaf(struct check *c, const pte_t *slot, vaddr_t va, unsigned height)
{
    pte_t pte = arch_pte_read(slot);
    unsigned flags = arch_pte_flags(pte), prot = arch_pte_prot(pte);
    paddr_t pa = arch_pte_address(pte);
    uint64_t pages = pmap_span(height) >> PAGE_SHIFT;
    c->resident += pages;
    c->wired += flags & PTE_WIRED ? pages : 0;
    c->large += height == 1;
    expect(c, height <= 1, "leaf too high", va);
    expect(c, (pa & (pmap_span(height) - 1)) == 0, "leaf not aligned", va);
    expect(c, prot != PROT_NONE && !((prot & PROT_WRITE) && (prot & PROT_EXECUTE)),
           "bad protection", va);
    if (flags & PTE_UNMANAGED)
        return;
    bool piece = height == 0 && pmap_is_piece(pmap_table_of(slot), slot, pa);
    if (!piece)
        expect(c, count_rmaps(c, frame_at(pa), va | (height == 1 ? RMAP_LARGE : 0)) == 1,
               "reverse mapping", va);
}

/** P5: sixteen that belong together. */
static void check_run(struct check *c, const pte_t *slot, vaddr_t va)
{
    pte_t first = arch_pte_read(slot);
    unsigned runs = 0;
    for (unsigned i = 0; i < PT_RUN; i++)
        runs += arch_pte_is_valid(arch_pte_read(&slot[i])) &&
                (arch_pte_flags(arch_pte_read(&slot[i])) & PTE_RUN) != 0;
    expect(c, runs == 0 || runs == PT_RUN, "broken run", va);
    for (unsigned i = 0; i < PT_RUN && runs == PT_RUN; i++) {
        pte_t want = arch_pte_leaf(arch_pte_address(first) + i * PAGE_SIZE, arch_pte_prot(first),
                                   arch_pte_type(first), 0, arch_pte_flags(first));
        expect(c, arch_pte_read(&slot[i]) == want, "entries of a run differ", va);
    }
    expect(c, runs == 0 || arch_pte_address(first) % PMAP_RUN_SIZE == 0, "run not aligned", va);
}

/** A last-level table: the leaves, and what is left of a split 2 MiB leaf. */
static unsigned check_last_level(struct check *c, const pte_t *table, vaddr_t va)
{
    struct frame *record = pmap_table_of(table);
    unsigned valid = 0, pieces = 0;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        pte_t pte = arch_pte_read(&table[i]);
        if (i % PT_RUN == 0)
            check_run(c, &table[i], va + i * PAGE_SIZE);
        if (!arch_pte_is_valid(pte))
            continue;
        valid++;
        pieces += !(arch_pte_flags(pte) & PTE_UNMANAGED) &&
                  pmap_is_piece(record, &table[i], arch_pte_address(pte));
        check_leaf(c, &table[i], va + i * PAGE_SIZE, 0);
    }
    expect(c, pieces == pmap_table_pieces(record), "wrong count of pieces", va);
    if (pieces != 0)
        expect(c, count_rmaps(c, frame_record(record->prev), va | RMAP_LARGE) == 1,
               "pieces' reverse mapping", va);
    return valid;
}

static void check_table(struct check *c, const pte_t *table, vaddr_t va, unsigned height);

static unsigned check_upper_level(struct check *c, const pte_t *table, vaddr_t va, unsigned height)
{
    unsigned valid = 0;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        pte_t pte = arch_pte_read(&table[i]);
        vaddr_t sub = va + i * pmap_span(height);
        if (!arch_pte_is_valid(pte))
            continue;
        valid++;
        if (arch_pte_is_table(pte, height))
            check_table(c, phys_to_virt(arch_pte_address(pte)), sub, height - 1);
        else
            check_leaf(c, &table[i], sub, height);
    }
    return valid;
}

/** Recursion as deep as the tables: three levels. */
static void check_table(struct check *c, const pte_t *table, vaddr_t va, unsigned height)
{
    struct frame *record = pmap_table_of(table);
    c->tables++;
    unsigned valid =
        height == 0 ? check_last_level(c, table, va) : check_upper_level(c, table, va, height);
    expect(c, record->owner == c->pmap, "table of another pmap", va);
    expect(c, valid == pmap_table_valid(record), "wrong count of entries", va);
    expect(c, valid != 0 || height == ARCH_USER_ROOT_HEIGHT, "empty table", va);
}

bool pmap_check(struct pmap *pmap)
{
    struct check c = {.pmap = pmap, .ok = true};
    spin_lock(&pmap->lock);
    check_table(&c, phys_to_virt(pmap->root), 0, ARCH_USER_ROOT_HEIGHT);
    uint64_t spares = 0;
    for (pfn_t t = *pmap_spares(pmap); t != PFN_NONE && spares <= pmap->tables;
         t = frame_record(t)->next)
        spares++;
    expect(&c, spares == c.large, "wrong number of spare tables", 0);
    expect(&c, c.tables + spares == pmap->tables, "wrong count of tables", 0);
    expect(&c, c.resident == pmap->resident, "wrong count of pages", 0);
    expect(&c, c.wired == pmap->wired, "wrong count of wired pages", 0);
    spin_unlock(&pmap->lock);
    return c.ok;
}
