/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random sequence of calls on several address spaces that share frames, beside a model that knows
 * nothing of tables: for each page of a few 2 MiB blocks, what it should map. After every step no
 * TLB may hold too much; simulated user accesses must do exactly what the model says. The sizes of
 * leaves are the implementation's choice; where the contract lets something depend on them (young,
 * wired) the model asks for the size.
 */
#include "pmap_test.h"

enum { BLOCKS = 4, MAX_PMAPS = 8 };

struct page {
    paddr_t pa; /* 0: nothing mapped */
    unsigned prot;
    enum mem_type type;
    bool wired;
};

struct block {
    vaddr_t va;
    paddr_t large; /* a 2 MiB leaf of this run was entered, and parts of it are left; 0: none */
    struct page page[PT_ENTRIES];
};

struct space {
    struct pmap *pmap;
    struct block block[BLOCKS];
};

static const vaddr_t block_va[BLOCKS] = {0, 7 * LARGE_SIZE, GIB - LARGE_SIZE,
                                         ARCH_USER_VA_END - LARGE_SIZE};
static struct space *space;
static unsigned space_count, cpu_number;
static struct pool pool;
static struct ledger *payer;

/* --- helpers --- */

static struct page *page_of(struct space *s, vaddr_t va)
{
    for (unsigned b = 0; b < BLOCKS; b++) {
        if (va - s->block[b].va < LARGE_SIZE)
            return &s->block[b].page[(va - s->block[b].va) / PAGE_SIZE];
    }
    return NULL;
}

static vaddr_t random_va(uint64_t size)
{
    vaddr_t base = block_va[check_below(BLOCKS)];
    uint64_t page = check_below(2) ? check_below(PT_ENTRIES) : check_below(40);
    return base + round_down(page * PAGE_SIZE, size);
}

static unsigned random_prot(void)
{
    static const unsigned prot[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXECUTE,
                                    PROT_WRITE};
    return prot[check_below(4)];
}

/* Frames that are in one piece of at least `size`; *device: not managed. Often the same few. */
static paddr_t random_pa(uint64_t size, vaddr_t va, bool *device)
{
    uint64_t offset = check_below(3) ? va % LARGE_SIZE : round_down(check_below(LARGE_SIZE), size);
    *device = check_below(12) == 0;
    if (*device)
        return DEVICE_PA + offset;
    if (size == LARGE_SIZE || check_below(4) == 0)
        return frame_address(pool.large[check_below(LARGES)]) + (size == LARGE_SIZE ? 0 : offset);
    if (size == RUN_SIZE || check_below(3) == 0)
        return frame_address(pool.run[check_below(RUNS)]) + (size == RUN_SIZE ? 0 : va % RUN_SIZE);
    return frame_address(pool.single[check_below(SINGLES)]);
}

static struct frame *random_frame(void)
{
    bool device;
    do {
        paddr_t pa = random_pa(PAGE_SIZE, random_va(PAGE_SIZE), &device);
        if (!device)
            return frame_at(check_below(6) ? pa : frame_address(pool.large[check_below(LARGES)]));
    } while (true);
}

static bool is_piece(const struct block *b, unsigned i)
{
    return b->large != 0 && b->page[i].pa == b->large + i * PAGE_SIZE;
}

/* A run that has no part left in a block is forgotten. */
static void settle_pieces(void)
{
    for (unsigned s = 0; s < space_count; s++) {
        for (unsigned n = 0; n < BLOCKS; n++) {
            struct block *b = &space[s].block[n];
            bool any = false;
            for (unsigned i = 0; i < PT_ENTRIES && b->large != 0 && !any; i++)
                any = is_piece(b, i);
            if (!any)
                b->large = 0;
        }
    }
}

static void limit_page(struct page *page, unsigned prot)
{
    page->prot &= prot;
    if (page->prot & PROT_WRITE)
        page->prot |= PROT_READ;
    if (page->prot == PROT_NONE)
        *page = (struct page){.pa = 0};
}

/* --- steps --- */

