/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical maps: making and unmaking them, entering mappings, and what concerns one address. Ranges
 * are in pmap_range.c, operations by frame in pmap_page.c, the tables themselves in pmap_table.c.
 */
#include "pmap_impl.h"
#include <kern/kmem.h>

static KMEM_CACHE(pmap_cache, struct pmap);

void pmap_init(void)
{
    rmap_init();
}

kern_return_t pmap_create(struct ledger *ledger, struct pmap **out)
{
    void *object;
    kern_return_t kr = kmem_alloc(&pmap_cache, ledger, &object);
    if (kr != KERN_SUCCESS)
        return kr;
    struct pmap *pmap = object;
    *pmap = (struct pmap){.ledger = ledger};
    spin_init(&pmap->lock, LOCK_PMAP);
    pfn_t root = PFN_NONE;
    kr = pmap_table_alloc(pmap, &root);
    if (kr != KERN_SUCCESS) {
        kmem_free(&pmap_cache, ledger, pmap);
        return kr;
    }
    pmap->root = frame_address(pmap_list_pop(&root));
    *pmap_spares(pmap) = PFN_NONE;
    pmap->asid = asid_alloc();
    if (pmap->asid != PMAP_ASID_SHARED)
        pmap->active = pmap->root | (uint64_t)pmap->asid << 48;
    arch_pte_sync(); /* the root's zeroes, before a walker gets to see it */
    ledger_ref(ledger);
    *out = pmap;
    return KERN_SUCCESS;
}

void pmap_destroy(struct pmap *pmap)
{
    struct ledger *ledger = pmap->ledger;
    for (;;) {
        /* Whoever came by a reverse mapping may still be waiting for the lock, or be about to
         * give it back. */
        spin_lock(&pmap->lock);
        bool pinned = atomic_load_explicit(&pmap->pins, memory_order_acquire) != 0;
        spin_unlock(&pmap->lock);
        if (!pinned)
            break;
        arch_cpu_relax();
    }
    assert(pmap->resident == 0 && pmap->wired == 0 && pmap->tables == 1);
    asid_free(pmap->asid);
    pfn_t root = PFN_NONE;
    pmap_list_push(&root, frame_at(pmap->root));
    pmap_table_free(pmap, &root);
    kmem_free(&pmap_cache, ledger, pmap);
    ledger_unref(ledger);
}

/* --- entering --- */

/** One call of pmap_enter(), checked and in the terms of the tables. */
struct entering {
    vaddr_t va;
    paddr_t pa;
    unsigned height; /* of the entries */
    unsigned count;  /* entries: 16 for a run */
    unsigned prot;
    enum mem_type type;
    unsigned flags; /* PTE_* of the entries */
    bool managed, replace;
    pte_t *slot; /* first slot, once found */
    unsigned at; /* height at which the walk ended; tables are missing while this is not `height` */
    unsigned pieces; /* entries that will be pieces of a split leaf */
    pfn_t tables;    /* new tables to be linked */
};

static pte_t entering_leaf(const struct entering *e, unsigned i)
{
    return arch_pte_leaf(e->pa + i * pmap_span(e->height), e->prot, e->type, e->height, e->flags);
}

static kern_return_t entering_check(struct entering *e, uint64_t size, unsigned flags)
{
    if (size != PAGE_SIZE && size != PMAP_RUN_SIZE && size != PMAP_LARGE_SIZE)
        return KERN_INVALID_ARGUMENT;
    if (((e->va | e->pa) & (size - 1)) != 0 || e->prot == PROT_NONE ||
        (e->prot & ~(unsigned)PROT_ALL) != 0 || (unsigned)e->type >= MEM_TYPE_COUNT)
        return KERN_INVALID_ARGUMENT;
    if ((e->prot & PROT_WRITE) && (e->prot & PROT_EXECUTE))
        return KERN_PROTECTION_FAILURE;
    if (e->va >= ARCH_USER_VA_END || ARCH_USER_VA_END - e->va < size || e->pa + size < e->pa)
        return KERN_INVALID_ADDRESS;
    e->managed = !(flags & PMAP_UNMANAGED);
    assert_slow(!e->managed || (frame_is_managed(e->pa) && frame_is_managed(e->pa + size - 1)));
    e->replace = flags & PMAP_REPLACE;
    e->height = size == PMAP_LARGE_SIZE ? 1 : 0;
    e->count = size == PMAP_RUN_SIZE ? PT_RUN : 1;
    e->flags = PTE_YOUNG | (e->count == PT_RUN ? PTE_RUN : 0u) |
               (flags & PMAP_WIRED ? PTE_WIRED : 0u) | (e->managed ? 0u : PTE_UNMANAGED);
    if (arch_pte_address(entering_leaf(e, 0)) != e->pa)
        return KERN_INVALID_ADDRESS; /* beyond what an entry can say */
    return KERN_SUCCESS;
}

