/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated MMU: walker, TLBs, broadcast maintenance, and the watch over the rules of arch/mmu.h.
 * machine/host_mmu.h says what it finds.
 *
 * M1 tlb[n] is guarded by its lock, also against its own CPU: a flush comes from anywhere. A simulated access holds it
 *    until the data has been moved, as a real flush waits for accesses that use the old translation.
 * M2 own[n] belongs to whatever runs as CPU n.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <machine/host_machine.h>
#include <machine/host_mmu.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAVES = 32, WALKS = 12, PENDING = 128, HINTS = 64 };

#define RUN_SIZE (PAGE_SIZE * PT_RUN)

struct leaf {
    bool valid;
    unsigned asid, prot;
    enum mem_type type;
    paddr_t root; /* whose tables it came from */
    vaddr_t va;
    uint64_t span; /* what this entry translates; a page of a run, or all of it */
    uint64_t size; /* of the leaf or run in the tables */
    paddr_t pa;
};

struct walk {
    bool valid;
    unsigned asid, height; /* of the table it leads to */
    paddr_t root, table;
    vaddr_t va;
};

static struct tlb {
    pthread_mutex_t lock;
    bool active;
    unsigned asid;
    paddr_t root;
    uint64_t random;
    struct leaf leaf[LEAVES];
    struct walk walk[WALKS];
} tlb[MAX_CPUS];

enum flush_kind { FLUSH_PAGE, FLUSH_WALKS, FLUSH_ASID, FLUSH_ALL };

struct flush {
    enum flush_kind kind;
    unsigned asid, height;
    vaddr_t va;
};

static struct {
    uint64_t random;
    bool flushing; /* between begin and end */
    bool written;  /* an entry was written since begin */
    bool unsynced; /* a new entry was written since the last arch_pte_sync() */
    unsigned pending;
    struct flush flush[PENDING];
} own[MAX_CPUS];

static unsigned asid_count = 256;
static _Atomic vaddr_t hint[HINTS];
static _Atomic unsigned next_hint;
static _Atomic uint64_t count_flushes, count_fills, count_speculative, count_kind[FLUSH_ALL + 1];

void (*host_mmu_on_failure)(const char *message);

[[gnu::noreturn, gnu::format(printf, 1, 2)]] static void fail(const char *format, ...)
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

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static bool chance(uint64_t *random, unsigned one_in)
{
    return host_random_below(random, one_in) == 0;
}

[[gnu::constructor]] static void mmu_start(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++)
        pthread_mutex_init(&tlb[i].lock, NULL);
    host_mmu_reset(1, 0);
}