static kern_return_t expected_enter(struct space *s, vaddr_t va, uint64_t size, unsigned prot,
                                    unsigned flags)
{
    struct pmap_mapping old;
    bool taken = false;
    if ((prot & PROT_WRITE) && (prot & PROT_EXECUTE))
        return KERN_PROTECTION_FAILURE;
    for (vaddr_t a = va; a < va + size; a += PAGE_SIZE)
        taken |= page_of(s, a)->pa != 0;
    if (!taken)
        return KERN_SUCCESS;
    if (!(flags & PMAP_REPLACE))
        return KERN_EXISTS;
    if (size == LARGE_SIZE &&
        (pmap_extract(s->pmap, va, &old) != KERN_SUCCESS || old.size != LARGE_SIZE))
        return KERN_EXISTS; /* smaller leaves have to be removed first */
    return KERN_SUCCESS;
}

static void model_enter(struct space *s, vaddr_t va, paddr_t pa, uint64_t size, struct page page,
                        bool device)
{
    for (uint64_t o = 0; o < size; o += PAGE_SIZE) {
        page.pa = pa + o;
        *page_of(s, va + o) = page;
    }
    for (unsigned b = 0; b < BLOCKS && size == LARGE_SIZE; b++) {
        if (s->block[b].va == va)
            s->block[b].large = device ? 0 : pa;
    }
}

static void step_enter(struct space *s)
{
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE,
                                     RUN_SIZE,  RUN_SIZE,  LARGE_SIZE};
    uint64_t size = sizes[check_below(array_count(sizes))];
    vaddr_t va = random_va(size);
    bool device;
    paddr_t pa = random_pa(size, va, &device);
    unsigned prot = check_below(30) ? random_prot() : PROT_ALL;
    unsigned flags = (check_below(4) ? PMAP_REPLACE : 0u) | (check_below(8) ? 0u : PMAP_WIRED) |
                     (device ? PMAP_UNMANAGED : 0u);
    enum mem_type type = device ? MEM_DEVICE : check_below(10) ? MEM_NORMAL : MEM_UNCACHED;
    kern_return_t expected = expected_enter(s, va, size, prot, flags);

    struct counts before = counts_now(payer);
    bool failing = check_below(8) == 0;
    if (failing)
        alloc_fail_nth(1 + check_below(3));
    bool is_page = size == PAGE_SIZE && type == MEM_NORMAL && flags == PMAP_REPLACE;
    kern_return_t kr = is_page ? pmap_enter_page(s->pmap, va, pa, prot)
                               : pmap_enter(s->pmap, va, pa, size, prot, type, flags);
    alloc_fail_nth(0);
    if (failing && kr == KERN_RESOURCE_SHORTAGE) {
        counts_check(before, payer);
        return;
    }
    CHECK_EQ(kr, expected);
    prot |= prot & PROT_WRITE ? PROT_READ : 0;
    if (kr == KERN_SUCCESS)
        model_enter(s, va, pa, size,
                    (struct page){.prot = prot, .type = type, .wired = flags & PMAP_WIRED}, device);
}

static void step_range(struct space *s)
{
    static const unsigned limits[] = {
        PROT_NONE,  PROT_NONE,   PROT_READ, PROT_READ | PROT_EXECUTE, PROT_READ | PROT_WRITE,
        PROT_WRITE, PROT_EXECUTE};
    vaddr_t va = random_va(PAGE_SIZE), end;
    uint64_t rest = round_down(va, LARGE_SIZE) + LARGE_SIZE - va;
    uint64_t pages = check_below(3) ? 1 + check_below(40) : 1 + check_below(PT_ENTRIES);
    if (check_below(6) == 0)
        va = round_down(va, LARGE_SIZE), rest = LARGE_SIZE, pages = PT_ENTRIES;
    end = va + (pages * PAGE_SIZE < rest ? pages * PAGE_SIZE : rest);
    unsigned prot = limits[check_below(array_count(limits))];
    if (prot == PROT_NONE && check_below(2))
        remove_all(s->pmap, va, end);
    else
        protect_all(s->pmap, va, end, prot);
    for (; va < end; va += PAGE_SIZE)
        limit_page(page_of(s, va), prot);
}

