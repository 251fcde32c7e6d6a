/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pagers that do not what they should: they harm nobody but those who mapped their object, and these no more than by an
 * exception.
 */
#include "vm-pager.h"
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <wharf/if/exception.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

void test_errors(void)
{
    start_pager(SAY_ERROR);
    volatile uint64_t *a = map_pager(0);
    expect_error(AT(a, 0), KERN_MEMORY_ERROR, 77);
    expect_error(AT(a, 0), KERN_MEMORY_ERROR, 77);
    static uint8_t data[VM_DATA_MAX];
    uint32_t size;
    CHECK_EQUAL(vm_read(me(), (uintptr_t)AT(a, 1), 8, data, &size), KERN_MEMORY_ERROR);
    atomic_store(&pager->deed, UNAVAILABLE);
    CHECK_EQUAL(AT(a, 0)[5], 0);
    atomic_store(&pager->deed, TWICE);
    CHECK_EQUAL(AT(a, 2)[5], pager_word(2, 5));
    atomic_store(&pager->deed, NONSENSE);
    CHECK_EQUAL(AT(a, 3)[5], pager_word(3, 5));
    atomic_store(&pager->deed, FLOOD);
    CHECK_EQUAL(AT(a, 5)[5], pager_word(5, 5));
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

void test_silence(void)
{
    start_pager(SILENT);
    volatile uint64_t *a = map_pager(0);
    expect_error(AT(a, 0), KERN_OPERATION_TIMED_OUT, 0);
    atomic_store(&pager->deed, SUPPLY); /* asked once more, it answers */
    CHECK_EQUAL(AT(a, 0)[5], pager_word(0, 5));
    atomic_store(&pager->deed, BAD_MEMORY);
    expect_error(AT(a, 1), KERN_OPERATION_TIMED_OUT, 0);
    atomic_store(&pager->deed, WRONG_PLACE);
    expect_error(AT(a, 2), KERN_OPERATION_TIMED_OUT, 0);
    CHECK_EQUAL(AT(a, 3)[0], pager_word(2, 0)); /* whatever it says is there */
    atomic_store(&pager->collects, 0);
    AT(a, 3)[0] = 1;
    unmap(a); /* what it does not fetch is lost */
    CHECK(comes(&pager->terminates, 1));
    atomic_store(&pager->quiet, 1);
    a = map_pager(0);
    expect_error(AT(a, 0), KERN_OPERATION_TIMED_OUT, 0);
    unmap(a);
    CHECK(comes(&pager->terminates, 2));
    end_pager();
}

void test_death(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    CHECK_EQUAL(AT(a, 0)[5], pager_word(0, 5));
    atomic_store(&pager->deed, DIE);
    expect_error(AT(a, 1), KERN_MEMORY_FAILURE, 0);
    CHECK_EQUAL(AT(a, 0)[5], pager_word(0, 5)); /* it is still there */
    expect_error(AT(a, 2), KERN_MEMORY_FAILURE, 0);
    uint64_t at;
    CHECK_EQUAL(vm_map(me(), 0, SIZE, 0, VM_ANYWHERE, pager_port, READ_WRITE, READ_WRITE,
                       VM_INHERIT_SHARE, &at),
                KERN_INVALID_CAPABILITY);
    unmap(a);
    end_pager();
}

void test_destroy(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    AT(a, 0)[5] = 1;
    atomic_store(&pager->deed, DESTROY);
    expect_error(AT(a, 1), KERN_TERMINATED, 5);
    CHECK(comes(&pager->terminates, 1));
    (void)kernel_sleep_until(kernel_clock_now() + 10000000);
    expect_error(AT(a, 0), KERN_TERMINATED, 5);
    atomic_store(&pager->deed, SUPPLY);
    volatile uint64_t *b = map_pager(0); /* a new one */
    CHECK_EQUAL(AT(b, 0)[5], pager_word(0, 5));
    expect_error(AT(a, 0), KERN_TERMINATED, 5);
    unmap(a);
    unmap(b);
    CHECK(comes(&pager->terminates, 2));
    end_pager();
}

/* A port that nobody serves, and that dies with all that was sent to it. */
void test_nobody(void)
{
    start_pager(SUPPLY);
    mach_port_name_t served = pager_port;
    pager_port = new_port();
    for (unsigned round = 0; round < 3; round++) {
        volatile uint64_t *a = map_pager(0);
        if (round == 0)
            expect_error(AT(a, 0), KERN_OPERATION_TIMED_OUT, 0);
        unmap(a);
    }
    volatile uint64_t *b = map_pager(0);
    OK(port_mod_refs(me(), pager_port, PORT_RIGHT_RECEIVE, -1));
    expect_error(AT(b, 0), KERN_MEMORY_FAILURE, 0);
    unmap(b);
    OK(port_deallocate(me(), pager_port));
    pager_port = served;
    end_pager();
}

/* Its own pages are missing when it is to supply one: it harms itself. */
void test_own(void)
{
    uint32_t before = atomic_load(&raised);
    start_pager(TOUCH_OWN);
    volatile uint64_t *a = map_pager(0);
    (void)*AT(a, 0);
    CHECK(comes(&raised, before + 2)); /* ours, and its */
    atomic_store(&pager->deed, SUPPLY);
    uint64_t until = kernel_clock_now() + UINT64_C(20000000000);
    while (*AT(a, 0) != pager_word(0, 0) && kernel_clock_now() < until)
        ;
    CHECK_EQUAL(*AT(a, 0), pager_word(0, 0));
    unmap(a);
    end_pager();
}

/* ---- more threads than requests ---- */

enum { THREADS = 24 };
static volatile uint64_t *shared;
static _Atomic uint32_t arrived, correct;

static void read_one(void *argument)
{
    unsigned page = (unsigned)(uintptr_t)argument;
    atomic_fetch_add(&arrived, 1);
    correct += AT(shared, page)[page] == pager_word(page, page);
}

void test_many(void)
{
    static struct thread thread[THREADS];
    start_pager(SUPPLY);
    atomic_store(&pager->quiet, 1); /* they all wait for it to be ready */
    shared = map_pager(0);
    arrived = correct = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        OK(thread_start(&thread[i], read_one, (void *)(i / 2), THREAD_PRIORITY_DEFAULT));
    CHECK(comes(&arrived, THREADS) && comes(&pager->inits, 1));
    (void)kernel_sleep_until(kernel_clock_now() + 20000000);
    pager->flush = 2;
    poke();
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&thread[i]);
    CHECK_EQUAL(correct, THREADS);
    unmap(shared);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- threads that end, or are interrupted, while they wait ---- */

static int wait_for_ever(void *argument)
{
    volatile uint64_t *memory = argument;
    return (int)AT(memory, 1)[0];
}

void test_killed(void)
{
    struct clone client;
    start_pager(SILENT);
    volatile uint64_t *a = map_pager(0);
    OK(clone_make(&client, wait_for_ever, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&client));
    CHECK(comes(&pager->requests, 1));
    clone_end(&client);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

void test_abort(void)
{
    struct clone client;
    uint32_t before = atomic_load(&raised);
    start_pager(SILENT);
    volatile uint64_t *a = map_pager(0);
    OK(clone_make(&client, wait_for_ever, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&client));
    CHECK(comes(&pager->requests, 1));
    OK(thread_suspend(client.thread));
    kern_return_t kr = thread_abort(client.thread);
    CHECK(kr == KERN_SUCCESS || kr == KERN_NOT_WAITING);
    CHECK_EQUAL(thread_abort(client.thread), KERN_NOT_WAITING);
    OK(thread_resume(client.thread)); /* repeats the access, and the deadline is what it was */
    CHECK(comes(&raised, before + 1));
    clone_end(&client);
    unmap(a);
    end_pager();
}

/* ---- the pager's task ends while all ask it ---- */

static int read_much(void *argument)
{
    volatile uint64_t *memory = argument;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 100; i++) {
        unsigned page = i * 13 % PAGER_PAGES;
        AT(memory, page)[i % WORDS] = i;
        sum += AT(memory, (page + 1) % PAGER_PAGES)[0];
    }
    pager->scratch[1] = sum;
    atomic_fetch_add(&pager->completions, 1);
    return 0;
}

void test_storm(void)
{
    enum { CLIENTS = 3, ROUNDS = 5 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct clone client[CLIENTS];
        start_pager(SUPPLY);
        volatile uint64_t *a = map_pager(0);
        for (unsigned i = 0; i < CLIENTS; i++)
            OK(clone_make(&client[i], read_much, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
        for (unsigned i = 0; i < CLIENTS; i++)
            OK(clone_run(&client[i]));
        CHECK(comes(&pager->requests, 1 + round * 4));
        end_pager(); /* its last calls may come too late */
        CHECK(comes(&pager->completions, CLIENTS));
        for (unsigned i = 0; i < CLIENTS; i++)
            clone_end(&client[i]);
        unmap(a);
    }
}
