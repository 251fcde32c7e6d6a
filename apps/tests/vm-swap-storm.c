/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The storms of vm-swap: several tasks with more memory than the machine has, and families of forks whose copies go out and come
 * back.
 */
#include "vm-swap.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <wharf/if/host.h>
#include <wharf/if/port.h>

/* ---- more than there is ---- */

enum { WORKERS = 4 };
static unsigned worker_pages;

struct worker {
    uint64_t who;
    unsigned rounds;
};

static int work(void *argument)
{
    const struct worker *self = argument;
    uint64_t *area = pages_make(worker_pages), seed = self->who * 77 + 1;
    swap_fill_pages(area, worker_pages, self->who);
    for (unsigned round = 0; round < self->rounds; round++)
        for (unsigned i = 0; i < worker_pages; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            unsigned page = (unsigned)((seed >> 33) % worker_pages);
            CHECK(swap_is(area + page * PAGE_WORDS, self->who, page));
            if (seed >> 62 == 0)
                swap_fill(area + page * PAGE_WORDS, self->who, page);
        }
    swap_expect(area, worker_pages, self->who);
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}

void test_storm(unsigned rounds)
{
    struct clone clone[WORKERS];
    struct worker worker[WORKERS];
    struct host_statistics statistics;
    OK(host_statistics(program_start_info->host, &statistics));
    /* Together twice the memory there is, and a little of it stays. */
    worker_pages = (unsigned)(statistics.free_frames * 2 / WORKERS);
    if (worker_pages > (SWAP_SLOTS - SWAP_RAW) / WORKERS)
        worker_pages = (SWAP_SLOTS - SWAP_RAW) / WORKERS;
    for (unsigned i = 0; i < WORKERS; i++) {
        worker[i] = (struct worker){20 + i, rounds};
        OK(clone_make(&clone[i], work, &worker[i], THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone[i]));
    }
    swap_wait_for(WORKERS);
    for (unsigned i = 0; i < WORKERS; i++)
        clone_end(&clone[i]);
}

/* ---- forks, with what they copy going out and coming back ---- */

enum { GENERATIONS = 3, FAMILIES = 2, FAMILY_PAGES = 1500 };

struct family {
    uint64_t *area;
    uint64_t who; /* wrote what there is */
    unsigned depth;
};

static int live(void *argument);

/* Kernel objects do not wait for frames as pages do (docs/caveats.md, L2): who makes some tries again. */
static void make_child(struct clone *clone, struct family *child)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(60000000000);
    kern_return_t kr;
    while ((kr = clone_make(clone, live, child, THREAD_PRIORITY_DEFAULT)) ==
               KERN_RESOURCE_SHORTAGE &&
           kernel_clock_now() < give_up)
        pause_for(5000);
    OK(kr);
}

static int live(void *argument)
{
    const struct family *self = argument;
    struct clone clone[2];
    struct family child = {self->area, self->who + 1, self->depth - 1};
    swap_expect(self->area, FAMILY_PAGES, self->who);
    for (unsigned page = 0; page < FAMILY_PAGES; page++)
        swap_fill(self->area + page * PAGE_WORDS, child.who, page);
    unsigned children = self->depth > 0 ? 2 : 0;
    for (unsigned i = 0; i < children; i++) {
        make_child(&clone[i], &child);
        OK(clone_run(&clone[i]));
    }
    for (unsigned page = 0; page < FAMILY_PAGES; page += 2) /* after they have been copied */
        swap_fill(self->area + page * PAGE_WORDS, 200 + self->depth, page);
    for (unsigned page = 0; page < FAMILY_PAGES; page++)
        CHECK(swap_is(self->area + page * PAGE_WORDS, page % 2 ? child.who : 200 + self->depth,
                      page));
    for (unsigned i = 0; i < children; i++) /* they go on without */
        OK(port_deallocate(me(), clone[i].task)), OK(port_deallocate(me(), clone[i].thread));
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}

void test_forks(void)
{
    struct clone clone[FAMILIES];
    struct family family = {pages_make(FAMILY_PAGES), 100, GENERATIONS};
    swap_fill_pages(family.area, FAMILY_PAGES, family.who);
    for (unsigned i = 0; i < FAMILIES; i++) {
        OK(clone_make(&clone[i], live, &family, THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone[i]));
    }
    swap_wait_for(FAMILIES * ((2u << GENERATIONS) - 1));
    for (unsigned i = 0; i < FAMILIES; i++)
        clone_end(&clone[i]);
    swap_expect(family.area, FAMILY_PAGES, family.who);
    pages_drop(family.area, FAMILY_PAGES);
}