static void step_page_protect(void)
{
    struct frame *frame = random_frame();
    paddr_t pa = frame_address(frame);
    unsigned prot = check_below(2) ? PROT_NONE : PROT_READ | PROT_EXECUTE;
    pmap_page_protect(frame, prot);
    for (unsigned s = 0; s < space_count; s++) {
        for (unsigned n = 0; n < BLOCKS * PT_ENTRIES; n++) {
            struct block *b = &space[s].block[n / PT_ENTRIES];
            unsigned i = n % PT_ENTRIES;
            if (b->page[i].pa == pa || (b->large == pa && is_piece(b, i)))
                limit_page(&b->page[i], prot);
        }
    }
    settle_pieces();
    if (prot == PROT_NONE && !(pa % LARGE_SIZE))
        CHECK_EQ(atomic_load(&frame->mapped), 0);
}

/* Is a leaf that maps the frame young? By the tables. */
static bool young_somewhere(paddr_t pa)
{
    for (unsigned s = 0; s < space_count; s++) {
        for (unsigned n = 0; n < BLOCKS * PT_ENTRIES; n++) {
            struct block *b = &space[s].block[n / PT_ENTRIES];
            unsigned i = n % PT_ENTRIES;
            struct pmap_mapping m;
            if (b->page[i].pa == pa || (b->large == pa && is_piece(b, i))) {
                CHECK_EQ(pmap_extract(space[s].pmap, b->va + i * PAGE_SIZE, &m), KERN_SUCCESS);
                if (m.young)
                    return true;
            }
        }
    }
    return false;
}

static void step_age(void)
{
    struct frame *frame = random_frame();
    bool expected = young_somewhere(frame_address(frame)) ||
                    (atomic_load(&frame->flags) & FRAME_FLAG_REFERENCED);
    CHECK_EQ(pmap_page_is_referenced(frame), expected);
    CHECK_EQ(pmap_page_clear_referenced(frame), expected);
    CHECK(!young_somewhere(frame_address(frame)));
    CHECK(!pmap_page_is_referenced(frame));
}

static void step_wire(struct space *s)
{
    vaddr_t va = random_va(PAGE_SIZE);
    struct pmap_mapping m;
    bool wired = check_below(2);
    kern_return_t kr = pmap_set_wired(s->pmap, va, wired);
    CHECK_EQ(kr == KERN_SUCCESS, page_of(s, va)->pa != 0);
    if (kr != KERN_SUCCESS)
        return;
    CHECK_EQ(pmap_extract(s->pmap, va, &m), KERN_SUCCESS);
    va = round_down(va, m.size);
    for (uint64_t o = 0; o < m.size; o += PAGE_SIZE)
        page_of(s, va + o)->wired = wired;
}

static struct space *space_of(const struct pmap *pmap)
{
    for (unsigned s = 0; s < space_count; s++) {
        if (space[s].pmap == pmap)
            return &space[s];
    }
    return NULL;
}

/* A user access on some CPU; the kernel's part of the fault included. */
static void step_access(void)
{
    unsigned cpu = (unsigned)check_below(cpu_number), access = 1u << check_below(3);
    struct space *s = cpu_record[cpu].pmap ? space_of(cpu_record[cpu].pmap) : NULL;
    vaddr_t va = random_va(PAGE_SIZE);
    const struct page *page = s != NULL ? page_of(s, va) : NULL;
    struct pmap_mapping m;
    uint64_t word = page != NULL ? page->pa : 0;
    bool ram = word != 0 && word < DEVICE_PA;
    be_cpu(cpu);
    enum host_fault fault = host_user_access(cpu, va, access, &word, ram ? 8 : 0);
    if (page == NULL || page->pa == 0) {
        CHECK_EQ(fault, HOST_FAULT_TRANSLATION);
        CHECK(page == NULL || pmap_fault(s->pmap, va, access) == KERN_INVALID_ADDRESS);
        return;
    }
    CHECK_EQ(pmap_extract(s->pmap, va, &m), KERN_SUCCESS);
    bool allowed = (access & ~page->prot) == 0;
    CHECK_EQ(fault, !m.young  ? HOST_FAULT_ACCESS_FLAG
                    : allowed ? HOST_FAULT_NONE
                              : HOST_FAULT_PERMISSION);
    if (fault == HOST_FAULT_NONE && ram)
        CHECK_EQ(word, page->pa);
    if (fault != HOST_FAULT_NONE || check_below(20) == 0) {
        CHECK_EQ(pmap_fault(s->pmap, va, access), allowed ? KERN_SUCCESS : KERN_PROTECTION_FAILURE);
        fault = host_user_access(cpu, va, access, &word, 0);
        CHECK(!allowed || fault == HOST_FAULT_NONE);
    }
}