void host_mmu_reset(uint64_t seed, unsigned asids)
{
    asid_count = asids != 0 ? asids : 256;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        pthread_mutex_lock(&tlb[i].lock);
        tlb[i].active = false;
        tlb[i].random = seed * 16 + i;
        memset(tlb[i].leaf, 0, sizeof(tlb[i].leaf));
        memset(tlb[i].walk, 0, sizeof(tlb[i].walk));
        pthread_mutex_unlock(&tlb[i].lock);
        memset(&own[i], 0, sizeof(own[i]));
        own[i].random = seed * 16 + 8 + i;
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

static uint64_t span_of(unsigned height)
{
    return PAGE_SIZE << (9 * height);
}

static pte_t table_entry(paddr_t table, vaddr_t va, unsigned height)
{
    if (table >= HOST_MEMORY_LIMIT)
        fail("a table at %llx, where no memory is", (unsigned long long)table);
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
        fail("asid %u: a walk of another address space is used", t->asid);
    *height = w->height;
    return w->table;
}

static enum host_fault leaf_from(pte_t pte, vaddr_t va, unsigned height, struct leaf *out)
{
    if ((pte >> 56 & 3) != height || (pte & HOST_PTE_TABLE))
        fail("entry %llx for %llx is out of place at height %u", (unsigned long long)pte,
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
        pte_t pte = table_entry(table, va, h);
        if (!arch_pte_is_valid(pte))
            return HOST_FAULT_TRANSLATION;
        if (!arch_pte_is_table(pte, h)) {
            enum host_fault fault = leaf_from(pte, va, h, out);
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

static bool covers(const struct leaf *leaf, unsigned asid, vaddr_t va)
{
    return leaf->valid && leaf->asid == asid && va - leaf->va < leaf->span;
}

/* Two translations that hold at the same time must be one. */
static void compare(const struct tlb *t, vaddr_t va, const struct leaf *fresh)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        const struct leaf *old = &t->leaf[i];
        if (!covers(old, t->asid, va))
            continue;
        if (old->root != t->root)
            fail("cpu %u: asid %u is used by two address spaces", (unsigned)(t - tlb), t->asid);
        if (old->pa + (va - old->va) != fresh->pa + (va - fresh->va) || old->size != fresh->size ||
            old->type != fresh->type)
            fail("cpu %u: break-before-make: %llx was %llx (size %llx), is %llx (size %llx)", (unsigned)(t - tlb),
                 (unsigned long long)va, (unsigned long long)old->pa, (unsigned long long)old->size,
                 (unsigned long long)fresh->pa, (unsigned long long)fresh->size);
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
    count(&count_fills);
}

/* A walk that nobody asked for. */
static void speculate(struct tlb *t)
{
    struct leaf fresh;
    vaddr_t va = atomic_load_explicit(&hint[host_random_below(&t->random, HINTS)], memory_order_relaxed);
    if (!t->active || va >= ARCH_USER_VA_END)
        return;
    count(&count_speculative);
    if (walk_tables(t, va, &fresh) == HOST_FAULT_NONE)
        fill(t, va, fresh);
}

static void speculate_somewhere(void)
{
    uint64_t *random = &own[host_cpu_index()].random;
    if (!chance(random, 4))
        return;
    struct tlb *t = &tlb[host_random_below(random, MAX_CPUS)];
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
        if (covers(&t->leaf[(first + i) % LEAVES], t->asid, va))
            hit = &t->leaf[(first + i) % LEAVES];
    }
    if (hit != NULL && hit->root != t->root)
        fail("cpu %u: asid %u is used by two address spaces", (unsigned)(t - tlb), t->asid);
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
        size_t part = (uintptr_t)memory % 8 == 0 && n >= 8 ? 8 : (uintptr_t)memory % 4 == 0 && n >= 4 ? 4 : 1;
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
    struct tlb *t = &tlb[cpu];
    struct leaf leaf = {.valid = false};
    enum host_fault fault = HOST_FAULT_TRANSLATION;
    if (own[cpu].unsynced)
        fail("cpu %u: user code runs after an entry was written without arch_pte_sync()", cpu);
    if (own[cpu].flushing)
        fail("cpu %u: user code runs between arch_tlb_begin() and arch_tlb_end()", cpu);
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
    struct tlb *t = &tlb[host_cpu_index()];
    if (asid == 0 || asid >= asid_count)
        fail("asid %u does not exist", asid);
    pthread_mutex_lock(&t->lock);
    t->active = true;
    t->root = root;
    t->asid = asid;
    pthread_mutex_unlock(&t->lock);
}

void host_mmu_deactivate(void)
{
    struct tlb *t = &tlb[host_cpu_index()];
    pthread_mutex_lock(&t->lock);
    t->active = false;
    pthread_mutex_unlock(&t->lock);
}

/* R1, as far as the entry itself shows. */
static void check_change(const pte_t *slot, pte_t old, pte_t new)
{
    if (!arch_pte_is_valid(old) || !arch_pte_is_valid(new))
        return;
    uint64_t same = HOST_PTE_TABLE | HOST_PTE_FRAMES | UINT64_C(3) << 56 | UINT64_C(3) << 44 |
                    (uint64_t)(PTE_RUN | PTE_UNMANAGED) << 48;
    if (((old ^ new) & same) != 0 || ((old & HOST_PTE_TABLE) && old != new))
        fail("break-before-make: entry %p changes from %llx to %llx", (const void *)slot,
             (unsigned long long)old, (unsigned long long)new);
}

void host_pte_write(pte_t *slot, pte_t pte)
{
    unsigned cpu = host_cpu_index();
    pte_t old = arch_pte_read(slot);
    check_change(slot, old, pte);
    speculate_somewhere();
    __atomic_store_n(slot, pte, __ATOMIC_RELEASE);
    speculate_somewhere();
    bool young_now = arch_pte_flags(pte) & ~arch_pte_flags(old) & PTE_YOUNG;
    if (arch_pte_is_valid(pte) && (!arch_pte_is_valid(old) || young_now))
        own[cpu].unsynced = true;
    own[cpu].written = true;
}

void host_pte_sync(void)
{
    own[host_cpu_index()].unsynced = false;
}

void host_tlb_begin(void)
{
    unsigned cpu = host_cpu_index();
    if (own[cpu].flushing)
        fail("cpu %u: arch_tlb_begin() twice", cpu);
    own[cpu].flushing = true;
    own[cpu].written = false;
    own[cpu].pending = 0;
    speculate_somewhere();
}

static void flush_leaves(struct tlb *t, const struct flush *f)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        struct leaf *leaf = &t->leaf[i];
        bool here = f->kind >= FLUSH_ASID || covers(leaf, f->asid, f->va);
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
        pthread_mutex_lock(&tlb[n].lock);
        for (unsigned i = 0; i < own[cpu].pending; i++) {
            flush_leaves(&tlb[n], &own[cpu].flush[i]);
            flush_walks(&tlb[n], &own[cpu].flush[i]);
        }
        pthread_mutex_unlock(&tlb[n].lock);
    }
    own[cpu].pending = 0;
}

