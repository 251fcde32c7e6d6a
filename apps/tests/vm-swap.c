/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs' memory that goes out and comes back: what it holds, whoever looks at it and however, with a pager that does as it should
 * and one that does not; and more of it than there is memory.
 *
 *      vm-swap [ROUNDS]        of the storm; 0: none
 */
#include "vm-swap.h"
#include "raised.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/exception.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { AREA = 600, MANY = 3000 };

struct board *board;

static void stage(const char *name)
{
    print("vm-swap: %s at %lu ms\n", name, kernel_clock_now() / 1000000);
}

void swap_wait_until(bool (*is)(uint64_t), uint64_t value)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(60000000000);
    while (!is(value) && kernel_clock_now() < give_up)
        pause_for(1000);
    CHECK(is(value));
}

static bool used_at_most(uint64_t count)
{
    return swap_now().used <= count && swap_now().in_flight == 0;
}

static bool is_quiet(uint64_t unused)
{
    (void)unused;
    struct host_memory_swap now = swap_now();
    return now.in_flight == 0 && now.demanded == 0;
}

/* Pages that were used since the hand came by last take two rounds more, however few they are. */
void swap_push_out(void)
{
    unsigned rounds = 0;
    uint64_t before;
    do {
        before = swap_now().stores;
        OK(host_memory_page_out(program_start_info->host_memory, MANY));
        pause_for(20000);
        swap_wait_until(is_quiet, 0);
    } while (++rounds < 3 || swap_now().stores > before + 64);
}

void swap_fill_pages(uint64_t *at, unsigned pages, uint64_t who)
{
    for (unsigned page = 0; page < pages; page++)
        swap_fill(at + page * PAGE_WORDS, who, page);
}

void swap_expect(const volatile uint64_t *at, unsigned pages, uint64_t who)
{
    unsigned wrong = 0;
    for (unsigned page = 0; page < pages; page++)
        wrong += !swap_is(at + page * PAGE_WORDS, who, page);
    CHECK_EQUAL(wrong, 0);
}

/* ---- there and back ---- */

/* Of numbers in pages that came back, the signs alone change: those are other pages. */
static void test_signs(uint64_t *area)
{
    enum { PAGES = 8, WORDS = PAGES * PAGE_WORDS };
    unsigned wrong = 0;

    for (unsigned i = 0; i < WORDS; i++)
        area[i] = i;
    swap_push_out();
    for (unsigned i = 0; i < WORDS; i++)
        wrong += area[i] != i;
    for (unsigned i = 0; i < WORDS; i++)
        area[i] ^= UINT64_C(1) << 63;
    swap_push_out();
    for (unsigned i = 0; i < WORDS; i++)
        wrong += area[i] != (i | UINT64_C(1) << 63);
    CHECK_EQUAL(wrong, 0);
    swap_push_out();
}

static void test_cycle(void)
{
    uint64_t *area = pages_make(AREA), used = swap_now().used;
    swap_fill_pages(area, AREA, 1);
    uint64_t stores = swap_now().stores, loads = swap_now().loads;
    swap_push_out();
    CHECK(swap_now().stores >= stores + AREA - 8);
    CHECK(swap_now().used >= used + AREA - 8);
    swap_expect(area, AREA, 1);
    CHECK(swap_now().loads >= loads + AREA - 8);
    for (unsigned page = 0; page < AREA; page += 2) /* as they are, and changed */
        swap_fill(area + page * PAGE_WORDS, 2, page);
    swap_push_out();
    for (unsigned page = 0; page < AREA; page++)
        CHECK(swap_is(area + page * PAGE_WORDS, page % 2 ? 1 : 2, page));
    for (unsigned page = 0; page < AREA; page++) /* one that its pager cannot make small */
        area[page * PAGE_WORDS + 100] = page * UINT64_C(0x123456789);
    swap_push_out();
    for (unsigned page = 0; page < AREA; page++)
        CHECK_EQUAL(area[page * PAGE_WORDS + 100], page * UINT64_C(0x123456789));
    swap_push_out();
    test_signs(area);
    pages_drop(area, AREA); /* while it is out: a work item gives the slots back */
    swap_wait_until(used_at_most, used + 200);
}

/* ---- several who see it ---- */

static uint64_t *shared, *copied;

static int look(void *argument)
{
    (void)argument;
    swap_expect(shared, AREA / 4, 3);
    swap_expect(copied, AREA / 4, 4);
    swap_fill_pages(copied, AREA / 8, 5);
    swap_expect(copied + AREA / 8 * PAGE_WORDS, 0, 4);
    shared[PAGE_WORDS * 7] = 77;
    atomic_fetch_add(&board->failures, check_failures());
    atomic_fetch_add(&board->ended, 1);
    return 0;
}

void swap_wait_for(uint32_t ended)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(1200000000000);
    while (atomic_load(&board->ended) < ended && kernel_clock_now() < give_up)
        pause_for(1000);
    CHECK_EQUAL(atomic_exchange(&board->ended, 0), ended);
    CHECK_EQUAL(atomic_exchange(&board->failures, 0), 0);
}