/** Is there anything mapped at the slots found? */
static bool entering_over_old(const struct entering *e)
{
    for (unsigned i = 0; i < (e->at == e->height ? e->count : 1); i++) {
        if (arch_pte_is_valid(arch_pte_read(&e->slot[i])))
            return true;
    }
    return false;
}

/** Would nothing change? Two threads that fault on one page, say. */
static bool entering_is_done(const struct entering *e)
{
    pte_t old = arch_pte_read(e->slot);
    paddr_t pa = arch_pte_address(old) + (e->va & (pmap_span(e->at) - 1));
    unsigned ignore = PTE_RUN, flags = arch_pte_flags(old);
    pte_t new = entering_leaf(e, 0);
    return pa == e->pa && ((flags ^ e->flags) & ~ignore) == 0 &&
           arch_pte_prot(old) == arch_pte_prot(new) && arch_pte_type(old) == e->type &&
           pmap_leaf_count(old, e->at) * pmap_span(e->at) >= e->count * PAGE_SIZE;
}

/** Find the slots; cut what is larger than the new mapping. KERN_EXISTS: the place is taken. */
static kern_return_t entering_find(struct pmap *pmap, struct entering *e, bool *done)
{
    for (;;) {
        e->slot = pmap_walk(pmap, e->va, e->height, &e->at);
        if (!entering_over_old(e))
            return KERN_SUCCESS;
        pte_t old = arch_pte_read(e->slot);
        if (!e->replace || (e->height == 1 && arch_pte_is_table(old, 1)))
            return KERN_EXISTS;
        if (e->height == 0 && arch_pte_is_valid(old) && entering_is_done(e)) {
            *done = true;
            return KERN_SUCCESS;
        }
        if (e->at != e->height)
            pmap_split(pmap, e->slot, e->va);
        else if (e->count == 1 && pmap_leaf_count(old, e->at) == PT_RUN)
            pmap_degrade(pmap, e->slot, e->va);
        else
            return KERN_SUCCESS;
    }
}

/** Does the mapping that is there differ in rights, young and wired only? (R1) */
static bool entering_is_update(const struct entering *e)
{
    if (e->at != e->height)
        return false;
    pte_t old = arch_pte_read(e->slot);
    return arch_pte_is_valid(old) && arch_pte_address(old) == e->pa &&
           arch_pte_type(old) == e->type &&
           ((arch_pte_flags(old) ^ e->flags) & (PTE_RUN | PTE_UNMANAGED)) == 0;
}

static void entering_update(struct pmap *pmap, const struct entering *e)
{
    pte_t old = arch_pte_read(e->slot), new = entering_leaf(e, 0);
    unsigned pages = (unsigned)(e->count * pmap_span(e->height) >> PAGE_SHIFT);
    if ((arch_pte_flags(old) ^ e->flags) & PTE_WIRED)
        pmap->wired += e->flags & PTE_WIRED ? pages : -(uint64_t)pages;
    bool dirty = arch_pte_prot(old) & ~arch_pte_prot(new) & PROT_WRITE;
    for (unsigned i = 0; i < e->count; i++) {
        if (dirty && e->managed)
            pmap_collect(pmap_flags_frame(&e->slot[i], e->pa + i * PAGE_SIZE, e->height), false,
                         true);
        arch_pte_write(&e->slot[i], entering_leaf(e, i));
    }
    /* Added rights are flushed too: a TLB may keep an entry that refused. */
    if (arch_pte_prot(old) != arch_pte_prot(new))
        pmap_flush(pmap, e->va, e->count, e->height);
    else
        arch_pte_sync();
}

