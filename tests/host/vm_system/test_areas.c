/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas of slots (interfaces/swap.defs): how they come and go, which of them pages go to; and what is spared where pages come back: slots that they
 * leave without being stored anew, and requests that bring several; and that nothing of it is lost when an allocation fails.
 *
 *      test_vm_areas     WHARF_SEED, WHARF_RUNS
 */
#include "areas.h"

#include <kern/frame.h>
#include <kern/pageout.h>
#include <string.h>

enum { MOST = 40, RUNS = 4 };

/* ---- whose pages they are ---- */

static struct {
    uint32_t task;
    uint64_t at;
} owner;

static uint32_t word_of(unsigned page)
{
    return 0x1000 + page;
}

static void begin_owner(void)
{
    owner.task = child_new(0, 0, NULL);
    OK(vm_allocate(owner.task, 0, MOST * PAGE, VM_ANYWHERE, &owner.at));
    for (unsigned i = 0; i < MOST; i++) {
        const uint32_t words[2] = {word_of(i), ~word_of(i)};
        OK(vm_write(owner.task, owner.at + (i + 1) * PAGE - 8, (const uint8_t *)words, 8));
    }
}

static kern_return_t look_at(unsigned page)
{
    uint32_t words[2] = {0, 0}, size;
    kern_return_t kr =
        vm_read(owner.task, owner.at + (page + 1) * PAGE - 8, 8, (uint8_t *)words, &size);
    if (kr == KERN_SUCCESS) {
        CHECK_EQUAL(words[0], word_of(page));
        CHECK_EQUAL(words[1], ~word_of(page));
    }
    return kr;
}

static void expect_all(void)
{
    for (unsigned i = 0; i < MOST; i++)
        OK(look_at(i));
}

static void push(unsigned pages)
{
    OK(host_memory_page_out(me.memory, pages));
    rest();
}

static void push_all(void)
{
    push(2 * MOST);
    CHECK(office_facts().used >= MOST);
}

static void begin_round(void)
{
    areas_begin_pager();
    begin_owner();
}

static void end_round(void)
{
    child_end(owner.task);
    areas_end_pager();
}

/* ---- where pages go ---- */

/* The highest first, and of equals, both. */
static void by_priority(void)
{
    enum { FEW = 16, SOME = 20 };
    begin_round(); /* the first area: priority 0 */
    const uint32_t low = areas_added(FEW, 1), high = areas_added(FEW, 9), a = areas_added(FEW, 5),
                   b = areas_added(FEW, 5);
    push(SOME);
    CHECK_EQUAL(areas_used(high), FEW);
    CHECK(areas_used(a) + areas_used(b) >= SOME - FEW);
    CHECK_EQUAL(areas_used(low), 0);
    push_all();
    CHECK(areas_used(a) > 0 && areas_used(b) > 0);
    CHECK(areas_used(low) == 0 || areas_used(a) + areas_used(b) == 2 * FEW);
    CHECK(areas_used(0) == 0 || areas_used(low) == FEW);
    expect_all();
    end_round();
}

/* ---- coming and going ---- */

static void drained(void)
{
    begin_round();
    const uint32_t high = areas_added(SLOTS, 7);
    struct swap_area area;
    push_all();
    CHECK(areas_used(high) >= MOST);
    GIVES(KERN_NOT_FOUND, areas_drain(high + 1));
    GIVES(KERN_NOT_FOUND, areas_keep(high + CHUNK));
    pager.deaf = true;
    OK(areas_drain(high));
    GIVES(KERN_NOT_FOUND, areas_drain(high));
    rest();
    CHECK(areas_see(high, &area) && area.state == SWAP_AREA_STATE_DRAINING);
    OK(areas_keep(high));
    OK(areas_keep(high)); /* it is kept anyway */
    pager.deaf = false;
    rest();
    CHECK(areas_see(high, &area) && area.state == SWAP_AREA_STATE_IN_USE);
    CHECK_EQUAL(pager.drains, 0);
    push_all();
    OK(areas_drain(high));
    rest();
    CHECK(!areas_see(high, &area));
    CHECK_EQUAL(pager.drains, 1);
    CHECK_EQUAL(pager.drained[0], high);
    GIVES(KERN_NOT_FOUND, areas_keep(high));
    CHECK_EQUAL(office_facts().slots, SLOTS);
    CHECK_EQUAL(office_facts().used, 0);
    expect_all();
    push_all();
    CHECK(areas_used(0) >= MOST);
    expect_all();
    end_round();
}