static void test_shared(void)
{
    struct clone clone;
    shared = pages_make_shared(AREA / 4);
    copied = pages_make(AREA / 4);
    swap_fill_pages(shared, AREA / 4, 3);
    swap_fill_pages(copied, AREA / 4, 4);
    swap_push_out();
    OK(clone_make(&clone, look, NULL, THREAD_PRIORITY_DEFAULT));
    swap_push_out();
    OK(clone_run(&clone));
    swap_wait_for(1);
    swap_push_out();
    CHECK_EQUAL(shared[PAGE_WORDS * 7], 77);
    swap_expect(copied, AREA / 4, 4);
    clone_end(&clone);
    swap_push_out();
    swap_fill_pages(copied, AREA / 4, 6);
    swap_push_out();
    swap_expect(copied, AREA / 4, 6);
    pages_drop(shared, AREA / 4);
    pages_drop(copied, AREA / 4);
}

/* ---- calls that touch it ---- */

static void test_calls(void)
{
    static uint8_t data[VM_DATA_MAX];
    uint32_t size = 0;
    uint64_t *area = pages_make(16), at = 0;
    swap_fill_pages(area, 16, 7);
    swap_push_out();
    OK(vm_read(me(), (uintptr_t)area + 2048, PAGE, data, &size));
    CHECK_EQUAL(size, PAGE);
    CHECK_EQUAL(((uint64_t *)(void *)data)[0], swap_word(7, 0) + 256);
    swap_push_out();
    OK(vm_write(me(), (uintptr_t)area + 3 * PAGE, data, 8));
    CHECK_EQUAL(area[3 * PAGE_WORDS], swap_word(7, 0) + 256);
    CHECK_EQUAL(area[3 * PAGE_WORDS + 1], swap_word(7, 3) + 1);
    area[3 * PAGE_WORDS] = swap_word(7, 3);
    swap_push_out();
    OK(vm_allocate(me(), 0, 16 * PAGE, VM_ANYWHERE, &at));
    OK(vm_copy(me(), (uintptr_t)area, 16 * PAGE, at));
    swap_expect((uint64_t *)(uintptr_t)at, 16, 7);
    swap_push_out();
    OK(vm_protect(me(), (uintptr_t)area, 16 * PAGE, false, VM_PROT_READ));
    swap_expect(area, 16, 7);
    OK(vm_protect(me(), (uintptr_t)area, 16 * PAGE, false, READ_WRITE));
    swap_push_out();
    swap_fill_pages(area, 16, 8);
    swap_expect((uint64_t *)(uintptr_t)at, 16, 7);
    pages_drop(area, 16);
    pages_drop((void *)(uintptr_t)at, 16);
}

/* ---- what has to stay ---- */

static void expect_here(const uint64_t *area, unsigned pages, uint64_t who)
{
    struct vm_usage usage;
    swap_wait_until(is_quiet, 0); /* nothing goes from here on */
    OK(vm_usage(me(), &usage));
    CHECK(usage.wired >= pages);
    swap_expect(area, 1, who); /* what this itself needs is here */
    uint64_t loads = swap_now().loads;
    swap_expect(area, pages, who);
    CHECK_EQUAL(swap_now().loads, loads);
}

/* Pages that are out come to be wired, and do not go again until they are not; and so for those that are about to go when they are
 * wired. */
static void test_wired(void)
{
    enum { PAGES = AREA / 4, ROUNDS = 20 };
    const mach_port_name_t memory = program_start_info->host_memory;
    uint64_t *area = pages_make(PAGES), at = (uintptr_t)area;
    swap_fill_pages(area, PAGES, 13);
    swap_push_out();
    OK(host_memory_wire(memory, me(), at, PAGES * PAGE));
    expect_here(area, PAGES, 13);
    swap_push_out();
    expect_here(area, PAGES, 13);
    for (unsigned round = 0; round < ROUNDS; round++) {
        OK(host_memory_unwire(memory, me(), at, PAGES * PAGE));
        swap_fill_pages(area, PAGES, 14 + round);
        OK(host_memory_page_out(memory, MANY));
        pause_for(UINT64_C(500) * round);
        OK(host_memory_wire(memory, me(), at, PAGES * PAGE));
        expect_here(area, PAGES, 14 + round);
    }
    swap_push_out();
    expect_here(area, PAGES, 14 + ROUNDS - 1);
    OK(host_memory_unwire(memory, me(), at, PAGES * PAGE));
    uint64_t left = swap_now().stores + swap_now().unchanged;
    swap_push_out();
    CHECK(swap_now().stores + swap_now().unchanged >= left + PAGES - 8);
    swap_expect(area, PAGES, 14 + ROUNDS - 1);
    pages_drop(area, PAGES);
}

/* ---- pagers that do not do as they should ---- */

