/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a pager supplies: a task that serves a pattern, and does what no pager should; this one maps it and looks at
 * what comes of it. Boot with pager=MS for pagers that do not answer, and dirty=128K.
 */
#include "vm-pager.h"
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/msg.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

/* ---- what should be ---- */

static void test_read(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0), *b = map_pager(0);
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        CHECK_EQUAL(AT(a, page)[page], pager_word(page, page));
    CHECK_EQUAL(atomic_load(&pager->requests), PAGER_PAGES);
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        CHECK_EQUAL(AT(b, page)[WORDS - 1], pager_word(page, WORDS - 1));
    CHECK_EQUAL(atomic_load(&pager->requests), PAGER_PAGES); /* they are there */
    CHECK_EQUAL(atomic_load(&pager->inits), 1);
    AT(a, 3)[1] = 42;
    CHECK_EQUAL(AT(b, 3)[1], 42); /* it is one page */
    unmap(a);
    CHECK_EQUAL(atomic_load(&pager->terminates), 0);
    unmap(b);
    CHECK(comes(&pager->terminates, 1));
    CHECK_EQUAL(atomic_load(&pager->returns), 1);
    CHECK_EQUAL(pager->store[3][1], 42);
    a = map_pager(0); /* init again: a new beginning */
    CHECK_EQUAL(AT(a, 3)[1], 42);
    CHECK_EQUAL(atomic_load(&pager->inits), 2);
    unmap(a);
    CHECK(comes(&pager->terminates, 2));
    end_pager();
}

static void test_private(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0), *b = map_pager(VM_COPY);
    CHECK_EQUAL(AT(b, 5)[0], pager_word(5, 0));
    AT(b, 5)[0] = 1;
    AT(b, 6)[0] = 2; /* without having been read before */
    CHECK_EQUAL(AT(b, 6)[1], pager_word(6, 1));
    CHECK_EQUAL(AT(a, 5)[0], pager_word(5, 0));
    CHECK_EQUAL(AT(a, 6)[0], pager_word(6, 0));
    AT(a, 5)[2] = 3;
    CHECK_EQUAL(AT(b, 5)[2], pager_word(5, 2));
    unmap(a);
    unmap(b);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

static void test_cluster(void)
{
    start_pager(CLUSTER);
    volatile uint64_t *a = map_pager(0);
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        CHECK_EQUAL(AT(a, page)[7], pager_word(page, 7));
    CHECK_EQUAL(atomic_load(&pager->requests), SIZE / MEMORY_OBJECT_CLUSTER_MAX);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* Pages that the kernel needs itself: what it does waits, and is repeated. */
static void test_copies(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    mach_port_name_t queue = new_port();
    static uint8_t data[VM_DATA_MAX];
    uint32_t size = 0;
    OK(vm_read(me(), (uintptr_t)AT(a, 9) + 100, 64, data, &size));
    CHECK_EQUAL(*(uint64_t *)(void *)(data + 4), pager_word(9, 13));
    OK(vm_write(me(), (uintptr_t)AT(a, 10) + 8, data, 8));
    CHECK_EQUAL(AT(a, 10)[2], pager_word(10, 2));
    struct msg_registers m = {.destination = queue,
                              .id = 1,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, 5000, 0),
                              .receive = queue,
                              .buffer = (uintptr_t)AT(a, 30),
                              .size = 8192,
                              .deadline = UINT64_MAX,
                              .word = {(uintptr_t)AT(a, 20)}};
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
    CHECK_EQUAL(AT(a, 30)[WORDS - 1], pager_word(20, WORDS - 1));
    CHECK_EQUAL(AT(a, 31)[0], pager_word(21, 0));
    struct msg_registers memory = {.destination = queue,
                                   .id = 2,
                                   .control = MSG_CONTROL(MSG_COPY_SEND, 0, MSG_DESCRIPTOR_SIZE, 1),
                                   .receive = queue,
                                   .deadline = UINT64_MAX,
                                   .word = {(uintptr_t)AT(a, 45),
                                            2 * PAGE | (uint64_t)MSG_OOL_MEMORY << 32}};
    user_msg_trap(&memory);
    CHECK_EQUAL(memory.result, 0);
    const volatile uint64_t *got = (const volatile uint64_t *)(uintptr_t)memory.word[0];
    AT(a, 45)[1] = 1;
    CHECK_EQUAL(AT(got, 0)[1], pager_word(45, 1));
    CHECK_EQUAL(AT(got, 1)[WORDS - 1], pager_word(46, WORDS - 1));
    OK(vm_deallocate(me(), (uintptr_t)got, 2 * PAGE));
    CHECK_EQUAL(sys_futex_wait((const void *)(uintptr_t)AT(a, 40), 1, UINT64_MAX), -KERN_RETRY);
    OK(port_mod_refs(me(), queue, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), queue));
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- words to wait at, whose page comes while the kernel looks ---- */