/** Reverse mappings of the first `count` entries away again. */
static void entering_undo_rmaps(struct pmap *pmap, struct entering *e, unsigned count)
{
    struct frame *table = pmap_table_of(e->slot);
    vaddr_t tag = e->height == 1 ? RMAP_LARGE : 0;
    for (unsigned i = 0; i < count && e->managed; i++) {
        paddr_t pa = e->pa + i * PAGE_SIZE;
        if (e->at == 0 && pmap_is_piece(table, &e->slot[i], pa))
            pmap_table_count(table, 0, -1);
        else
            rmap_remove(frame_at(pa), pmap, (e->va + i * PAGE_SIZE) | tag);
    }
}

/** Reverse mappings, before the tables change: by frame nobody acts on them until the PMAP lock is
 *  free. Leaves that become pieces are counted now, so that the pieces they replace are never the
 *  last. */
static kern_return_t entering_add_rmaps(struct pmap *pmap, struct entering *e)
{
    struct frame *table = pmap_table_of(e->slot);
    vaddr_t tag = e->height == 1 ? RMAP_LARGE : 0;
    for (unsigned i = 0; i < e->count && e->managed; i++) {
        paddr_t pa = e->pa + i * PAGE_SIZE;
        kern_return_t kr = KERN_SUCCESS;
        if (e->at == 0 && pmap_is_piece(table, &e->slot[i], pa))
            pmap_table_count(table, 0, 1);
        else
            kr = rmap_add(frame_at(pa), pmap, (e->va + i * PAGE_SIZE) | tag);
        if (kr != KERN_SUCCESS) {
            entering_undo_rmaps(pmap, e, i);
            return kr;
        }
    }
    return KERN_SUCCESS;
}

/** Everything that may fail: tables, the spare of a 2 MiB leaf, reverse mappings. */
static kern_return_t entering_reserve(struct pmap *pmap, struct entering *e)
{
    kern_return_t kr = KERN_SUCCESS;
    e->tables = PFN_NONE;
    for (unsigned h = e->at; h > e->height && kr == KERN_SUCCESS; h--)
        kr = pmap_table_alloc(pmap, &e->tables);
    if (kr == KERN_SUCCESS)
        kr = entering_add_rmaps(pmap, e);
    if (kr == KERN_SUCCESS && e->height == 1) {
        kr = pmap_table_alloc(pmap, pmap_spares(pmap));
        if (kr != KERN_SUCCESS)
            entering_undo_rmaps(pmap, e, e->count);
    }
    if (kr != KERN_SUCCESS)
        pmap_table_free(pmap, &e->tables);
    return kr;
}

/** Nothing fails any more: old mappings out (break-before-make), new ones in. */
static void entering_commit(struct pmap *pmap, struct entering *e)
{
    struct gather g;
    gather_init(&g, pmap, NULL);
    for (unsigned i = 0; i < e->count && e->at == e->height; i++) {
        if (arch_pte_is_valid(arch_pte_read(&e->slot[i])))
            gather_drop(&g, &e->slot[i], e->va + i * PAGE_SIZE, e->height);
    }
    gather_finish(&g);
    e->slot = pmap_link(e->slot, e->va, e->at, e->height, &e->tables);
    for (unsigned i = 0; i < e->count; i++)
        arch_pte_write(&e->slot[i], entering_leaf(e, i));
    pmap_table_count(pmap_table_of(e->slot), (int)e->count, 0);
    arch_pte_sync();
    uint64_t pages = e->count * pmap_span(e->height) >> PAGE_SHIFT;
    pmap->resident += pages;
    if (e->flags & PTE_WIRED)
        pmap->wired += pages;
}

static kern_return_t entering_do(struct pmap *pmap, struct entering *e)
{
    bool done = false;
    kern_return_t kr = entering_find(pmap, e, &done);
    if (kr != KERN_SUCCESS || done)
        return kr;
    if (entering_is_update(e)) {
        entering_update(pmap, e);
        return KERN_SUCCESS;
    }
    kr = entering_reserve(pmap, e);
    if (kr == KERN_SUCCESS)
        entering_commit(pmap, e);
    return kr;
}

kern_return_t pmap_enter(struct pmap *pmap, vaddr_t va, paddr_t pa, uint64_t size, unsigned prot,
                         enum mem_type type, unsigned flags)
{
    struct entering e = {.va = va,
                         .pa = pa,
                         .prot = prot & PROT_WRITE ? prot | PROT_READ : prot,
                         .type = type};
    kern_return_t kr = entering_check(&e, size, flags);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&pmap->lock);
    kr = entering_do(pmap, &e);
    spin_unlock(&pmap->lock);
    return kr;
}

