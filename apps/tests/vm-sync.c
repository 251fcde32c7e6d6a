/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was written to a pager's object is returned when somebody who maps it asks (vm.sync): by then the pager has it. Several ask at
 * once, while others write; and the pager does not fetch, or dies. Boot with pager=MS: who does not fetch is waited for for so long. vm-sync fetched: without that one.
 */
#include "vm-pager.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <string.h>
#include <wharf/if/vm.h>

enum { THREADS = 3, ROUNDS = 40, EACH = PAGER_PAGES / THREADS };

static kern_return_t sync_pages(volatile uint64_t *memory, unsigned page, unsigned pages,
                                uint32_t flags)
{
    return vm_sync(me(), (uintptr_t)AT(memory, page), (uint64_t)pages * PAGE, flags);
}

/* When the call returns the pager has what was written, and nothing else was asked of it. */
static void test_wait(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    for (unsigned page = 0; page < PAGER_PAGES; page += 2)
        AT(a, page)[3] = 1000 + page;
    (void)AT(a, 1)[0];
    OK(sync_pages(a, 0, 21, VM_SYNC_WAIT));
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        CHECK_EQUAL(pager->store[page][3],
                    page % 2 == 0 && page < 21 ? 1000 + page : pager_word(page, 3));
    CHECK(comes(&pager->returns, 11)); /* it counts what it has fetched already */
    uint32_t requests = atomic_load(&pager->requests);
    OK(sync_pages(a, 0, 21, VM_SYNC_WAIT)); /* nothing is left to return */
    CHECK_EQUAL(atomic_load(&pager->returns), 11);
    AT(a, 2)[3] = 5;
    OK(sync_pages(a, 0, 21, VM_SYNC_WAIT));
    CHECK_EQUAL(pager->store[2][3], 5);
    CHECK_EQUAL(AT(a, 2)[3], 5);
    CHECK_EQUAL(atomic_load(&pager->requests), requests); /* all are there still */
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* Pages that are taken away come anew from the pager. */
static void test_invalidate(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0), *b = map_pager(0), *copy = map_pager(VM_COPY);
    AT(a, 1)[0] = 11;
    (void)AT(b, 2)[0];
    AT(copy, 2)[1] = 12; /* its own */
    OK(sync_pages(a, 0, 4, VM_SYNC_WAIT | VM_SYNC_INVALIDATE));
    CHECK_EQUAL(pager->store[1][0], 11);
    pager->store[1][0] = 21;
    pager->store[2][0] = 22;
    CHECK_EQUAL(AT(b, 1)[0], 21);
    CHECK_EQUAL(AT(a, 2)[0], 22);
    OK(sync_pages(copy, 0, 4, VM_SYNC_WAIT | VM_SYNC_INVALIDATE));
    CHECK_EQUAL(AT(copy, 2)[1], 12);
    unmap(a);
    unmap(b);
    unmap(copy);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- several ---- */

static struct syncer {
    struct thread thread;
    volatile uint64_t *memory;
    unsigned first;
} syncers[THREADS];

static void sync_on(void *argument)
{
    struct syncer *s = argument;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        unsigned page = s->first + i % EACH,
                 flags = i % 3 ? VM_SYNC_WAIT : VM_SYNC_WAIT | VM_SYNC_INVALIDATE;
        AT(s->memory, page)[5] = i;
        OK(sync_pages(s->memory, s->first, EACH, flags));
        CHECK_EQUAL(pager->store[page][5], i);
        CHECK_EQUAL(AT(s->memory, page)[5], i);
    }
}

static void test_many_at_once(void)
{
    start_pager(CLUSTER);
    volatile uint64_t *a = map_pager(0);
    for (unsigned i = 0; i < THREADS; i++) {
        syncers[i].memory = a;
        syncers[i].first = i * EACH;
        OK(thread_start(&syncers[i].thread, sync_on, &syncers[i], THREAD_PRIORITY_DEFAULT));
    }
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&syncers[i].thread);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- pagers that fail ---- */

static void test_in_vain(bool fetched)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    AT(a, 0)[0] = 1;
    if (!fetched) {
        atomic_store(&pager->collects, 0);
        CHECK_EQUAL(sync_pages(a, 0, 2, VM_SYNC_WAIT), KERN_OPERATION_TIMED_OUT);
    }
    OK(sync_pages(a, 0, 2, 0)); /* nobody waits */
    atomic_store(&pager->deed, DIE);
    (void)!sync_pages(a, 0, PAGER_PAGES, 0);
    expect_error(AT(a, 9), KERN_MEMORY_FAILURE, 0);
    CHECK_EQUAL(sync_pages(a, 0, 2, VM_SYNC_WAIT), KERN_MEMORY_FAILURE);
    unmap(a);
    end_pager();
}

int main(int argc, char **argv)
{
    start_handler();
    test_wait();
    test_invalidate();
    test_many_at_once();
    test_in_vain(argc > 1 && strcmp(argv[1], "fetched") == 0);
    return check_end("vm-sync");
}