/* What has been promised to a program would not be there. */
static void drained_in_vain(void)
{
    struct host_memory_statistics now;
    uint64_t at;
    begin_round();
    const uint32_t first = areas_added(SLOTS, 1);
    OK(host_memory_statistics(me.host, &now));
    if (now.commitment_limit != UINT64_MAX) {
        const uint64_t pages = now.commitment_limit - now.committed - SLOTS / 2;
        OK(vm_allocate(me.task, 0, pages * PAGE, VM_ANYWHERE, &at));
        GIVES(KERN_RESOURCE_SHORTAGE, areas_drain(first));
        CHECK_EQUAL(office_facts().slots, 2 * SLOTS);
        OK(vm_deallocate(me.task, at, pages * PAGE));
        rest();
    }
    OK(areas_drain(first));
    rest();
    CHECK_EQUAL(pager.drains, 1);
    end_round();
}

/* One page cannot be had any more: the pager is told that the area is empty, and it goes when the page's owner does. */
static void lost_page(void)
{
    begin_round();
    const uint64_t lost = office_facts().lost;
    const uint32_t high = areas_added(SLOTS, 7);
    struct swap_area area;
    push_all();
    pager.damages = true;
    GIVES(KERN_MEMORY_ERROR, look_at(MOST / 2));
    pager.damages = false;
    GIVES(KERN_MEMORY_ERROR, look_at(MOST / 2));
    CHECK(office_facts().lost > lost);
    OK(areas_drain(high));
    rest();
    CHECK_EQUAL(pager.drains, 1);
    CHECK(areas_see(high, &area) && area.used == office_facts().lost - lost);
    for (unsigned i = 0; i < MOST; i++)
        CHECK(look_at(i) == (i == MOST / 2 ? KERN_MEMORY_ERROR : KERN_SUCCESS));
    child_end(owner.task);
    rest();
    CHECK(!areas_see(high, &area));
    CHECK_EQUAL(pager.drains, 1);
    areas_end_pager();
}

enum { RUN_MAX = 16 }; /* pages of a request */

/* Wired, until there are `left` frames more than programs may take, besides those for a request. */
static uint32_t take_frames(uint64_t left)
{
    const uint32_t task = child_new(0, 0, NULL);
    for (;;) {
        struct pageout_facts facts;
        uint64_t at;
        pageout_facts(&facts);
        const uint64_t free = frame_count_listed(), wanted = facts.marks.user + RUN_MAX + left;
        if (free <= wanted)
            return task;
        const uint64_t pages = (free - wanted + 1) / 2;
        OK(vm_allocate(task, 0, pages * PAGE, VM_ANYWHERE, &at));
        OK(host_memory_wire(me.memory, task, at, pages * PAGE));
        rest();
    }
}

