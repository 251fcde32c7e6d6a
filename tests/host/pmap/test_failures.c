/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n: the call says so, and nothing has changed.
 */
#include "pmap_test.h"

static struct pool pool;
static struct pmap *pmap, *other;

enum { VA = 0x200000 };

static kern_return_t create(void)
{
    struct pmap *made;
    kern_return_t kr = pmap_create(&kernel_ledger, &made);
    if (kr == KERN_SUCCESS)
        pmap_destroy(made);
    return kr;
}

static kern_return_t enter(vaddr_t va, struct frame *frame, uint64_t size, unsigned prot)
{
    return pmap_enter(pmap, va, frame_address(frame), size, prot, MEM_NORMAL, PMAP_REPLACE);
}

static kern_return_t page(void)
{
    return enter(VA, pool.single[0], PAGE_SIZE, PROT_READ);
}

static kern_return_t run(void)
{
    return enter(VA, pool.run[0], RUN_SIZE, PROT_READ);
}

static kern_return_t large(void)
{
    return enter(VA, pool.large[0], LARGE_SIZE, PROT_READ);
}

/* Over something that is there. */
static kern_return_t page_over_large(void)
{
    kern_return_t kr = enter(VA + 0x7000, pool.single[0], PAGE_SIZE, PROT_READ);
    struct pmap_mapping m;
    CHECK_EQ(pmap_extract(pmap, VA + 0x7000, &m), KERN_SUCCESS);
    CHECK_EQ(m.pa, kr == KERN_SUCCESS ? frame_address(pool.single[0])
                                      : frame_address(pool.large[1]) + 0x7000);
    return kr;
}

static kern_return_t run_over_large(void)
{
    return enter(VA + RUN_SIZE, pool.run[0], RUN_SIZE, PROT_READ);
}

static kern_return_t large_over_large(void)
{
    return enter(VA, pool.large[0], LARGE_SIZE, PROT_READ);
}

/* Let the first allocation of `call` fail, then the second, until it succeeds. Returns how many
 * there were. */
static unsigned every_failure(kern_return_t (*call)(void))
{
    for (unsigned n = 1;; n++) {
        struct counts before = counts_now(&kernel_ledger);
        alloc_fail_nth(n);
        kern_return_t kr = call();
        alloc_fail_nth(0);
        CHECK(pmap_check(pmap) && pmap_check(other));
        host_mmu_check();
        if (kr == KERN_SUCCESS)
            return n - 1;
        CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
        counts_check(before, &kernel_ledger);
    }
}

static void clear(void)
{
    remove_all(pmap, 0, ARCH_USER_VA_END);
    CHECK_EQ(pmap->tables, 1);
}

static void over_large(kern_return_t (*call)(void), unsigned allocations)
{
    CHECK_EQ(enter(VA, pool.large[1], LARGE_SIZE, PROT_READ | PROT_WRITE), KERN_SUCCESS);
    CHECK_EQ(every_failure(call), allocations);
    clear();
}

/* Limits of the ledger are errors of their own. */
static void test_limit(void)
{
    int64_t used = ledger_used(&kernel_ledger, LEDGER_PAGE_TABLES);
    struct ledger *poor;
    struct pmap *p;
    CHECK_EQ(ledger_create(&kernel_ledger, &poor), KERN_SUCCESS);
    ledger_set_limit(poor, LEDGER_PAGE_TABLES, 2);
    CHECK_EQ(pmap_create(poor, &p), KERN_SUCCESS);
    CHECK_EQ(pmap_enter(p, VA, frame_address(pool.single[0]), PAGE_SIZE, PROT_READ, MEM_NORMAL, 0),
             KERN_LIMIT);
    CHECK_EQ(pmap_enter(p, VA, frame_address(pool.large[0]), LARGE_SIZE, PROT_READ, MEM_NORMAL, 0),
             KERN_LIMIT);
    CHECK_EQ(p->tables, 1);
    CHECK_EQ(atomic_load(&pool.single[0]->mapped), 0);
    pmap_destroy(p);
    ledger_unref(poor);
    CHECK_EQ(ledger_used(&kernel_ledger, LEDGER_PAGE_TABLES), used);
}

void test_failures(void)
{
    world_begin(check_random(), 0);
    pool_make(&pool);
    CHECK_EQ(pmap_create(&kernel_ledger, &pmap), KERN_SUCCESS);
    CHECK_EQ(pmap_create(&kernel_ledger, &other), KERN_SUCCESS);
    CHECK_EQ(every_failure(create), 2); /* the object and the root */
    CHECK_EQ(every_failure(page), 2);   /* two tables */
    clear();
    CHECK_EQ(every_failure(run), 2);
    clear();
    CHECK_EQ(every_failure(large), 2); /* one table and the spare */
    clear();

    /* All frames mapped once already: reverse mappings need memory. */
    CHECK_EQ(pmap_enter(other, 0, frame_address(pool.single[0]), PAGE_SIZE, PROT_READ, MEM_NORMAL,
                        0),
             KERN_SUCCESS);
    CHECK_EQ(pmap_enter(other, RUN_SIZE, frame_address(pool.run[0]), RUN_SIZE, PROT_READ,
                        MEM_NORMAL, 0),
             KERN_SUCCESS);
    CHECK_EQ(pmap_enter(other, VA, frame_address(pool.large[0]), LARGE_SIZE, PROT_READ, MEM_NORMAL,
                        0),
             KERN_SUCCESS);
    CHECK_EQ(every_failure(page), 3);
    clear();
    CHECK_EQ(every_failure(run), 2 + PT_RUN);
    clear();
    CHECK_EQ(every_failure(large), 3);
    clear();
    over_large(page_over_large, 1);
    over_large(run_over_large, PT_RUN);
    over_large(large_over_large, 2);
    remove_all(other, 0, ARCH_USER_VA_END);
    test_limit();
    pmap_destroy(other);
    pmap_destroy(pmap);
    pool_free(&pool);
}
