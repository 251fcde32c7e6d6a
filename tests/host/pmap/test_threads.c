/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four host threads as CPUs on three shared address spaces, and each with one of its own that comes
 * and goes, while all of them take frames away by number. For ThreadSanitizer, and for the locks
 * between the two directions.
 */
#include "pmap_test.h"
#include <pthread.h>

enum { THREADS = 4, SHARED = 3 };

static struct pool pool;
static struct pmap *shared[SHARED];
static unsigned step_count;

struct worker {
    unsigned cpu;
    uint64_t random;
    struct pmap *own;
    pthread_t thread;
};

static uint64_t below(struct worker *w, uint64_t limit)
{
    return host_random_below(&w->random, limit);
}

static struct frame *some_frame(struct worker *w)
{
    uint64_t n = below(w, 12);
    return n < 8    ? pool.single[n]
           : n < 10 ? pool.run[0] + below(w, PT_RUN)
                    : pool.large[0] + below(w, 3);
}

/* Addresses: 2 MiB for each CPU, so that what is there was put there by it, and one for all. */
static vaddr_t some_va(struct worker *w)
{
    return (below(w, 2) ? w->cpu + 1 : 0) * LARGE_SIZE + below(w, 48) * PAGE_SIZE;
}

static void work_enter(struct worker *w, struct pmap *pmap)
{
    vaddr_t va = some_va(w);
    uint64_t kind = below(w, 10), size = kind == 0 ? LARGE_SIZE : kind == 1 ? RUN_SIZE : PAGE_SIZE;
    struct frame *frame = kind == 0 ? pool.large[0] : kind == 1 ? pool.run[0] : some_frame(w);
    unsigned prot = below(w, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
    kern_return_t kr = pmap_enter(pmap, round_down(va, size), frame_address(frame), size, prot,
                                  MEM_NORMAL, below(w, 3) ? PMAP_REPLACE : 0);
    if (kr != KERN_SUCCESS && kr != KERN_EXISTS)
        abort();
}

static void work_by_frame(struct worker *w)
{
    struct frame *frame = some_frame(w);
    uint64_t what = below(w, 4);
    if (what == 0)
        pmap_page_protect(frame, PROT_NONE);
    else if (what == 1)
        pmap_page_protect(frame, PROT_READ);
    else if (what == 2)
        (void)pmap_page_clear_referenced(frame);
    else
        (void)pmap_page_is_referenced(frame);
}

/* What is read, if anything, is the page that some frame begins with; writing puts the same
 * back. */
static void work_access(struct worker *w)
{
    struct pmap *pmap = cpu_record[w->cpu].pmap;
    vaddr_t va = some_va(w);
    uint64_t word = 0;
    if (pmap == NULL)
        return;
    enum host_fault fault = host_user_access(w->cpu, va, PROT_READ, &word, sizeof(word));
    if (fault == HOST_FAULT_NONE && *(const uint64_t *)phys_to_virt(word) != word)
        abort();
    if (fault == HOST_FAULT_ACCESS_FLAG)
        (void)!pmap_fault(pmap, va, PROT_READ);
}

static void work_own(struct worker *w)
{
    if (w->own == NULL) {
        if (pmap_create(&kernel_ledger, &w->own) != KERN_SUCCESS)
            abort();
        return;
    }
    work_enter(w, w->own);
    if (below(w, 6) != 0)
        return;
    if (cpu_record[w->cpu].pmap == w->own)
        pmap_activate(NULL);
    for (vaddr_t va = 0; va < (THREADS + 2) * LARGE_SIZE;)
        va = pmap_remove(w->own, va, (THREADS + 2) * LARGE_SIZE);
    pmap_destroy(w->own);
    w->own = NULL;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    be_cpu(w->cpu);
    host_on_cpu = true;
    for (unsigned i = 0; i < step_count; i++) {
        struct pmap *pmap = shared[below(w, SHARED)];
        vaddr_t va = some_va(w);
        switch (below(w, 10)) {
        case 0:
        case 1: work_enter(w, pmap); break;
        case 2: (void)pmap_remove(pmap, va, va + (1 + below(w, 8)) * PAGE_SIZE); break;
        case 3: (void)pmap_protect(pmap, va, va + (1 + below(w, 8)) * PAGE_SIZE, PROT_READ); break;
        case 4: work_by_frame(w); break;
        case 5: pmap_activate(below(w, 4) ? pmap : w->own); break;
        case 6: work_own(w); break;
        case 7: (void)!pmap_set_wired(pmap, va, below(w, 2)); break;
        default: work_access(w); break;
        }
    }
    pmap_activate(NULL);
    if (w->own != NULL) {
        for (vaddr_t va = 0; va < ARCH_USER_VA_END;)
            va = pmap_remove(w->own, va, ARCH_USER_VA_END);
        pmap_destroy(w->own);
    }
    return NULL;
}

void test_threads(unsigned steps)
{
    struct worker worker[THREADS];
    world_begin(check_random(), 6);
    struct counts before = counts_now(&kernel_ledger);
    pool_make(&pool);
    step_count = steps;
    for (unsigned i = 0; i < SHARED; i++)
        CHECK_EQ(pmap_create(&kernel_ledger, &shared[i]), KERN_SUCCESS);
    for (unsigned i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){.cpu = i, .random = check_random()};
        CHECK_EQ(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(worker[i].thread, NULL), 0);
    host_mmu_check();
    for (unsigned i = 0; i < SHARED; i++) {
        CHECK(pmap_check(shared[i]));
        remove_all(shared[i], 0, ARCH_USER_VA_END);
        pmap_destroy(shared[i]);
    }
    pool_free(&pool);
    counts_check(before, &kernel_ledger);
}