/* There is no room for what is there. The hand has gone round for nothing when somebody needs a frame: he gets it, and the area is kept. */
static void drained_while_short(void)
{
    enum { CROWD = 200, SPARE = 150, FRESH = 100 }; /* CPUs keep some frames for themselves */
    struct swap_area area;
    uint64_t at;
    const uint32_t word = 1;
    begin_round();
    const uint32_t crowd = child_new(0, 0, NULL);
    OK(vm_allocate(crowd, 0, CROWD * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < CROWD; i++)
        OK(vm_write(crowd, at + i * PAGE, (const uint8_t *)&word, sizeof(word)));
    push(2 * (CROWD + MOST));
    CHECK(areas_used(0) >= CROWD + MOST);
    const uint32_t hog = take_frames(SPARE);
    OK(areas_drain(0));
    rest();
    CHECK(areas_see(0, &area) && area.state == SWAP_AREA_STATE_DRAINING && area.used > 0);
    CHECK(!pageout_has_frames());
    OK(vm_allocate(owner.task, 0, FRESH * PAGE, VM_ANYWHERE, &at));
    for (unsigned i = 0; i < FRESH && area.state == SWAP_AREA_STATE_DRAINING; i++) {
        OK(vm_write(owner.task, at + i * PAGE, (const uint8_t *)&word, sizeof(word)));
        rest();
        CHECK(areas_see(0, &area));
    }
    CHECK_EQUAL(area.state, SWAP_AREA_STATE_IN_USE);
    CHECK_EQUAL(pager.refused, 1);
    CHECK_EQUAL(pager.drains, 0);
    child_end(hog);
    child_end(crowd);
    rest();
    expect_all();
    end_round();
}

static void many(void)
{
    uint32_t first[AREAS], one;
    areas_begin_pager();
    first[0] = 0;
    for (unsigned i = 1; i < AREAS; i++)
        first[i] = areas_added(SLOTS, i);
    for (unsigned i = 0; i < AREAS; i++)
        CHECK_EQUAL(first[i], i * CHUNK);
    GIVES(KERN_LIMIT, areas_add(SLOTS, 1, &one));
    OK(areas_drain(first[3]));
    rest();
    GIVES(KERN_LIMIT, areas_add(UINT32_MAX, 1, &one));
    GIVES(KERN_LIMIT, areas_add(CHUNK * CHUNK, 1, &one));
    GIVES(KERN_INVALID_ARGUMENT, areas_add(0, 1, &one));
    CHECK_EQUAL(areas_added(SLOTS, 1), first[3]); /* where there is room */
    OK(areas_drain(first[2]));
    rest();
    CHECK_EQUAL(areas_added(2 * CHUNK, 1), AREAS * CHUNK); /* there is not */
    CHECK_EQUAL(areas_count(), AREAS);
    const uint32_t control = give_port(me.actor, host.port[KOBJECT_SWAP]);
    GIVES(KERN_NOT_FOUND, swap_add_area(control, SLOTS, 1, NULL, 0, &one)); /* it is no pager */
    drop_name(control);
    areas_end_pager();
}

/* Nothing is left of an area for which there was no memory, and there is room for another. */
static void no_memory(void)
{
    kern_return_t kr = KERN_RESOURCE_SHORTAGE;
    uint64_t n = 0, counted = 0;
    uint32_t first;
    areas_begin_pager();
    while (kr != KERN_SUCCESS) {
        areas_begin_calls();
        (void)alloc_fail_nth(++n);
        kr = swap_add_area(office.control, 2 * CHUNK + 1, 1, NULL, 0, &first);
        counted = alloc_fail_nth(0);
        areas_end_calls();
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        rest();
        CHECK_EQUAL(areas_count(), kr == KERN_SUCCESS ? 2 : 1);
        CHECK_EQUAL(office_facts().slots, SLOTS + (kr == KERN_SUCCESS ? 2 * CHUNK + 1 : 0));
    }
    CHECK(counted < n && n > 3 * 16); /* frames of slots */
    areas_end_pager();
}

/* All frames are used but half of all and SPARE, and that half is kept back. */
static uint32_t keep_half(uint64_t spare)
{
    struct host_memory_statistics now;
    uint32_t task = child_new(0, 0, NULL);
    uint64_t at;
    OK(host_memory_statistics(me.host, &now));
    const uint64_t pages = now.free - now.managed / 2 - spare;
    OK(vm_allocate(task, 0, pages * PAGE, VM_ANYWHERE, &at));
    OK(host_memory_wire(me.memory, task, at, pages * PAGE));
    OK(host_memory_set_reserve(me.memory, now.managed / 2));
    rest();
    return task;
}

/* The frames that are kept back for who frees memory are no area's, though the pager may use them: it is refused, and not in use. */
static void none_kept_back(void)
{
    enum { SPARE = 4000, CHUNK_FRAMES = 16 };
    uint32_t first;
    areas_begin_pager();
    const uint32_t task = keep_half(SPARE);
    GIVES(KERN_RESOURCE_SHORTAGE, areas_add(SPARE / CHUNK_FRAMES * CHUNK, 1, &first));
    CHECK_EQUAL(areas_count(), 1);
    (void)areas_added(SLOTS, 1); /* there are frames for a small one */
    OK(host_memory_set_reserve(me.memory, 0));
    (void)areas_added(SPARE / CHUNK_FRAMES * CHUNK, 1);
    child_end(task);
    areas_end_pager();
}

/* ---- what is spared ---- */

/* Pages that come back and are not written to leave without being stored. */
static void unchanged(void)
{
    enum { WRITTEN = 7 };
    struct host_memory_swap before, after;
    begin_round();
    (void)areas_added(SLOTS, 1); /* there are enough for some to be kept */
    push_all();
    expect_all();
    before = office_facts();
    CHECK(before.kept >= MOST);
    CHECK_EQUAL(before.used, 0);
    push_all();
    after = office_facts();
    CHECK_EQUAL(after.stores, before.stores);
    CHECK(after.unchanged >= before.unchanged + MOST);
    expect_all();
    for (unsigned i = 0; i < WRITTEN; i++) {
        const uint32_t word = i + 1;
        OK(vm_write(owner.task, owner.at + 3 * i * PAGE, (const uint8_t *)&word, 4));
    }
    before = office_facts();
    push_all();
    after = office_facts();
    CHECK_EQUAL(after.stores, before.stores + WRITTEN);
    CHECK(after.unchanged >= before.unchanged + MOST - WRITTEN);
    expect_all();
    end_round();
}

/* The page that has been stored there last; MOST: none of the owner's. */
static unsigned page_in(uint32_t slot)
{
    uint32_t words[2];
    memcpy(words, areas_place(slot) + PAGE - 8, 8);
    return words[1] == ~words[0] && words[0] - word_of(0) < MOST ? words[0] - word_of(0) : MOST;
}

/* In the order in which they left. */
static void look_in_order(void)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (page_in(slot) < MOST)
            OK(look_at(page_in(slot)));
}

