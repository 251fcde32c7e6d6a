/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated MMU: entry writes, broadcast maintenance, and the watch over the rules of
 * arch/mmu.h.
 */
#include "mmu.h"

/* R1, as far as the entry itself shows. */
static void check_change(const pte_t *slot, pte_t old, pte_t new)
{
    if (!arch_pte_is_valid(old) || !arch_pte_is_valid(new))
        return;
    uint64_t same = HOST_PTE_TABLE | HOST_PTE_FRAMES | UINT64_C(3) << 56 | UINT64_C(3) << 44 |
                    (uint64_t)(PTE_RUN | PTE_UNMANAGED) << 48;
    if (((old ^ new) & same) != 0 || ((old & HOST_PTE_TABLE) && old != new))
        host_mmu_fail("break-before-make: entry %p changes from %llx to %llx", (const void *)slot,
                      (unsigned long long)old, (unsigned long long)new);
}

void host_pte_write(pte_t *slot, pte_t pte)
{
    unsigned cpu = host_cpu_index();
    pte_t old = arch_pte_read(slot);
    check_change(slot, old, pte);
    host_mmu_speculate();
    __atomic_store_n(slot, pte, __ATOMIC_RELEASE);
    host_mmu_speculate();
    bool young_now = arch_pte_flags(pte) & ~arch_pte_flags(old) & PTE_YOUNG;
    if (arch_pte_is_valid(pte) && (!arch_pte_is_valid(old) || young_now))
        host_own[cpu].unsynced = true;
    host_own[cpu].written = true;
}

void host_pte_sync(void)
{
    host_own[host_cpu_index()].unsynced = false;
}

void host_tlb_begin(void)
{
    unsigned cpu = host_cpu_index();
    if (host_own[cpu].flushing)
        host_mmu_fail("cpu %u: arch_tlb_begin() twice", cpu);
    host_own[cpu].flushing = true;
    host_own[cpu].written = false;
    host_own[cpu].pending = 0;
    host_mmu_speculate();
}

static void flush_leaves(struct tlb *t, const struct flush *f)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        struct leaf *leaf = &t->leaf[i];
        bool here = f->kind >= FLUSH_ASID || leaf_covers(leaf, f->asid, f->va);
        bool height = f->kind != FLUSH_PAGE || (leaf->size == span_of(1)) == (f->height == 1);
        if (here && height && (f->kind == FLUSH_ALL || leaf->asid == f->asid))
            leaf->valid = false;
    }
}

static void flush_walks(struct tlb *t, const struct flush *f)
{
    for (unsigned i = 0; i < WALKS && f->kind != FLUSH_PAGE; i++) {
        struct walk *walk = &t->walk[i];
        bool here = f->kind >= FLUSH_ASID || (f->va & ~(span_of(walk->height + 1) - 1)) == walk->va;
        if (here && (f->kind == FLUSH_ALL || walk->asid == f->asid))
            walk->valid = false;
    }
}

static void flush_apply(unsigned cpu)
{
    for (unsigned n = 0; n < MAX_CPUS; n++) {
        pthread_mutex_lock(&host_tlb[n].lock);
        for (unsigned i = 0; i < host_own[cpu].pending; i++) {
            flush_leaves(&host_tlb[n], &host_own[cpu].flush[i]);
            flush_walks(&host_tlb[n], &host_own[cpu].flush[i]);
        }
        pthread_mutex_unlock(&host_tlb[n].lock);
    }
    host_own[cpu].pending = 0;
}

static void flush_ask(enum flush_kind kind, unsigned asid, vaddr_t va, unsigned height)
{
    unsigned cpu = host_cpu_index();
    if (!host_own[cpu].flushing || host_own[cpu].written)
        host_mmu_fail("cpu %u: TLB flush %s", cpu,
                      host_own[cpu].flushing ? "of entries written after arch_tlb_begin()"
                                             : "outside begin and end");
    if (host_own[cpu].pending == PENDING)
        flush_apply(cpu);
    host_own[cpu].flush[host_own[cpu].pending++] =
        (struct flush){.kind = kind, .asid = asid, .va = va, .height = height};
    host_mmu_count(&host_mmu_kinds[kind]);
    host_mmu_speculate();
}

void host_tlb_flush_page(unsigned asid, vaddr_t va, unsigned height)
{
    flush_ask(FLUSH_PAGE, asid, va, height);
}

void host_tlb_flush_walks(unsigned asid, vaddr_t va)
{
    flush_ask(FLUSH_WALKS, asid, va, 0);
}

void host_tlb_flush_asid(unsigned asid)
{
    flush_ask(FLUSH_ASID, asid, 0, 0);
}

void host_tlb_flush_all(void)
{
    flush_ask(FLUSH_ALL, 0, 0, 0);
}

void host_tlb_end(void)
{
    unsigned cpu = host_cpu_index();
    if (!host_own[cpu].flushing)
        host_mmu_fail("cpu %u: arch_tlb_end() without begin", cpu);
    flush_apply(cpu);
    host_own[cpu].flushing = false;
    host_own[cpu].unsynced = false;
    host_mmu_count(&host_mmu_flushes);
}
