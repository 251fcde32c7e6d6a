/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile pagers, all kinds of them, one after the other and many times (reliability goal R10): those who map their objects get
 * exceptions and stay killable, nobody else notices, and nothing is left. Boot with pager=100.
 *
 *      vm-hostile [ROUNDS]
 */
#include "others.h"
#include "vm-pager.h"
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdlib.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { ROUNDS = 50 };
#define PATIENCE UINT64_C(100000000)

static volatile uint64_t *begin(enum deed deed)
{
    start_pager(deed);
    pager->patience = PATIENCE;
    return map_pager(0);
}

static void end(volatile uint64_t *memory)
{
    unmap(memory);
    CHECK(comes(&pager->terminates, atomic_load(&pager->inits)));
    end_pager();
}

static void end_dead(volatile uint64_t *memory)
{
    unmap(memory);
    end_pager();
}

/* ---- the cases; what is not answered is an exception, in time ---- */

static void times_out(volatile uint64_t *at)
{
    uint64_t before = kernel_clock_now();
    expect_error(at, KERN_OPERATION_TIMED_OUT, 0);
    uint64_t waited = kernel_clock_now() - before;
    CHECK(waited >= PATIENCE && waited < 3 * PATIENCE);
}

static void never(void)
{
    volatile uint64_t *a = begin(SILENT);
    times_out(AT(a, 0));
    end(a);
}

static void late(void)
{
    volatile uint64_t *a = begin(LATE);
    times_out(AT(a, 1));
    atomic_store(&pager->deed, SUPPLY);
    (void)kernel_sleep_until(kernel_clock_now() + 3 * PATIENCE);
    uint32_t requests = atomic_load(&pager->requests);
    CHECK_EQUAL(AT(a, 1)[3], pager_word(1, 3)); /* it came after all */
    CHECK_EQUAL(atomic_load(&pager->requests), requests);
    end(a);
}

static void twice(void)
{
    volatile uint64_t *a = begin(TWICE);
    for (unsigned page = 0; page < 4; page++)
        CHECK_EQUAL(AT(a, page)[5], pager_word(page, 5));
    end(a);
}

static void too_short(void)
{
    volatile uint64_t *a = begin(SHORT);
    times_out(AT(a, 2));
    CHECK_EQUAL(AT(a, 3)[5], pager_word(3, 5));
    end(a);
}

static void wrong_place(void)
{
    volatile uint64_t *a = begin(WRONG_PLACE);
    times_out(AT(a, 4));
    CHECK_EQUAL(AT(a, 5)[5], pager_word(4, 5)); /* whatever it says is there */
    end(a);
}

static void unreadable(void)
{
    volatile uint64_t *a = begin(UNREADABLE);
    times_out(AT(a, 6));
    atomic_store(&pager->deed, BAD_MEMORY);
    times_out(AT(a, 7));
    end(a);
}

static void other_object(void)
{
    volatile uint64_t *a = begin(OTHER);
    times_out(AT(a, 8));
    end(a);
}

static void port_destroyed(void)
{
    volatile uint64_t *a = begin(DROP_PORT);
    expect_error(AT(a, 9), KERN_MEMORY_FAILURE, 0);
    expect_error(AT(a, 9), KERN_MEMORY_FAILURE, 0);
    end_dead(a);
}

static void dies_early(void)
{
    volatile uint64_t *a = begin(DIE_EARLY);
    expect_error(AT(a, 10), KERN_MEMORY_FAILURE, 0);
    end_dead(a);
}

static void dies_asked(void)
{
    volatile uint64_t *a = begin(DIE);
    expect_error(AT(a, 11), KERN_MEMORY_FAILURE, 0);
    end_dead(a);
}

/* When it is to fetch what was written: whoever maps the object has that still. */
static void dies_owing(void)
{
    volatile uint64_t *a = begin(SUPPLY);
    AT(a, 12)[0] = 1;
    AT(a, 13)[0] = 2;
    atomic_store(&pager->deed, DIE_OWING);
    pager->flush = 1 | MEMORY_OBJECT_RETURNS_DIRTY << 4 | 1 << 8;
    poke();
    (void)kernel_sleep_until(kernel_clock_now() + PATIENCE / 4);
    expect_error(AT(a, 14), KERN_MEMORY_FAILURE, 0);
    CHECK_EQUAL(AT(a, 12)[0] + AT(a, 13)[0], 3);
    end_dead(a);
    a = begin(SUPPLY);
    AT(a, 12)[0] = 1;
    atomic_store(&pager->deed, DIE_OWING);
    end_dead(a); /* nobody maps it any more when it dies */
}

static int read_some(void *argument)
{
    volatile uint64_t *memory = argument;
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        (void)*AT(memory, page);
    atomic_fetch_add(&pager->completions, 1);
    return 0;
}

/* In the midst of supplying, at any instruction. */
static void killed_supplying(void)
{
    static unsigned number;
    struct clone client;
    volatile uint64_t *a = begin(FLOOD);
    OK(clone_make(&client, read_some, (void *)(uintptr_t)a, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&client));
    CHECK(comes(&pager->requests, 1));
    (void)kernel_sleep_until(kernel_clock_now() + ++number * 7919 % 1000000);
    end_pager();
    if (number % 2)
        CHECK(comes(&pager->completions, 1));
    clone_end(&client);
    unmap(a);
}

static void flood(void)
{
    volatile uint64_t *a = begin(FLOOD);
    for (unsigned page = 0; page < 2; page++)
        CHECK_EQUAL(AT(a, page)[5], pager_word(page, 5));
    end(a);
}

