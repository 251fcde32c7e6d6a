/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translations that have to go from all CPUs when a page's rights or place change: threads use pages all the time, while
 * another takes them away, makes them smaller, puts others in their place and copies them. Whoever still used what was there before
 * would be seen: a word that changes though nobody may write, an older page than the one that is there.
 *
 *      vm-shootdown [ROUNDS]
 */
#include "vm-test.h"

#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>
#include <wharf/thread_state.h>

enum { ROUNDS = 30, USERS = 3, PAGES = 6, LOOKS = 200 };

static volatile uint64_t *pages;
static _Atomic bool stop;
static _Atomic uint64_t touched; /* by all, so that one can wait for them */
static unsigned rounds = ROUNDS;
static struct thread users[USERS];

static unsigned number_of(const struct thread *user)
{
    return (unsigned)(user - users);
}

/* ---- a page that is away now: the access is repeated until it is there ---- */

static struct {
    mach_port_name_t port;
    struct thread thread;
    _Alignas(8) uint8_t in[EXCEPTION_REQUEST_MAX], out[EXCEPTION_REPLY_MAX];
} patient;

static kern_return_t raise_state(struct server_message *message, uint32_t kind, uint32_t number,
                                 uint64_t code, uint64_t address,
                                 const struct thread_state_general *state,
                                 struct thread_state_general *new_state)
{
    uintptr_t first = (uintptr_t)pages;
    (void)message, (void)kind, (void)number, (void)code;
    *new_state = *state;
    (void)sys_thread_switch();
    return address >= first && address < first + PAGES * PAGE ? KERN_SUCCESS : KERN_FAILURE;
}

static void wait_patiently(void *unused)
{
    static const struct exception_ops ops = {.raise_state = raise_state};
    struct server_interface interface = exception_interface(&ops, NULL);
    struct server server = {.port = patient.port,
                            .count = 1,
                            .interfaces = &interface,
                            .in = patient.in,
                            .in_size = sizeof(patient.in),
                            .out = patient.out,
                            .out_size = sizeof(patient.out)};
    (void)unused;
    (void)server_run(&server);
}

static void set_handler(mach_port_name_t port)
{
    OK(exception_ports_set(me(), EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE,
                           EXCEPTION_ALL, port));
}

static void begin_patience(void)
{
    mach_port_name_t name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &patient.port));
    OK(port_insert_made_send(me(), patient.port, patient.port, &name));
    OK(thread_start(&patient.thread, wait_patiently, NULL, THREAD_PRIORITY_DEFAULT + 1));
    set_handler(patient.port);
}

static void end_patience(void)
{
    set_handler(MSG_NULL);
    OK(port_mod_refs(me(), patient.port, PORT_RIGHT_RECEIVE, -1));
    OK(port_deallocate(me(), patient.port));
    thread_join(&patient.thread);
}

/* ---- users ---- */

static void begin_users(thread_function_t *function)
{
    atomic_store(&stop, false);
    for (unsigned i = 0; i < USERS; i++)
        OK(thread_start(&users[i], function, &users[i], THREAD_PRIORITY_DEFAULT));
}

static void end_users(void)
{
    atomic_store(&stop, true);
    for (unsigned i = 0; i < USERS; i++)
        thread_join(&users[i]);
}

/* Until each page has been used again. */
static void wait_for_users(void)
{
    const uint64_t wanted = atomic_load(&touched) + (uint64_t)2 * USERS * PAGES;
    while (atomic_load(&touched) < wanted)
        (void)sys_thread_switch();
}

/* A word of its own in each page. */
static void count_up(void *argument)
{
    unsigned number = number_of(argument);
    while (!atomic_load(&stop))
        for (unsigned i = 0; i < PAGES; i++) {
            pages[i * PAGE_WORDS + number]++;
            atomic_fetch_add(&touched, 1);
        }
}

static uint64_t sum_of(unsigned page)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < USERS; i++)
        sum += pages[page * PAGE_WORDS + i];
    return sum;
}

static bool stays(unsigned page)
{
    uint64_t sum = sum_of(page);
    for (unsigned i = 0; i < LOOKS; i++)
        if (sum_of(page) != sum)
            return false;
    return true;
}

/* ---- rights that go ---- */

static void test_protect(void)
{
    begin_users(count_up);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned first = i % PAGES, count = 1 + i / PAGES % (PAGES - first);
        uintptr_t at = (uintptr_t)(pages + first * PAGE_WORDS);
        uint64_t size = (uint64_t)count * PAGE, sum = 0, later = 0;
        wait_for_users();
        if (i % 3 == 0) { /* not to be seen meanwhile, but by who reads it through the kernel */
            uint32_t got;
            OK(vm_protect(me(), at, size, false, VM_PROT_READ));
            sum = sum_of(first);
            OK(vm_protect(me(), at, size, false, 0));
            pause_for(300);
            OK(vm_protect(me(), at, size, false, VM_PROT_READ));
            later = sum_of(first);
            CHECK_EQUAL(later, sum);
            OK(vm_read(me(), at, 8, (uint8_t *)&later, &got));
        } else {
            OK(vm_protect(me(), at, size, false, VM_PROT_READ));
        }
        for (unsigned page = first; page < first + count; page++)
            CHECK(stays(page));
        OK(vm_protect(me(), at, size, false, READ_WRITE));
    }
    end_users();
}