static void step_activate(void)
{
    unsigned cpu = (unsigned)check_below(cpu_number);
    be_cpu(cpu);
    pmap_activate(check_below(6) ? space[check_below(space_count)].pmap : NULL);
}

static void space_make(struct space *s)
{
    *s = (struct space){.pmap = NULL};
    CHECK_EQ(pmap_create(payer, &s->pmap), KERN_SUCCESS);
    for (unsigned b = 0; b < BLOCKS; b++)
        s->block[b].va = block_va[b];
}

static void space_end(struct space *s)
{
    for (unsigned cpu = 0; cpu < cpu_number; cpu++) {
        be_cpu(cpu);
        if (cpu_record[cpu].pmap == s->pmap)
            pmap_activate(NULL);
    }
    remove_all(s->pmap, 0, ARCH_USER_VA_END);
    CHECK_EQ(s->pmap->resident, 0);
    CHECK_EQ(s->pmap->tables, 1);
    host_mmu_check();
    pmap_destroy(s->pmap);
}

static void check_space(struct space *s)
{
    uint64_t resident = 0, wired = 0;
    CHECK(pmap_check(s->pmap));
    for (unsigned n = 0; n < BLOCKS * PT_ENTRIES; n++) {
        const struct page *p = &s->block[n / PT_ENTRIES].page[n % PT_ENTRIES];
        struct pmap_mapping m;
        kern_return_t kr =
            pmap_extract(s->pmap, s->block[n / PT_ENTRIES].va + n % PT_ENTRIES * PAGE_SIZE, &m);
        CHECK_EQ(kr == KERN_SUCCESS, p->pa != 0);
        if (p->pa == 0)
            continue;
        CHECK_EQ(m.pa, p->pa);
        CHECK_EQ(m.prot, p->prot);
        CHECK_EQ(m.type, p->type);
        CHECK_EQ(m.wired, p->wired);
        resident++;
        wired += p->wired;
    }
    CHECK_EQ(s->pmap->resident, resident);
    CHECK_EQ(s->pmap->wired, wired);
}

static void step(void)
{
    struct space *s = &space[check_below(space_count)];
    unsigned what = (unsigned)check_below(100);
    be_cpu((unsigned)check_below(cpu_number));
    if (what < 30)
        step_enter(s);
    else if (what < 42)
        step_range(s);
    else if (what < 47)
        step_page_protect();
    else if (what < 51)
        step_age();
    else if (what < 55)
        step_wire(s);
    else if (what < 65)
        step_activate();
    else if (what < 99)
        step_access();
    else if (check_below(5) == 0) {
        space_end(s);
        space_make(s);
    }
    settle_pieces();
}

void test_model(unsigned steps, unsigned pmaps, unsigned cpus, unsigned asids)
{
    world_begin(check_random(), asids);
    struct counts before = counts_now(&kernel_ledger);
    pool_make(&pool);
    CHECK_EQ(ledger_create(&kernel_ledger, &payer), KERN_SUCCESS);
    space = calloc(MAX_PMAPS, sizeof(*space));
    space_count = pmaps;
    cpu_number = cpus;
    for (unsigned s = 0; s < space_count; s++)
        space_make(&space[s]);
    for (unsigned i = 0; i < steps; i++) {
        step();
        host_mmu_check();
        if (i % 50 == 0) {
            for (unsigned s = 0; s < space_count; s++)
                check_space(&space[s]);
        }
    }
    for (unsigned s = 0; s < space_count; s++)
        space_end(&space[s]);
    CHECK_EQ(ledger_used(payer, LEDGER_PAGE_TABLES), 0);
    CHECK_EQ(ledger_used(payer, LEDGER_KMEM), 0);
    ledger_unref(payer);
    free(space);
    pool_free(&pool);
    counts_check(before, &kernel_ledger);
}
