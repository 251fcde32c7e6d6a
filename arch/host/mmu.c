/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated MMU: walker, TLBs, user accesses. machine/host_mmu.h says what it finds, mmu.h how
 * it is divided.
 */
#include "mmu.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned asid_count = 256;
static _Atomic vaddr_t hint[HINTS];
static _Atomic unsigned next_hint;
_Atomic uint64_t host_mmu_flushes, host_mmu_fills, host_mmu_speculative,
    host_mmu_kinds[FLUSH_ALL + 1];
struct tlb host_tlb[MAX_CPUS];
struct own host_own[MAX_CPUS];

void (*host_mmu_on_failure)(const char *message);

void host_mmu_fail(const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "host mmu: %s\n", text);
    if (host_mmu_on_failure != NULL)
        host_mmu_on_failure(text);
    abort();
}

static bool chance(uint64_t *random, unsigned one_in)
{
    return host_random_below(random, one_in) == 0;
}

[[gnu::constructor]] static void mmu_start(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++)
        pthread_mutex_init(&host_tlb[i].lock, NULL);
    host_mmu_reset(1, 0);
}

void host_mmu_reset(uint64_t seed, unsigned asids)
{
    asid_count = asids != 0 ? asids : 256;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        pthread_mutex_lock(&host_tlb[i].lock);
        host_tlb[i].active = false;
        host_tlb[i].random = seed * 16 + i;
        memset(host_tlb[i].leaf, 0, sizeof(host_tlb[i].leaf));
        memset(host_tlb[i].walk, 0, sizeof(host_tlb[i].walk));
        pthread_mutex_unlock(&host_tlb[i].lock);
        memset(&host_own[i], 0, sizeof(host_own[i]));
        host_own[i].random = seed * 16 + 8 + i;
    }
}

unsigned arch_asid_count(void)
{
    return asid_count;
}

void host_mmu_hint(vaddr_t va)
{
    unsigned i = atomic_fetch_add_explicit(&next_hint, 1, memory_order_relaxed);
    atomic_store_explicit(&hint[i % HINTS], va, memory_order_relaxed);
}

/* --- walking, TLB lock held --- */