static void flush_ask(enum flush_kind kind, unsigned asid, vaddr_t va, unsigned height)
{
    unsigned cpu = host_cpu_index();
    if (!own[cpu].flushing || own[cpu].written)
        fail("cpu %u: TLB flush %s", cpu,
             own[cpu].flushing ? "of entries written after arch_tlb_begin()" : "outside begin and end");
    if (own[cpu].pending == PENDING)
        flush_apply(cpu);
    own[cpu].flush[own[cpu].pending++] = (struct flush){.kind = kind, .asid = asid, .va = va, .height = height};
    count(&count_kind[kind]);
    speculate_somewhere();
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
    if (!own[cpu].flushing)
        fail("cpu %u: arch_tlb_end() without begin", cpu);
    flush_apply(cpu);
    own[cpu].flushing = false;
    own[cpu].unsynced = false;
    count(&count_flushes);
}

/* --- checks and figures --- */

/* Follow the tables themselves down to `height`; 0 if the way ends before. */
static pte_t true_entry(paddr_t root, vaddr_t va, unsigned height, unsigned *at)
{
    paddr_t table = root;
    for (unsigned h = ARCH_USER_ROOT_HEIGHT;; h--) {
        pte_t pte = table_entry(table, va, h);
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
    if (!arch_pte_is_valid(pte) || leaf_from(pte, leaf->va, at, &now) != HOST_FAULT_NONE ||
        now.pa + (leaf->va - now.va) != leaf->pa || now.size != leaf->size || now.type != leaf->type ||
        (leaf->prot & ~now.prot) != 0)
        fail("cpu %u asid %u: stale: %llx -> %llx (size %llx, rights %u), the table says %llx", cpu, leaf->asid,
             (unsigned long long)leaf->va, (unsigned long long)leaf->pa, (unsigned long long)leaf->size, leaf->prot,
             (unsigned long long)pte);
}

void host_mmu_check(void)
{
    for (unsigned n = 0; n < MAX_CPUS; n++) {
        struct tlb *t = &tlb[n];
        pthread_mutex_lock(&t->lock);
        for (unsigned i = 0; i < LEAVES; i++) {
            if (t->leaf[i].valid)
                check_leaf(n, &t->leaf[i]);
        }
        for (unsigned i = 0; i < WALKS; i++) {
            const struct walk *w = &t->walk[i];
            unsigned at;
            if (w->valid && (true_entry(w->root, w->va, w->height + 1, &at) != arch_pte_table(w->table) ||
                             at != w->height + 1))
                fail("cpu %u asid %u: a walk to the table %llx for %llx, which is not there", n, w->asid,
                     (unsigned long long)w->table, (unsigned long long)w->va);
        }
        pthread_mutex_unlock(&t->lock);
    }
}

void host_mmu_statistics(struct host_mmu_statistics *out)
{
    out->flushes = atomic_load_explicit(&count_flushes, memory_order_relaxed);
    out->pages = atomic_load_explicit(&count_kind[FLUSH_PAGE], memory_order_relaxed);
    out->walks = atomic_load_explicit(&count_kind[FLUSH_WALKS], memory_order_relaxed);
    out->asids = atomic_load_explicit(&count_kind[FLUSH_ASID], memory_order_relaxed);
    out->all = atomic_load_explicit(&count_kind[FLUSH_ALL], memory_order_relaxed);
    out->fills = atomic_load_explicit(&count_fills, memory_order_relaxed);
    out->speculative = atomic_load_explicit(&count_speculative, memory_order_relaxed);
}