static void raise_one(void)
{
    uint32_t before = atomic_load(&raised);
    volatile uint8_t *volatile nothing = (volatile uint8_t *)(uintptr_t)8;
    (void)*nothing;
    CHECK_EQUAL(atomic_load(&raised), before + 1);
}

static void expect_lost(volatile uint64_t *at)
{
    uint32_t before = atomic_load(&raised);
    (void)*at;
    CHECK_EQUAL(atomic_load(&raised), before + 1);
    CHECK_EQUAL(atomic_load(&raised_code), EXCEPTION_CODE_PAGE | (uint64_t)KERN_MEMORY_ERROR);
}

static void test_lost(enum swap_deed deed)
{
    uint64_t *area = pages_make(4);
    uint32_t size;
    uint8_t data[8];
    swap_fill_pages(area, 4, SWAP_VICTIM);
    swap_push_out();
    uint64_t lost = swap_now().lost;
    stage("lost");
    swap_tell(deed);
    pause_for(1000);
    expect_lost(area);
    CHECK(swap_now().lost > lost);
    expect_lost(area);
    FAILS(vm_read(me(), (uintptr_t)area, 8, data, &size), KERN_MEMORY_ERROR);
    swap_tell(SWAP_SERVE);
    pause_for(1000);
    expect_lost(area); /* it is gone */
    CHECK(swap_is(area + PAGE_WORDS, SWAP_VICTIM, 1));
    pages_drop(area, 4);
}

static void test_failing(void)
{
    uint64_t *area = pages_make(AREA / 4), used = swap_now().used;
    swap_fill_pages(area, AREA / 4, 10);
    stage("fail");
    swap_tell(SWAP_FAIL);
    swap_push_out();
    CHECK(swap_now().used <= used);
    stage("lie");
    swap_tell(SWAP_LIE);
    swap_push_out();
    swap_expect(area, AREA / 4, 10);
    swap_tell(SWAP_SERVE);
    pages_drop(area, AREA / 4);
}

/* The pager dies with pages in its slots, and another comes, which knows nothing of them: what was kept is lost, and only that. */
static void test_death(void)
{
    uint64_t *area = pages_make(8);
    swap_fill_pages(area, 8, SWAP_VICTIM);
    OK(vm_inherit(me(), (uintptr_t)area, 8 * PAGE,
                  VM_INHERIT_NONE)); /* not even the next pager's */
    swap_push_out();
    swap_touch_all(area);
    stage("end");
    swap_end();
    CHECK(swap_now().used >= 8);
    stage("start");
    swap_start(0);
    stage("started");
    expect_lost(area);
    pages_drop(area, 8);
    area = pages_make(8);
    swap_fill_pages(area, 8, 12);
    swap_push_out();
    swap_expect(area, 8, 12);
    pages_drop(area, 8);
}

/* ---- what is refused ---- */

static void test_refused(void)
{
    mach_port_name_t memory = program_start_info->host_memory, own = MSG_NULL, name, control;
    uint64_t at;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &own));
    OK(port_insert_made_send(me(), own, own, &name));
    FAILS(host_memory_set_default_pager(memory, own, &control), KERN_BUSY);
    FAILS(host_memory_set_default_pager(memory, me(), &control), KERN_INVALID_CAPABILITY);
    FAILS(host_memory_set_default_pager(memory, MSG_NULL, &control), KERN_INVALID_CAPABILITY);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, swap_port(), READ_WRITE, READ_WRITE,
                 VM_INHERIT_SHARE, &at),
          KERN_INVALID_CAPABILITY);
    OK(port_deallocate(me(), own));
    OK(port_mod_refs(me(), own, PORT_RIGHT_RECEIVE, -1));
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
    board = pages_make_shared(1);
    start_handler();
    swap_start(SWAP_SLOTS);
    swap_end();
    raise_one(); /* names have been made room for, replies been made, and the like */
    struct left left = left_now();
    swap_start(SWAP_SLOTS);
    stage("cycle");
    test_cycle();
    stage("told");
    test_told();
    stage("shared");
    test_shared();
    stage("calls");
    test_calls();
    stage("wired");
    test_wired();
    test_refused();
    stage("pagers");
    test_failing();
    test_lost(SWAP_DAMAGE);
    test_lost(SWAP_REFUSE);
    test_death();
    if (rounds > 0) {
        stage("forks");
        test_forks();
    }
    stage("storm");
    if (rounds > 0)
        test_storm(rounds);
    struct host_memory_swap facts = swap_now();
    print("vm-swap: %lu pages went out, %lu came back, %lu were rescued, %lu lost\n", facts.stores,
          facts.loads, facts.rescues, facts.lost);
    swap_wait_until(is_quiet, 0); /* nothing goes from here on */
    swap_touch_all(NULL);
    swap_end();
    /* Each CPU keeps some free pieces of what pages consist of, and this task has some: each may be the last in its frame. */
    left_expect_but(&left, 64 + 16 * kernel_system_info(SYSTEM_INFO_CPUS_ONLINE));
    return check_end("vm-swap");
}