/* ---- copies ---- */

static _Atomic uint32_t *ended; /* shared */

static int look_twice(void *argument)
{
    uint64_t sum[PAGES];
    (void)argument;
    for (unsigned i = 0; i < PAGES; i++)
        sum[i] = sum_of(i);
    pause_for(500);
    for (unsigned i = 0; i < PAGES; i++)
        CHECK(sum_of(i) == sum[i] && stays(i));
    pages[0]++;
    CHECK_EQUAL(sum_of(0), sum[0] + 1);
    atomic_fetch_add(ended, 1 + (check_failures() << 16));
    return 0;
}

static void test_fork(void)
{
    begin_users(count_up);
    for (unsigned i = 0; i < rounds / 6; i++) {
        struct clone clone;
        wait_for_users();
        atomic_store(ended, 0);
        OK(clone_make(&clone, look_twice, NULL, THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone));
        while (atomic_load(ended) == 0)
            pause_for(200);
        CHECK_EQUAL(atomic_load(ended), 1);
        clone_end(&clone);
    }
    end_users();
}

/* ---- other pages in their place ---- */

static _Atomic uint64_t
    generation; /* the page that is there has this number, or a later one, or, for a moment, none */
static _Atomic uint32_t stale;

enum { MARK = 8, SCRATCH = 16 }; /* words of the page */

static void look_at_mark(void *argument)
{
    unsigned number = number_of(argument);
    while (!atomic_load(&stop)) {
        uint64_t before = atomic_load(&generation);
        uint64_t mark = pages[MARK], after = atomic_load(&generation);
        if (mark != 0 && (mark < before || mark > after + 1))
            atomic_fetch_add(&stale, 1);
        pages[SCRATCH + number] = UINT64_MAX; /* which no other page may ever have */
        atomic_fetch_add(&touched, 1);
    }
}

/* The frame that was there comes to lie elsewhere; who still wrote to it would be seen. */
static void replace(uint64_t number)
{
    uint64_t at = (uintptr_t)pages, got;
    OK(vm_deallocate(me(), at, PAGE));
    volatile uint64_t *others = pages_make(4);
    for (unsigned i = 0; i < 4; i++)
        others[i * PAGE_WORDS] = number;
    OK(vm_allocate(me(), at, PAGE, 0, &got));
    pages[MARK] = number;
    atomic_store(&generation, number);
    wait_for_users();
    for (unsigned i = 0; i < 4; i++)
        for (unsigned word = 0; word < USERS; word++)
            CHECK_EQUAL(others[i * PAGE_WORDS + SCRATCH + word], 0);
    pages_drop((void *)(uintptr_t)others, 4);
}

static void test_replace(void)
{
    atomic_store(&generation, 0);
    begin_users(look_at_mark);
    for (unsigned i = 1; i <= rounds && check_failures() == 0; i++)
        replace(i);
    end_users();
    CHECK_EQUAL(atomic_exchange(&stale, 0), 0);
}

/* Two entries by turns, which are never written to: what is there is odd exactly if the number is. */
static void look_at_turn(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        uint64_t before = atomic_load(&generation), mark = pages[MARK];
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load(&generation) == before && before % 2 == 0 && mark != 1 + before / 2 % 2)
            atomic_fetch_add(&stale, 1);
        atomic_fetch_add(&touched, 1);
    }
}

static mach_port_name_t entry_of(uint64_t mark)
{
    mach_port_name_t entry = MSG_NULL;
    uint64_t *page = pages_make(1);
    page[MARK] = mark;
    OK(vm_make_entry(me(), (uintptr_t)page, PAGE, VM_PROT_READ, &entry));
    pages_drop(page, 1);
    return entry;
}

static void test_turns(void)
{
    const mach_port_name_t entries[2] = {entry_of(1), entry_of(2)};
    uint64_t at = (uintptr_t)pages, got;
    for (unsigned i = 0; i < rounds; i++) {
        atomic_store(&generation, 2 * (uint64_t)i + 1); /* odd: it changes */
        OK(vm_deallocate(me(), at, PAGE));
        OK(vm_map(me(), at, PAGE, 0, i / 2 % 2 ? VM_COPY : 0, entries[i % 2], VM_PROT_READ,
                  VM_PROT_READ, VM_INHERIT_COPY, &got));
        atomic_store(&generation, 2 * (uint64_t)i);
        if (i == 0)
            begin_users(look_at_turn);
        wait_for_users();
    }
    end_users();
    CHECK_EQUAL(atomic_exchange(&stale, 0), 0);
    for (unsigned i = 0; i < 2; i++)
        OK(port_deallocate(me(), entries[i]));
    OK(vm_deallocate(me(), at, PAGE));
    OK(vm_allocate(me(), at, PAGE, 0, &got));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 0);
    void (*const tests[])(void) = {test_protect, test_fork, test_replace, test_turns};
    struct left before = {0};
    ended = pages_make_shared(1);
    pages = pages_make(PAGES);
    for (unsigned pass = 0; pass < 2; pass++) {
        begin_patience();
        for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
            tests[i]();
        end_patience();
        if (pass == 0)
            before = left_now();
    }
    left_expect(&before);
    return check_end("vm-shootdown");
}
