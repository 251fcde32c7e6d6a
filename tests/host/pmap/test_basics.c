/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the contract says in words, once each: errors, sizes, splitting, chunks, the cost of
 * maintenance.
 */
#include "pmap_test.h"

static struct pool pool;
static struct pmap *pmap;

static const unsigned RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXECUTE;

static kern_return_t enter(vaddr_t va, struct frame *frame, uint64_t size, unsigned prot,
                           unsigned flags)
{
    return pmap_enter(pmap, va, frame_address(frame), size, prot, MEM_NORMAL, flags);
}

static void test_errors(void)
{
    struct frame *f = pool.single[0];
    struct pmap_mapping m;
    CHECK_EQ(enter(0, f, PAGE_SIZE, PROT_ALL, 0), KERN_PROTECTION_FAILURE);
    CHECK_EQ(enter(0, f, PAGE_SIZE, PROT_NONE, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(enter(0, f, 8192, PROT_READ, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(enter(1, f, PAGE_SIZE, PROT_READ, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(enter(PAGE_SIZE, pool.run[0], RUN_SIZE, PROT_READ, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(enter(ARCH_USER_VA_END, f, PAGE_SIZE, PROT_READ, 0), KERN_INVALID_ADDRESS);
    CHECK_EQ(enter(~PAGE_MASK, f, PAGE_SIZE, PROT_READ, 0), KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap_enter(pmap, 0, ~PAGE_MASK, PAGE_SIZE, PROT_READ, MEM_DEVICE, PMAP_UNMANAGED),
             KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap_extract(pmap, 0, &m), KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap_extract(pmap, ~UINT64_C(0), &m), KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap_fault(pmap, ~UINT64_C(0), PROT_READ), KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap_set_wired(pmap, ARCH_USER_VA_END, true), KERN_INVALID_ADDRESS);
    CHECK_EQ(pmap->tables, 1);
    CHECK_EQ(enter(ARCH_USER_VA_END - PAGE_SIZE, f, PAGE_SIZE, PROT_READ, 0), KERN_SUCCESS);
    CHECK_EQ(pmap->tables, 3);
    CHECK_EQ(enter(ARCH_USER_VA_END - PAGE_SIZE, f, PAGE_SIZE, PROT_READ, 0), KERN_EXISTS);
    remove_all(pmap, 0, ARCH_USER_VA_END);
    CHECK_EQ(pmap->tables, 1);
}

static struct host_mmu_statistics figures;

static void figures_begin(void)
{
    host_mmu_statistics(&figures);
}

/* No more maintenance than this since figures_begin(), and never all of an address space or of
 * the TLB. */
static void figures_check(uint64_t flushes, uint64_t pages)
{
    struct host_mmu_statistics now;
    host_mmu_statistics(&now);
    CHECK_EQ(now.flushes - figures.flushes, flushes);
    CHECK_EQ(now.pages - figures.pages, pages);
    CHECK_EQ(now.asids, figures.asids);
    CHECK_EQ(now.all, figures.all);
}

static void test_maintenance(void)
{
    pmap_activate(pmap);
    figures_begin();
    CHECK_EQ(enter(0x5000, pool.single[0], PAGE_SIZE, PROT_READ, 0), KERN_SUCCESS);
    figures_check(0, 0); /* new: none */
    CHECK_EQ(enter(0x5000, pool.single[1], PAGE_SIZE, RW, PMAP_REPLACE), KERN_SUCCESS);
    figures_check(1, 1); /* copy on write */
    protect_all(pmap, 0x5000, 0x6000, PROT_READ);
    figures_check(2, 2);
    CHECK_EQ(enter(0x5000, pool.single[1], PAGE_SIZE, RW, PMAP_REPLACE), KERN_SUCCESS);
    figures_check(3, 3);
    CHECK(pmap_page_clear_referenced(pool.single[1]));
    figures_check(4, 4);
    CHECK_EQ(pmap_fault(pmap, 0x5000, PROT_WRITE), KERN_SUCCESS);
    figures_check(4, 4); /* young again: none */
    CHECK_EQ(enter(0x200000, pool.large[0], LARGE_SIZE, RW, 0), KERN_SUCCESS);
    protect_all(pmap, 0x200000, 0x400000, PROT_READ);
    figures_check(5, 5);
    remove_all(pmap, 0, ARCH_USER_VA_END);
    CHECK_EQ(atomic_load(&pool.single[1]->flags), FRAME_FLAG_REFERENCED | FRAME_FLAG_DIRTY);
    CHECK_EQ(atomic_load(&pool.single[0]->flags), FRAME_FLAG_REFERENCED);
    CHECK_EQ(atomic_load(&pool.large[0]->flags),
             FRAME_FLAG_REFERENCED | FRAME_FLAG_DIRTY | FRAME_FLAG_LARGE);
    pmap_activate(NULL);
}

/* A 2 MiB leaf loses one page, then everything but one page; then the reverse mapping of the
 * whole goes. */
static void test_split(void)
{
    struct pmap_mapping m;
    vaddr_t va = 0x40000000;
    CHECK_EQ(enter(va, pool.large[1], LARGE_SIZE, RX, PMAP_WIRED), KERN_SUCCESS);
    CHECK_EQ(pmap->tables, 3); /* one is kept for splitting */
    alloc_fail_nth(1);
    remove_all(pmap, va + 0x23000, va + 0x24000);
    CHECK_EQ(alloc_fail_nth(0), 0); /* nothing allocated */
    CHECK_EQ(pmap->tables, 3);
    CHECK_EQ(pmap->wired, 511);
    CHECK_EQ(pmap_extract(pmap, va + 0x20000, &m), KERN_SUCCESS);
    CHECK_EQ(m.size, PAGE_SIZE);
    CHECK_EQ(pmap_extract(pmap, va + 0x12345, &m), KERN_SUCCESS);
    CHECK_EQ(m.size, RUN_SIZE);
    CHECK_EQ(m.pa, frame_address(pool.large[1]) + 0x12345);
    CHECK_EQ(atomic_load(&pool.large[1]->mapped), 1);
    CHECK_EQ(enter(va + 0x23000, &pool.large[1][0x23], PAGE_SIZE, RX, 0), KERN_SUCCESS);
    CHECK_EQ(atomic_load(&pool.large[1][0x23].mapped), 0); /* a piece again */
    remove_all(pmap, va, va + 0x1ff000);
    CHECK_EQ(atomic_load(&pool.large[1]->mapped), 1);
    pmap_page_protect(&pool.large[1][511], PROT_NONE);
    CHECK_EQ(atomic_load(&pool.large[1]->mapped), 0);
    CHECK_EQ(pmap->tables, 1);
    CHECK_EQ(pmap->wired, 0);
}

/* A range is done in chunks, a sparse one too. */
static void test_chunks(void)
{
    unsigned calls = 0;
    CHECK_EQ(enter(0, pool.large[0], LARGE_SIZE, RW, 0), KERN_SUCCESS);
    pmap_page_protect(&pool.large[0][7], PROT_NONE);
    for (vaddr_t va = 0; va < LARGE_SIZE; calls++) {
        uint64_t before = pmap->resident;
        va = pmap_remove(pmap, va, LARGE_SIZE);
        CHECK(before - pmap->resident <= PMAP_CHUNK);
    }
    CHECK(calls >= 32 && calls <= 64);
    CHECK_EQ(enter(ARCH_USER_VA_END - PAGE_SIZE, pool.single[0], PAGE_SIZE, RW, 0), KERN_SUCCESS);
    calls = 0;
    for (vaddr_t va = 0; va < ARCH_USER_VA_END; calls++)
        va = pmap_remove(pmap, va, ARCH_USER_VA_END);
    CHECK(calls > 2 && calls < 60);
}

/* Every page of RAM mapped many times, taken away by frame. */
static void test_sharing(void)
{
    struct frame *f = pool.single[5];
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(enter(i * 0x3000, f, PAGE_SIZE, RW, 0), KERN_SUCCESS);
    CHECK_EQ(atomic_load(&f->mapped), 100);
    pmap_page_protect(f, PROT_READ);
    CHECK_EQ(atomic_load(&f->mapped), 100);
    CHECK(pmap_check(pmap));
    pmap_page_protect(f, PROT_NONE);
    CHECK_EQ(atomic_load(&f->mapped), 0);
    CHECK_EQ(pmap->resident, 0);
    CHECK_EQ(pmap->tables, 1);
}

static uint64_t *word_of(struct frame *frame)
{
    return phys_to_virt(frame_address(frame));
}

/* The kernel copies by the page tables: that counts as use, like the program's own. */
static void test_copies(void)
{
    const vaddr_t a = 0x5000, b = 0x9000, again = 0xb000;
    struct frame *from = pool.single[2], *to = pool.single[3];
    uint64_t was = *word_of(to), pa = *word_of(from);
    CHECK_EQ(enter(a, from, PAGE_SIZE, PROT_READ, 0), KERN_SUCCESS);
    CHECK_EQ(enter(b, to, PAGE_SIZE, RW, 0), KERN_SUCCESS);
    CHECK(pmap_page_clear_referenced(from));
    (void)pmap_page_clear_referenced(to);
    atomic_store(&to->flags, 0);
    CHECK_EQ(pmap_copy_within(pmap, b, a, 8), 8);
    CHECK_EQ(*word_of(to), pa);
    CHECK(pmap_page_clear_referenced(from));
    CHECK(!pmap_page_is_referenced(from));
    CHECK_EQ(atomic_load(&to->flags), FRAME_FLAG_REFERENCED | FRAME_FLAG_DIRTY);

    /* two addresses of one frame: beside each other, then over each other */
    CHECK_EQ(enter(again, to, PAGE_SIZE, PROT_READ, 0), KERN_SUCCESS);
    CHECK_EQ(pmap_copy_within(pmap, b + 16, again, 16), 16);
    CHECK_EQ(word_of(to)[2], pa);
    CHECK_EQ(pmap_copy_within(pmap, b + 8, again, 16), 0);
    CHECK_EQ(pmap_copy_within(pmap, b, again + 8, 16), 0);
    CHECK_EQ(pmap_copy_within(pmap, b, again, 8), 0);
    *word_of(to) = was;
    remove_all(pmap, 0, ARCH_USER_VA_END);
}

void test_basics(void)
{
    world_begin(check_random(), 0);
    struct counts before = counts_now(&kernel_ledger);
    pool_make(&pool);
    CHECK_EQ(pmap_create(&kernel_ledger, &pmap), KERN_SUCCESS);
    test_errors();
    test_maintenance();
    test_split();
    test_chunks();
    test_sharing();
    test_copies();
    pmap_destroy(pmap);
    pool_free(&pool);
    counts_check(before, &kernel_ledger);
}
