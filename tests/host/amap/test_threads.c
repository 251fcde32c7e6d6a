/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two host threads as CPUs, each with amaps that began as copies of one: they write, copy (their own
 * and the other's), remove, and end them, and both run the reaper. For ThreadSanitizer. What a
 * thread wrote into its own amap it must find there; what it finds in a copy of the other's must be
 * a page that was written for that place.
 */
#include "amap_test.h"
#include <machine/host_machine.h>
#include <pthread.h>

enum { THREADS = 2, OWN = 3, PAGES = 400, NUMBER_BITS = 40 };

static const uint64_t base[] = {4096 - 100, (1 << 24) - 100}; /* low trees, and high ones */
static struct amap *front[2][THREADS]; /* copied by both, written by one; constant */
static unsigned step_count;

struct worker {
    unsigned cpu;
    uint64_t random, written;
    struct {
        struct amap *amap;
        uint64_t base, value[PAGES];
    } own[OWN + 2]; /* the last two: front */
    pthread_t thread;
};

static uint64_t below(struct worker *w, uint64_t limit)
{
    return host_random_below(&w->random, limit);
}

static void work_write(struct worker *w, unsigned n)
{
    uint64_t i = below(w, PAGES), count = 1 + below(w, 8);

    for (; i < PAGES && count > 0; i++, count--) {
        uint64_t page = w->own[n].base + i;
        uint64_t value = ++w->written << NUMBER_BITS | page;
        CHECK_EQ(write_page(w->own[n].amap, page, value), KERN_SUCCESS);
        w->own[n].value[i] = value;
    }
}

static void work_read(struct worker *w, unsigned n)
{
    for (unsigned count = 0; count < 20; count++) {
        uint64_t i = below(w, PAGES);
        CHECK_EQ(read_page(w->own[n].amap, w->own[n].base + i), w->own[n].value[i]);
    }
}

static void work_remove(struct worker *w, unsigned n)
{
    uint64_t first = below(w, PAGES), pages = 1 + below(w, below(w, 2) ? 20 : PAGES - first);

    remove_all(w->own[n].amap, w->own[n].base + first, pages);
    for (uint64_t i = first; i < PAGES && i < first + pages; i++)
        w->own[n].value[i] = 0;
}

static void work_copy(struct worker *w, unsigned n)
{
    unsigned to = (unsigned)below(w, OWN);
    uint64_t first = below(w, 2) ? 0 : below(w, PAGES), pages = first == 0 ? PAGES : below(w, 200);

    if (to == n)
        return;
    struct amap *amap = copy(w->own[n].amap, w->own[n].base + first, pages);
    amap_unref(w->own[to].amap);
    w->own[to].amap = amap;
    w->own[to].base = w->own[n].base;
    for (uint64_t i = 0; i < PAGES; i++)
        w->own[to].value[i] = i - first < pages ? w->own[n].value[i] : 0;
}

/* What the other has just now. */
static void work_copy_other(struct worker *w)
{
    unsigned kind = (unsigned)below(w, 2), to = (unsigned)below(w, OWN);
    struct amap *from = front[kind][1 - w->cpu];
    uint64_t first = below(w, 3) ? 0 : below(w, PAGES);

    struct amap *amap = copy(from, base[kind] + first, PAGES - first);
    amap_unref(w->own[to].amap);
    w->own[to].amap = amap;
    w->own[to].base = base[kind];
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t value = read_page(amap, base[kind] + i);
        CHECK(value == 0 || value % (UINT64_C(1) << NUMBER_BITS) == base[kind] + i);
        w->own[to].value[i] = value;
    }
}

static void *work(void *argument)
{
    struct worker *w = argument;

    be_cpu(w->cpu);
    host_on_cpu = true;
    for (unsigned i = 0; i < step_count; i++) {
        unsigned n = (unsigned)below(w, OWN + 2);
        switch (below(w, 10)) {
        case 0: work_copy(w, n); break;
        case 1: work_copy_other(w); break;
        case 2: work_remove(w, n); break;
        case 3:
        case 4: work_read(w, n); break;
        default: work_write(w, n); break;
        }
        CHECK(amap_check(w->own[n].amap));
        /* On the whole as much as dies, so that memory suffices however long this goes on. */
        for (uint64_t steps = below(w, 64); steps > 0 && reap_one(); steps--)
            ;
    }
    return NULL;
}

static void begin(struct worker *w, unsigned cpu)
{
    w->cpu = cpu;
    w->random = check_random();
    for (unsigned n = 0; n < OWN + 2; n++) {
        unsigned kind = n % 2;
        w->own[n].base = base[kind];
        w->own[n].amap = copy(front[kind][0], 0, UINT64_MAX);
        for (unsigned i = 0; i < PAGES; i++)
            w->own[n].value[i] = base[kind] + i;
    }
}

void test_threads(unsigned steps)
{
    static struct worker worker[THREADS];
    struct amap *all[THREADS * (OWN + 2)], *first[2];

    step_count = steps;
    for (unsigned kind = 0; kind < 2; kind++) {
        front[kind][0] = first[kind] = make(&kernel_ledger);
        for (unsigned i = 0; i < PAGES; i++)
            CHECK_EQ(write_page(first[kind], base[kind] + i, base[kind] + i), KERN_SUCCESS);
    }
    for (unsigned t = 0; t < THREADS; t++)
        begin(&worker[t], t);
    for (unsigned t = 0; t < THREADS; t++)
        for (unsigned n = OWN; n < OWN + 2; n++)
            front[n % 2][t] = worker[t].own[n].amap;
    amap_unref(first[0]);
    amap_unref(first[1]);
    for (unsigned t = 0; t < THREADS; t++)
        CHECK_EQ(pthread_create(&worker[t].thread, NULL, work, &worker[t]), 0);
    for (unsigned t = 0; t < THREADS; t++)
        CHECK_EQ(pthread_join(worker[t].thread, NULL), 0);
    reap_all();
    for (unsigned t = 0; t < THREADS; t++)
        for (unsigned n = 0; n < OWN + 2; n++)
            all[t * (OWN + 2) + n] = worker[t].own[n].amap;
    census(all, array_count(all));
    for (unsigned i = 0; i < array_count(all); i++)
        amap_unref(all[i]);
}