/* --- one address --- */

/** The leaf that maps va; *first is its first slot (of 16 for a run), or NULL if there is none. */
static pte_t find_leaf(struct pmap *pmap, vaddr_t va, pte_t **first, unsigned *height,
                       unsigned *count)
{
    *first = NULL;
    if (va >= ARCH_USER_VA_END)
        return PTE_NONE;
    pte_t *slot = pmap_walk(pmap, va, 0, height);
    pte_t pte = arch_pte_read(slot);
    if (!arch_pte_is_valid(pte))
        return PTE_NONE;
    *count = pmap_leaf_count(pte, *height);
    *first = *count == PT_RUN ? slot - pmap_index(va, 0) % PT_RUN : slot;
    return pte;
}

/** Rewrite a whole leaf with other flags; rights stay. */
static void set_flags(pte_t *first, unsigned count, unsigned height, unsigned flags)
{
    for (unsigned i = 0; i < count; i++) {
        pte_t pte = arch_pte_read(&first[i]);
        arch_pte_write(&first[i], pmap_leaf_with(pte, height, arch_pte_prot(pte), flags));
    }
}

kern_return_t pmap_extract(struct pmap *pmap, vaddr_t va, struct pmap_mapping *out)
{
    pte_t *first;
    unsigned height, count;
    spin_lock(&pmap->lock);
    pte_t pte = find_leaf(pmap, va, &first, &height, &count);
    spin_unlock(&pmap->lock);
    if (first == NULL)
        return KERN_INVALID_ADDRESS;
    *out = (struct pmap_mapping){
        .pa = arch_pte_address(pte) + (va & (pmap_span(height) - 1)),
        .size = count * pmap_span(height),
        .prot = arch_pte_prot(pte),
        .type = arch_pte_type(pte),
        .young = arch_pte_flags(pte) & PTE_YOUNG,
        .wired = arch_pte_flags(pte) & PTE_WIRED,
    };
    return KERN_SUCCESS;
}

/** A fault on a leaf that allows the access. */
[[gnu::noinline]] static void fault_allowed(struct pmap *pmap, vaddr_t va)
{
    pte_t *first;
    unsigned height, count;
    pte_t pte = find_leaf(pmap, va, &first, &height, &count);
    if (first == NULL) /* it was there a moment ago, under this lock */
        return;
    if (!(arch_pte_flags(pte) & PTE_YOUNG)) {
        set_flags(first, count, height, arch_pte_flags(pte) | PTE_YOUNG);
        arch_pte_sync(); /* an entry without the flag is in no TLB */
    } else {
        /* It is allowed already: another CPU was faster, or this one's TLB has kept what used to
         * be there. */
        pmap_flush(pmap, round_down(va, pmap_span(height)), 1, height);
    }
}

kern_return_t pmap_fault(struct pmap *pmap, vaddr_t va, unsigned prot_wanted)
{
    unsigned height;
    kern_return_t kr = KERN_SUCCESS;
    if (va >= ARCH_USER_VA_END)
        return KERN_INVALID_ADDRESS;
    spin_lock(&pmap->lock);
    pte_t pte = arch_pte_read(pmap_walk_down(pmap, va, 0, &height));
    if (!arch_pte_is_valid(pte))
        kr = KERN_INVALID_ADDRESS;
    else if (prot_wanted & ~arch_pte_prot(pte))
        kr = KERN_PROTECTION_FAILURE;
    else
        fault_allowed(pmap, va);
    spin_unlock(&pmap->lock);
    return kr;
}

kern_return_t pmap_set_wired(struct pmap *pmap, vaddr_t va, bool wired)
{
    pte_t *first;
    unsigned height, count;
    spin_lock(&pmap->lock);
    pte_t pte = find_leaf(pmap, va, &first, &height, &count);
    unsigned flags = arch_pte_flags(pte);
    if (first != NULL && wired != !!(flags & PTE_WIRED)) {
        uint64_t pages = count * pmap_span(height) >> PAGE_SHIFT;
        set_flags(first, count, height, flags ^ PTE_WIRED);
        pmap->wired += wired ? pages : -pages;
    }
    spin_unlock(&pmap->lock);
    return first != NULL ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}