/* Each supplies what the other does: nobody can. */
static void one_another(void)
{
    static struct pager *second;
    struct clone server[2];
    if (!second)
        second = make_pager(FROM_OTHER);
    if (!pager)
        pager = make_pager(FROM_OTHER);
    struct pager *both[2] = {pager, second};
    for (unsigned i = 0; i < 2; i++) {
        *both[i] = (struct pager){.deed = FROM_OTHER, .collects = 1, .port = new_port()};
        pager_fill(both[i]);
    }
    pager->other = second->port;
    second->other = pager->port;
    for (unsigned i = 0; i < 2; i++) {
        OK(clone_make(&server[i], pager_serve, both[i], THREAD_PRIORITY_DEFAULT + 1));
        OK(clone_give_receive(&server[i], both[i]->port));
    }
    for (unsigned i = 0; i < 2; i++)
        OK(clone_run(&server[i]));
    pager_port = pager->port;
    volatile uint64_t *a = map_pager(0);
    times_out(AT(a, 0));
    times_out(AT(a, 1));
    unmap(a);
    for (unsigned i = 0; i < 2; i++) {
        clone_end(&server[i]);
        OK(port_deallocate(me(), both[i]->port));
        CHECK_EQUAL(atomic_load(&both[i]->error), 0);
    }
}

/* ---- somebody who has nothing to do with it ---- */

/* Shared with the bystander: how long the same work takes it, while nothing else happens and meanwhile. It stands still while
 * objects are counted. */
enum { QUIET, HOSTILE, STILL };
static struct bystander {
    _Atomic uint32_t phase, still, failures;
    _Atomic uint64_t bursts[2], time[2];
} * bystander;

static uint64_t work(void)
{
    const uint64_t start = kernel_clock_now();
    for (unsigned i = 0; i < 100; i++) {
        uint64_t at = 0;
        bool good = vm_allocate(me(), 0, PAGE, VM_ANYWHERE, &at) == KERN_SUCCESS;
        if (good) {
            *(volatile uint64_t *)(uintptr_t)at = i;
            good = vm_deallocate(me(), at, PAGE) == KERN_SUCCESS;
        }
        atomic_fetch_add(&bystander->failures, !good);
    }
    return kernel_clock_now() - start;
}

static int stand_by(void *argument)
{
    (void)argument;
    while (bystander->failures == 0) {
        uint32_t phase = atomic_load(&bystander->phase);
        atomic_store(&bystander->still, phase == STILL);
        uint64_t time = phase == STILL ? 0 : work();
        if (phase != STILL && atomic_load(&bystander->phase) == phase) {
            atomic_fetch_add(&bystander->time[phase], time);
            atomic_fetch_add(&bystander->bursts[phase], 1);
        }
        (void)kernel_sleep_until(kernel_clock_now() + 2000000);
    }
    return 1;
}

static void begin_bystander(struct clone *clone)
{
    uint64_t at = 0;
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, MSG_NULL, READ_WRITE, READ_WRITE, VM_INHERIT_SHARE,
              &at));
    bystander = (struct bystander *)(uintptr_t)at;
    OK(clone_make(clone, stand_by, NULL, THREAD_PRIORITY_DEFAULT + 2));
    OK(clone_run(clone));
    (void)kernel_sleep_until(kernel_clock_now() + UINT64_C(200000000));
    atomic_store(&bystander->phase, HOSTILE);
}

/* With a processor of its own time it has at least 95 of 100 parts of what it had. Emulated processors share theirs: there
 * time says nothing. */
static void end_bystander(struct clone *clone)
{
    clone_end(clone);
    uint64_t quiet = atomic_load(&bystander->time[QUIET]) / atomic_load(&bystander->bursts[QUIET]);
    uint64_t hostile =
        atomic_load(&bystander->time[HOSTILE]) / atomic_load(&bystander->bursts[HOSTILE]);
    print("vm-hostile: a bystander's work takes %lu us, and %lu us before\n", hostile / 1000,
          quiet / 1000);
    if (kernel_system_info(SYSTEM_INFO_CPUS_ONLINE) == 1)
        CHECK(quiet * 100 >= hostile * 95);
    CHECK_EQUAL(atomic_load(&bystander->failures), 0);
    OK(vm_deallocate(me(), (uintptr_t)bystander, PAGE));
}

/* ---- all of them ---- */

static uint64_t objects(void)
{
    atomic_store(&bystander->phase, STILL);
    CHECK(comes(&bystander->still, 1));
    const uint64_t now = settled_objects(NULL);
    atomic_store(&bystander->phase, HOSTILE);
    return now;
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"never", never},
    {"late", late},
    {"twice", twice},
    {"short", too_short},
    {"wrong place", wrong_place},
    {"unreadable", unreadable},
    {"other object", other_object},
    {"port destroyed", port_destroyed},
    {"dies early", dies_early},
    {"dies asked", dies_asked},
    {"dies owing", dies_owing},
    {"killed supplying", killed_supplying},
    {"flood", flood},
    {"one another", one_another},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : ROUNDS;
    struct clone clone;
    start_handler();
    begin_bystander(&clone);
    for (unsigned i = 0; i < CASES; i++) {
        cases[i].run(); /* once, for what stays */
        uint64_t before = objects();
        for (unsigned round = 1; round < rounds; round++)
            cases[i].run();
        CHECK_EQUAL(objects(), before);
        print("vm-hostile: %s, %u times\n", cases[i].name, rounds);
    }
    end_bystander(&clone);
    OK(exception_ports_set(me(), EXCEPTION_PORTS_SLOT_HANDLER, EXCEPTION_PORTS_FLAVOUR_STATE, 0,
                           MSG_NULL));
    return check_end("vm-hostile");
}
