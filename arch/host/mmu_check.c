/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated MMU: are the TLBs still right? And figures.
 */
#include "mmu.h"

/* Follow the tables themselves down to `height`; 0 if the way ends before. */
static pte_t true_entry(paddr_t root, vaddr_t va, unsigned height, unsigned *at)
{
    paddr_t table = root;
    for (unsigned h = ARCH_USER_ROOT_HEIGHT;; h--) {
        pte_t pte = host_mmu_entry(table, va, h);
        *at = h;
        if (h == height || !arch_pte_is_valid(pte) || !arch_pte_is_table(pte, h))
            return pte;
        table = arch_pte_address(pte);
    }
}

static void check_leaf(unsigned cpu, const struct leaf *leaf)
{
    struct leaf now = {.valid = false};
    unsigned at;
    pte_t pte = true_entry(leaf->root, leaf->va, 0, &at);
    if (!arch_pte_is_valid(pte) || host_mmu_leaf(pte, leaf->va, at, &now) != HOST_FAULT_NONE ||
        now.pa + (leaf->va - now.va) != leaf->pa || now.size != leaf->size ||
        now.type != leaf->type || (leaf->prot & ~now.prot) != 0)
        host_mmu_fail(
            "cpu %u asid %u: stale: %llx -> %llx (size %llx, rights %u), the table says %llx", cpu,
            leaf->asid, (unsigned long long)leaf->va, (unsigned long long)leaf->pa,
            (unsigned long long)leaf->size, leaf->prot, (unsigned long long)pte);
}

void host_mmu_check(void)
{
    for (unsigned n = 0; n < MAX_CPUS; n++) {
        struct tlb *t = &host_tlb[n];
        pthread_mutex_lock(&t->lock);
        for (unsigned i = 0; i < LEAVES; i++) {
            if (t->leaf[i].valid)
                check_leaf(n, &t->leaf[i]);
        }
        for (unsigned i = 0; i < WALKS; i++) {
            const struct walk *w = &t->walk[i];
            unsigned at;
            if (w->valid &&
                (true_entry(w->root, w->va, w->height + 1, &at) != arch_pte_table(w->table) ||
                 at != w->height + 1))
                host_mmu_fail(
                    "cpu %u asid %u: a walk to the table %llx for %llx, which is not there", n,
                    w->asid, (unsigned long long)w->table, (unsigned long long)w->va);
        }
        pthread_mutex_unlock(&t->lock);
    }
}

void host_mmu_statistics(struct host_mmu_statistics *out)
{
    out->flushes = atomic_load_explicit(&host_mmu_flushes, memory_order_relaxed);
    out->pages = atomic_load_explicit(&host_mmu_kinds[FLUSH_PAGE], memory_order_relaxed);
    out->walks = atomic_load_explicit(&host_mmu_kinds[FLUSH_WALKS], memory_order_relaxed);
    out->asids = atomic_load_explicit(&host_mmu_kinds[FLUSH_ASID], memory_order_relaxed);
    out->all = atomic_load_explicit(&host_mmu_kinds[FLUSH_ALL], memory_order_relaxed);
    out->fills = atomic_load_explicit(&host_mmu_fills, memory_order_relaxed);
    out->speculative = atomic_load_explicit(&host_mmu_speculative, memory_order_relaxed);
}