pte_t host_mmu_entry(paddr_t table, vaddr_t va, unsigned height)
{
    if (table >= HOST_MEMORY_LIMIT)
        host_mmu_fail("a table at %llx, where no memory is", (unsigned long long)table);
    const pte_t *slot = (const pte_t *)phys_to_virt(table) + (va / span_of(height)) % PT_ENTRIES;
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static void keep_walk(struct tlb *t, vaddr_t va, unsigned height, paddr_t table)
{
    t->walk[host_random_below(&t->random, WALKS)] = (struct walk){
        .valid = true,
        .asid = t->asid,
        .height = height,
        .root = t->root,
        .table = table,
        .va = va & ~(span_of(height + 1) - 1),
    };
}

/* Where to begin: at the root, or at a table remembered. */
static paddr_t walk_start(struct tlb *t, vaddr_t va, unsigned *height)
{
    const struct walk *w = &t->walk[host_random_below(&t->random, WALKS)];
    *height = ARCH_USER_ROOT_HEIGHT;
    if (!w->valid || w->asid != t->asid || (va & ~(span_of(w->height + 1) - 1)) != w->va)
        return t->root;
    if (w->root != t->root)
        host_mmu_fail("asid %u: a walk of another address space is used", t->asid);
    *height = w->height;
    return w->table;
}

enum host_fault host_mmu_leaf(pte_t pte, vaddr_t va, unsigned height, struct leaf *out)
{
    if ((pte >> 56 & 3) != height || (pte & HOST_PTE_TABLE))
        host_mmu_fail("entry %llx for %llx is out of place at height %u", (unsigned long long)pte,
                      (unsigned long long)va, height);
    if (!(arch_pte_flags(pte) & PTE_YOUNG))
        return HOST_FAULT_ACCESS_FLAG;
    *out = (struct leaf){
        .valid = true,
        .prot = arch_pte_prot(pte),
        .type = arch_pte_type(pte),
        .va = va & ~(span_of(height) - 1),
        .span = span_of(height),
        .size = height == 0 && (arch_pte_flags(pte) & PTE_RUN) ? RUN_SIZE : span_of(height),
        .pa = arch_pte_address(pte),
    };
    return HOST_FAULT_NONE;
}

static enum host_fault walk_tables(struct tlb *t, vaddr_t va, struct leaf *out)
{
    unsigned h;
    paddr_t table = walk_start(t, va, &h);
    for (;;) {
        pte_t pte = host_mmu_entry(table, va, h);
        if (!arch_pte_is_valid(pte))
            return HOST_FAULT_TRANSLATION;
        if (!arch_pte_is_table(pte, h)) {
            enum host_fault fault = host_mmu_leaf(pte, va, h, out);
            out->asid = t->asid;
            out->root = t->root;
            return fault;
        }
        table = arch_pte_address(pte);
        h--;
        keep_walk(t, va, h, table);
    }
}

/* --- the TLB, its lock held --- */

/* Two translations that hold at the same time must be one. */
static void compare(const struct tlb *t, vaddr_t va, const struct leaf *fresh)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        const struct leaf *old = &t->leaf[i];
        if (!leaf_covers(old, t->asid, va))
            continue;
        if (old->root != t->root)
            host_mmu_fail("cpu %u: asid %u is used by two address spaces", (unsigned)(t - host_tlb),
                          t->asid);
        if (old->pa + (va - old->va) != fresh->pa + (va - fresh->va) || old->size != fresh->size ||
            old->type != fresh->type)
            host_mmu_fail(
                "cpu %u: break-before-make: %llx was %llx (size %llx), is %llx (size %llx)",
                (unsigned)(t - host_tlb), (unsigned long long)va, (unsigned long long)old->pa,
                (unsigned long long)old->size, (unsigned long long)fresh->pa,
                (unsigned long long)fresh->size);
    }
}

static void fill(struct tlb *t, vaddr_t va, struct leaf fresh)
{
    compare(t, va, &fresh);
    if (fresh.size == RUN_SIZE && chance(&t->random, 2)) {
        fresh.pa &= ~(RUN_SIZE - 1);
        fresh.va &= ~(RUN_SIZE - 1);
        fresh.span = RUN_SIZE;
    }
    t->leaf[host_random_below(&t->random, LEAVES)] = fresh;
    host_mmu_count(&host_mmu_fills);
}

/* A walk that nobody asked for. */
static void speculate(struct tlb *t)
{
    struct leaf fresh;
    vaddr_t va =
        atomic_load_explicit(&hint[host_random_below(&t->random, HINTS)], memory_order_relaxed);
    if (!t->active || va >= ARCH_USER_VA_END)
        return;
    host_mmu_count(&host_mmu_speculative);
    if (walk_tables(t, va, &fresh) == HOST_FAULT_NONE)
        fill(t, va, fresh);
}

void host_mmu_speculate(void)
{
    uint64_t *random = &host_own[host_cpu_index()].random;
    if (!chance(random, 4))
        return;
    struct tlb *t = &host_tlb[host_random_below(random, MAX_CPUS)];
    pthread_mutex_lock(&t->lock);
    speculate(t);
    pthread_mutex_unlock(&t->lock);
}