/* One after another: the more the longer. */
static void row_of_faults(void)
{
    begin_round();
    const uint64_t before = office_facts().ahead;
    push_all();
    pager.loads = 0;
    look_in_order();
    CHECK(office_facts().ahead >= before + MOST / 2);
    CHECK(pager.loads < MOST / 2);
    expect_all();
    end_round();
}

/* Nothing is lost for having been asked for with something else. */
static void one_by_one(void)
{
    begin_round();
    const uint64_t lost = office_facts().lost;
    push_all();
    pager.parts = true;
    look_in_order();
    expect_all();
    pager.parts = false;
    CHECK(pager.in_vain > 0);
    CHECK(pager.single >= MOST / 2);
    CHECK_EQUAL(office_facts().lost, lost);
    end_round();
}

/* ---- an allocation fails ---- */

/* Who asked is told, once, and asks again. */
static bool is_told(kern_return_t kr)
{
    CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER);
    return kr != KERN_SUCCESS;
}

static void push_whatever_fails(void)
{
    while (is_told(host_memory_page_out(me.memory, 2 * MOST)))
        ;
    rest();
}

static void look_whatever_fails(void)
{
    for (unsigned i = 0; i < MOST; i++)
        while (is_told(look_at(i)))
            ;
}

/* Pages go, come, go where they were, and come from an area that goes; all that the pager asks for on the way succeeds (OK). */
static void go_and_come(void)
{
    push_whatever_fails();
    look_whatever_fails();
    push_whatever_fails();
    OK(areas_drain(CHUNK));
    look_whatever_fails();
    rest();
}

/* The n-th, whosever it is; every n in RUNS runs. */
static void each_failure(uint64_t n)
{
    uint64_t counted;
    for (;; n += RUNS) {
        begin_round();
        CHECK_EQUAL(areas_added(SLOTS, 7), CHUNK);
        const uint64_t lost = office_facts().lost;
        (void)alloc_fail_nth(n);
        go_and_come();
        counted = alloc_fail_nth(0);
        expect_all();
        CHECK_EQUAL(office_facts().lost, lost);
        CHECK_EQUAL(pager.drains, 1);
        end_round();
        if (counted < n)
            break;
    }
    CHECK(n > MOST); /* a frame for each page at least */
}

static void all_of_it(void)
{
    by_priority();
    drained();
    drained_in_vain();
    drained_while_short();
    lost_page();
    many();
    no_memory();
    none_kept_back();
    unchanged();
    row_of_faults();
    one_by_one();
}

static void one_run(void *argument)
{
    static char line[100];
    uint64_t seed = *(uint64_t *)argument;
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_vm_areas",
             (unsigned long long)seed);
    host_set_repeat_line(line);
    ipc_start(seed, 1 + (unsigned)(seed - 1) % 4, false);
    enter();
    office_have_patience();
    keep_in(me.actor->task, me.actor->send_va, 9);
    at_rest = areas_serve;
    all_of_it(); /* what is made once has been made */
    int64_t objects = objects_now();
    all_of_it();
    each_failure(1 + seed % RUNS);
    CHECK_EQUAL(objects_now(), objects);
    at_rest = NULL;
    ipc_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", RUNS);
    return world_runs(one_run, first, runs) ? 0 : 1;
}