static _Atomic uint32_t target; /* where waiters are moved to */

static void take_pages_away(uint32_t time)
{
    pager->flush = 1 | MEMORY_OBJECT_RETURNS_DIRTY << 4 | 1 << 8;
    poke();
    CHECK(comes(&pager->completions, time));
}

static void wait_at(void *word)
{
    const int64_t result = sys_futex_wait(word, (uint32_t)pager_word(50, 0), TRAP_NEVER);
    CHECK_EQUAL(result, 0);
}

/* The repeated trap has all its arguments: who waits is moved to where the first said. */
static void test_words(void)
{
    enum { TRIES = 100 };
    struct thread waiter;
    int64_t moved = 0;
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    void *word = (void *)(uintptr_t)AT(a, 50);
    OK(thread_start(&waiter, wait_at, word, THREAD_PRIORITY_DEFAULT));
    for (uint32_t i = 1; i <= TRIES && moved == 0; i++) {
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
        take_pages_away(i);
        moved = sys_futex_requeue(word, 0, (uint32_t)pager_word(50, 0), (const void *)&target, 1);
    }
    CHECK_EQUAL(moved, 1);
    CHECK_EQUAL(sys_futex_wake((const void *)&target, 1), 1);
    thread_join(&waiter);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

static void test_lock(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    for (unsigned page = 0; page < 10; page++)
        AT(a, page)[0] = page;
    (void)AT(a, 20)[0];
    pager->flush = 1 | MEMORY_OBJECT_RETURNS_DIRTY << 4; /* fsync */
    poke();
    CHECK(comes(&pager->completions, 1));
    CHECK_EQUAL(atomic_load(&pager->returns), 10);
    CHECK_EQUAL(pager->store[9][0], 9);
    uint32_t requests = atomic_load(&pager->requests);
    AT(a, 4)[0] = 44;
    CHECK_EQUAL(atomic_load(&pager->requests), requests); /* they are still here */
    pager->flush = 1 | MEMORY_OBJECT_RETURNS_DIRTY << 4 | 1 << 8;
    poke();
    CHECK(comes(&pager->completions, 2));
    CHECK_EQUAL(atomic_load(&pager->returns), 11);
    CHECK_EQUAL(pager->store[4][0], 44);
    CHECK_EQUAL(AT(a, 4)[0], 44);
    CHECK_EQUAL(AT(a, 20)[1], pager_word(20, 1));
    CHECK_EQUAL(atomic_load(&pager->requests), requests + 2); /* they have gone */
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- pages that stay, move, or are owed ---- */

static void test_cached(void)
{
    start_pager(SUPPLY);
    atomic_store(&pager->caches, 1);
    volatile uint64_t *a = map_pager(0);
    for (unsigned page = 0; page < 10; page++)
        CHECK_EQUAL(AT(a, page)[1], pager_word(page, 1));
    AT(a, 5)[1] = 6;
    unmap(a);
    CHECK(comes(&pager->returns, 1));
    for (unsigned round = 0; round < 20; round++) {
        a = map_pager(0);
        CHECK_EQUAL(AT(a, 5)[1], 6);
        CHECK_EQUAL(AT(a, round % 5)[2], pager_word(round % 5, 2));
        unmap(a);
    }
    CHECK_EQUAL(pager->store[5][1], 6);
    CHECK_EQUAL(atomic_load(&pager->requests), 10); /* they were there all the time */
    CHECK_EQUAL(atomic_load(&pager->inits), 1);
    CHECK_EQUAL(atomic_load(&pager->terminates), 0);
    end_pager(); /* with all that was kept for it */
}

static void test_moved(void)
{
    start_pager(MOVE);
    volatile uint64_t *a = map_pager(0), *b = map_pager(0);
    for (unsigned page = 0; page < PAGER_PAGES; page++) {
        CHECK_EQUAL(AT(a, page)[page], pager_word(page, page));
        AT(a, page)[1] = page;
        CHECK_EQUAL(AT(b, page)[1], page);
    }
    unmap(a);
    unmap(b);
    CHECK(comes(&pager->terminates, 1));
    CHECK_EQUAL(pager->store[40][1], 40);
    end_pager();
}

static int write_all(void *argument)
{
    volatile uint64_t *memory = argument;
    for (unsigned i = 0; i < 4 * PAGER_PAGES; i++) {
        unsigned page = i * 7 % PAGER_PAGES;
        AT(memory, page)[1] += i;
    }
    atomic_fetch_add(&pager->own, 1);
    return 0;
}

static bool all_come(uint64_t wanted)
{
    uint64_t until = kernel_clock_now() + UINT64_C(20000000000);
    while (atomic_load(&pager->own) < wanted && kernel_clock_now() < until)
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
    return atomic_load(&pager->own) >= wanted;
}

/* Without being asked for it, all but the 32 pages that it may owe come back; who writes waits, or is told that it is in vain. */
static void test_owed(void)
{
    enum { CLIENTS = 3, MAY_OWE = 32 };
    struct clone client[CLIENTS];
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        AT(a, page)[2] = page;
    CHECK(comes(&pager->returns, PAGER_PAGES - MAY_OWE));
    CHECK_EQUAL(AT(a, 0)[2], 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(clone_make(&client[i], write_all, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(clone_run(&client[i]));
    CHECK(all_come(CLIENTS));
    for (unsigned i = 0; i < CLIENTS; i++)
        clone_end(&client[i]);
    atomic_store(&pager->collects, 0);
    uint32_t before = atomic_load(&raised);
    for (unsigned page = 0; page < PAGER_PAGES && atomic_load(&raised) == before; page++)
        AT(a, page)[3] = page;
    CHECK_EQUAL(atomic_load(&raised), before + 1);
    atomic_store(&pager->collects, 1);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    CHECK_EQUAL(pager->store[50][2], 50);
    end_pager();
}

/* ---- several clients ---- */

static int read_all(void *argument)
{
    volatile uint64_t *memory = argument;
    int wrong = 0;
    for (unsigned i = 0; i < 4 * PAGER_PAGES; i++) {
        unsigned page = i * 7 % PAGER_PAGES;
        wrong += AT(memory, page)[i] != pager_word(page, i);
    }
    atomic_fetch_add(&pager->own, wrong == 0);
    return 0;
}

static void test_clients(void)
{
    enum { CLIENTS = 4 };
    struct clone client[CLIENTS];
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0);
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(clone_make(&client[i], read_all, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(clone_run(&client[i]));
    (void)read_all((void *)(uintptr_t)a);
    uint64_t until = kernel_clock_now() + UINT64_C(20000000000);
    while (atomic_load(&pager->own) < CLIENTS + 1 && kernel_clock_now() < until)
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
    CHECK_EQUAL(atomic_load(&pager->own), CLIENTS + 1);
    for (unsigned i = 0; i < CLIENTS; i++)
        clone_end(&client[i]);
    unmap(a);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- what children get ---- */

static _Atomic uint32_t *flag(void)
{
    return &pager->flush; /* nobody pokes */
}

static int write_private(void *argument)
{
    volatile uint64_t *memory = argument;
    AT(memory, 1)[0] = 11;
    AT(memory, 2)[0] = 22;
    atomic_store(flag(), 1);
    return 0;
}

static void run_child(clone_function_t *function, void *argument)
{
    struct clone child;
    atomic_store(flag(), 0);
    OK(clone_make(&child, function, argument, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&child));
    CHECK(comes(flag(), 1));
    clone_end(&child);
}

static void test_inherit(void)
{
    start_pager(SUPPLY);
    volatile uint64_t *a = map_pager(0), *b = map_pager(VM_COPY), *c = map_pager(VM_COPY);
    OK(vm_inherit(me(), (uintptr_t)c, SIZE, VM_INHERIT_COPY));
    for (unsigned page = 0; page < 2; page++)
        CHECK_EQUAL(AT(b, page)[0] + AT(c, page)[0], 2 * pager_word(page, 0));
    AT(c, 2)[1] = 5;
    run_child(write_private, (void *)(uintptr_t)b); /* shared with the child, not with the object */
    CHECK_EQUAL(AT(b, 1)[0], 11);
    CHECK_EQUAL(AT(b, 2)[0], 22);
    CHECK_EQUAL(AT(a, 1)[0], pager_word(1, 0));
    run_child(write_private, (void *)(uintptr_t)c);
    CHECK_EQUAL(AT(c, 1)[0], pager_word(1, 0));
    CHECK_EQUAL(AT(c, 2)[0], pager_word(2, 0));
    CHECK_EQUAL(AT(c, 2)[1], 5);
    unmap(a);
    unmap(b);
    unmap(c);
    CHECK(comes(&pager->terminates, 1));
    end_pager();
}

/* ---- the end and a new mapping, against each other ---- */

static int map_often(void *argument)
{
    enum { ROUNDS = 100 };
    const unsigned number = (unsigned)(uintptr_t)argument;
    unsigned good = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        volatile uint64_t *memory = map_pager(0);
        unsigned page = (i * 5 + number) % 32;
        good += AT(memory, page)[number + 1] == pager_word(page, number + 1);
        good += AT(memory, 40)[number] == i; /* own counter: survives the object */
        AT(memory, 40)[number] = i + 1;
        unmap(memory);
    }
    atomic_fetch_add(flag(), 1 + (good == 2 * ROUNDS ? 0 : 100));
    return 0;
}

static void remap(bool caches)
{
    enum { CLIENTS = 4 };
    struct clone client[CLIENTS];
    start_pager(SUPPLY);
    atomic_store(&pager->caches, caches);
    for (unsigned word = 0; word < CLIENTS; word++)
        pager->store[40][word] = 0;
    for (uintptr_t i = 0; i < CLIENTS; i++)
        OK(clone_make(&client[i], map_often, (void *)i, THREAD_PRIORITY_DEFAULT));
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(clone_run(&client[i]));
    CHECK(comes(flag(), CLIENTS));
    CHECK_EQUAL(atomic_load(flag()), CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++)
        clone_end(&client[i]);
    CHECK(comes(&pager->terminates, atomic_load(&pager->inits) - caches));
    end_pager();
}

static void test_remap(void)
{
    remap(false);
}

static void test_remap_cached(void)
{
    remap(true);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"read", test_read},
        {"private", test_private},
        {"cluster", test_cluster},
        {"copies", test_copies},
        {"words", test_words},
        {"lock", test_lock},
        {"cached", test_cached},
        {"moved", test_moved},
        {"owed", test_owed},
        {"clients", test_clients},
        {"inherit", test_inherit},
        {"remap", test_remap},
        {"remap cached", test_remap_cached},
        {"errors", test_errors},
        {"silence", test_silence},
        {"nobody", test_nobody},
        {"death", test_death},
        {"destroy", test_destroy},
        {"own", test_own},
        {"many", test_many},
        {"killed", test_killed},
        {"abort", test_abort},
        {"storm", test_storm},
    };
    start_handler();
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].run();
        print("vm-pager: %s done\n", tests[i].name);
    }
    OK(exception_ports_set(me(), EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE, 0,
                           MSG_NULL));
    return check_end("vm-pager");
}