static enum host_fault translate(struct tlb *t, vaddr_t va, struct leaf *out)
{
    struct leaf fresh;
    const struct leaf *hit = NULL;
    unsigned first = (unsigned)host_random_below(&t->random, LEAVES);
    for (unsigned i = 0; i < LEAVES && hit == NULL; i++) {
        if (leaf_covers(&t->leaf[(first + i) % LEAVES], t->asid, va))
            hit = &t->leaf[(first + i) % LEAVES];
    }
    if (hit != NULL && hit->root != t->root)
        host_mmu_fail("cpu %u: asid %u is used by two address spaces", (unsigned)(t - host_tlb),
                      t->asid);
    if (hit != NULL)
        *out = *hit;
    if (hit != NULL && !chance(&t->random, 2))
        return HOST_FAULT_NONE;
    enum host_fault fault = walk_tables(t, va, &fresh);
    if (fault == HOST_FAULT_NONE)
        fill(t, va, fresh);
    if (hit != NULL)
        return HOST_FAULT_NONE;
    *out = fresh;
    return fault;
}

/* Move bytes between memory and buffer as the CPU does: whole words where they are aligned. */
static void move(paddr_t pa, char *buffer, size_t n, bool write)
{
    char *memory = phys_to_virt(pa);
    while (n > 0) {
        size_t part = (uintptr_t)memory % 8 == 0 && n >= 8   ? 8
                      : (uintptr_t)memory % 4 == 0 && n >= 4 ? 4
                                                             : 1;
        uint64_t value = 0;
        if (write)
            memcpy(&value, buffer, part);
        if (part == 8 && write)
            __atomic_store_n((uint64_t *)(void *)memory, value, __ATOMIC_RELAXED);
        else if (part == 8)
            value = __atomic_load_n((uint64_t *)(void *)memory, __ATOMIC_RELAXED);
        else if (part == 4 && write)
            __atomic_store_n((uint32_t *)(void *)memory, (uint32_t)value, __ATOMIC_RELAXED);
        else if (part == 4)
            value = __atomic_load_n((uint32_t *)(void *)memory, __ATOMIC_RELAXED);
        else if (write)
            __atomic_store_n(memory, (char)value, __ATOMIC_RELAXED);
        else
            value = (unsigned char)__atomic_load_n(memory, __ATOMIC_RELAXED);
        if (!write)
            memcpy(buffer, &value, part);
        memory += part;
        buffer += part;
        n -= part;
    }
}

enum host_fault host_user_access(unsigned cpu, vaddr_t va, unsigned access, void *buffer, size_t n)
{
    struct tlb *t = &host_tlb[cpu];
    struct leaf leaf = {.valid = false};
    enum host_fault fault = HOST_FAULT_TRANSLATION;
    if (host_own[cpu].unsynced)
        host_mmu_fail("cpu %u: user code runs after an entry was written without arch_pte_sync()",
                      cpu);
    if (host_own[cpu].flushing)
        host_mmu_fail("cpu %u: user code runs between arch_tlb_begin() and arch_tlb_end()", cpu);
    host_mmu_hint(va);
    pthread_mutex_lock(&t->lock);
    if (chance(&t->random, 4))
        speculate(t);
    if (t->active && va < ARCH_USER_VA_END)
        fault = translate(t, va, &leaf);
    if (fault == HOST_FAULT_NONE && (access & ~leaf.prot) != 0)
        fault = HOST_FAULT_PERMISSION;
    if (fault == HOST_FAULT_NONE && n != 0)
        move(leaf.pa + (va - leaf.va), buffer, n, access == PROT_WRITE);
    pthread_mutex_unlock(&t->lock);
    return fault;
}

/* --- the contract --- */

void host_mmu_activate(paddr_t root, unsigned asid)
{
    struct tlb *t = &host_tlb[host_cpu_index()];
    if (asid == 0 || asid >= asid_count)
        host_mmu_fail("asid %u does not exist", asid);
    pthread_mutex_lock(&t->lock);
    t->active = true;
    t->root = root;
    t->asid = asid;
    pthread_mutex_unlock(&t->lock);
}

void host_mmu_deactivate(void)
{
    struct tlb *t = &host_tlb[host_cpu_index()];
    pthread_mutex_lock(&t->lock);
    t->active = false;
    pthread_mutex_unlock(&t->lock);
}
