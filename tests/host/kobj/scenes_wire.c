/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What takes the host's memory port: memory that stays. What is counted; and calls about ranges of two tasks.
 */
#include "kobj_world.h"

#include <kern/ledger.h>
#include <kern/paged_object.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <string.h>

enum { PAGE = 4096, PAGES = 6, RW = VM_PROT_READ | VM_PROT_WRITE };
#define TOP (UINT64_C(1) << 39)

static uint64_t allocate(uint32_t task, unsigned pages)
{
    uint64_t at;
    OK(vm_allocate(task, 0, (uint64_t)pages * PAGE, VM_ANYWHERE, &at));
    return at;
}

static uint64_t used(uint32_t task, uint32_t kind)
{
    uint64_t now, peak, limit;
    OK(task_ledger(task, kind, &now, &peak, &limit));
    return now;
}

static uint32_t flags_at(uint32_t task, uint64_t at)
{
    uint64_t start, size;
    uint32_t prot, max, inherit, flags;
    OK(vm_region(task, at, &start, &size, &prot, &max, &inherit, &flags));
    CHECK_EQUAL(start, at);
    return flags;
}

void scene_wired_memory(void)
{
    enter();
    uint32_t child = child_new(0, 0, NULL), thing = own_port();
    uint64_t at = allocate(child, PAGES);
    GIVES(KERN_INVALID_ARGUMENT, host_memory_wire(me.memory, child, at + 1, PAGE));
    GIVES(KERN_INVALID_ARGUMENT, host_memory_wire(me.memory, child, at, 0));
    GIVES(KERN_INVALID_ADDRESS, host_memory_wire(me.memory, child, at, UINT64_MAX));
    GIVES(KERN_INVALID_ADDRESS, host_memory_wire(me.memory, child, TOP, PAGE));
    GIVES(KERN_INVALID_ADDRESS, host_memory_wire(me.memory, child, at, (PAGES + 1) * PAGE));
    GIVES(KERN_INVALID_ADDRESS, host_memory_unwire(me.memory, child, at, UINT64_MAX - PAGE + 1));
    GIVES(KERN_INVALID_TASK, host_memory_wire(me.memory, thing, at, PAGE));
    GIVES(KERN_INVALID_TASK, host_memory_unwire(me.memory, 0, at, PAGE));
    GIVES(KERN_INVALID_TASK, host_memory_wire_all(me.memory, thing, 1));
    GIVES(KERN_INVALID_VALUE, host_memory_wire_all(me.memory, child, 4));
    GIVES(MIG_BAD_ID, host_memory_wire(me.host, child, at, PAGE)); /* it takes that port */
    CHECK_EQUAL(used(child, LEDGER_WIRED), 0);
    OK(host_memory_wire(me.memory, child, at + PAGE, 2 * PAGE - 1));
    CHECK_EQUAL(used(child, LEDGER_WIRED), 2);
    CHECK_EQUAL(used(child, LEDGER_FRAMES) >= 2, true);
    CHECK_EQUAL(flags_at(child, at), 0);
    CHECK_EQUAL(flags_at(child, at + PAGE), VM_WIRED);
    OK(vm_deallocate(child, at + PAGE, PAGE));
    CHECK_EQUAL(used(child, LEDGER_WIRED), 1);
    OK(host_memory_wire_all(me.memory, child, HOST_MEMORY_WIRE_CURRENT | HOST_MEMORY_WIRE_FUTURE));
    CHECK_EQUAL(used(child, LEDGER_WIRED), PAGES - 1);
    uint64_t more = allocate(child, 2);
    CHECK_EQUAL(flags_at(child, more), VM_WIRED);
    OK(host_memory_wire_all(me.memory, child, 0));
    CHECK_EQUAL(flags_at(child, allocate(child, 1)), 0);
    OK(host_memory_unwire(me.memory, child, 0, TOP));
    OK(host_memory_unwire(me.memory, child, 0, TOP));
    CHECK_EQUAL(used(child, LEDGER_WIRED), 0);
    OK(host_memory_set_limit(me.memory, child, LEDGER_WIRED, 1));
    GIVES(KERN_LIMIT, host_memory_wire(me.memory, child, at + 2 * PAGE, 2 * PAGE));
    GIVES(KERN_LIMIT, host_memory_wire_all(me.memory, child, 3));
    OK(vm_deallocate(child, more, 2 * PAGE));
    CHECK_EQUAL(flags_at(child, allocate(child, 1)), 0);
    CHECK_EQUAL(used(child, LEDGER_WIRED), 0);
    OK(host_memory_wire(me.memory, child, at + 2 * PAGE, PAGE));
    child_end(child); /* with what is wired */
    GIVES(KERN_INVALID_TASK, host_memory_wire(me.memory, me.clock, at, PAGE));
}

static void wire_by(struct actor *waiter, uint64_t at, unsigned pages)
{
    struct message m = {.dest = me.memory,
                        .remote = MSG_COPY_SEND,
                        .id = HOST_MEMORY_ID_WIRE,
                        .how_local = MSG_MAKE_REPLY,
                        .receive = MSG_REPLY,
                        .descriptors = 1,
                        .length = 32,
                        .size = 512};
    m.body[0] = me.task;
    m.body[1] = (uint64_t)MSG_PORT << 32 | (uint64_t)MSG_COPY_SEND << 40;
    m.body[2] = at;
    m.body[3] = (uint64_t)pages * PAGE;
    post(waiter, m);
}

static void hear(uint32_t port, uint32_t id)
{
    post(me.actor, (struct message){.receive = port, .size = 512});
    CHECK(is_done(me.actor));
    CHECK_EQUAL(got_id(me.actor), id);
}

static void set_patience(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(30 * SECOND);
}

/* Pages that come from a pager are awaited; one that does not come leaves nothing wired. */
void scene_wired_pager(void)
{
    uint64_t at, store;
    enter();
    in_kernel(set_patience, NULL);
    struct actor *waiter = actor_mate(me.actor, ACTOR_PRIORITY);
    uint32_t port = own_port();
    store = allocate(me.task, 1);
    OK(vm_map(me.task, 0, 3 * PAGE, 0, VM_ANYWHERE, port, RW, RW, VM_INHERIT_SHARE, &at));
    hear(port, MEMORY_PAGER_ID_INIT);
    uint32_t control = (uint32_t)got_descriptor(me.actor, 0).value;
    OK(memory_object_ready(control, false, PAGE));
    wire_by(waiter, at, 3);
    for (unsigned page = 0; page < 3; page++) {
        CHECK(!is_done(waiter));
        hear(port, MEMORY_PAGER_ID_DATA_REQUEST);
        CHECK_EQUAL(got_word(me.actor, 0), page * PAGE);
        if (page < 2)
            OK(memory_object_supply(control, page * PAGE, store, PAGE, 0));
        else
            OK(memory_object_error(control, page * PAGE, PAGE, 7));
        rest();
    }
    CHECK(is_done(waiter));
    CHECK_EQUAL(got_id(waiter), KERN_MEMORY_ERROR);
    CHECK_EQUAL(used(me.task, LEDGER_WIRED), 0);
    wire_by(waiter, at, 2); /* these are there */
    CHECK(is_done(waiter));
    CHECK_EQUAL(got_id(waiter), KERN_SUCCESS);
    CHECK_EQUAL(used(me.task, LEDGER_WIRED), 2);
    wire_by(waiter, at, 3);
    CHECK(!is_done(waiter));
    end_thread(waiter); /* a part stays */
    rest();
    OK(host_memory_unwire(me.memory, me.task, at, 3 * PAGE));
    OK(vm_deallocate(me.task, at, 3 * PAGE));
    CHECK_EQUAL(used(me.task, LEDGER_WIRED), 0);
    hear(port, MEMORY_PAGER_ID_DATA_REQUEST);
    hear(port, MEMORY_PAGER_ID_TERMINATE);
    drop_name(control);
}

void scene_memory_counts(void)
{
    struct host_memory_statistics before, after;
    struct vm_usage usage;
    uint64_t word = 1;
    enter();
    OK(host_memory_statistics(me.host, &before));
    uint32_t child = child_new(0, 0, NULL);
    uint64_t at = allocate(child, PAGES);
    OK(vm_usage(child, &usage));
    CHECK(usage.mapped == PAGES && usage.resident == 0);
    CHECK(usage.committed == PAGES && usage.wired == 0);
    OK(vm_write(child, at, (uint8_t *)&word, 8));
    OK(vm_write(child, at + PAGE, (uint8_t *)&word, 8));
    OK(host_memory_wire(me.memory, child, at, PAGE));
    OK(vm_usage(child, &usage));
    CHECK(usage.resident == 1 && usage.wired == 1 && usage.paid == 2 && usage.tables > 1);
    OK(host_memory_statistics(me.host, &after));
    CHECK(after.zero_fills == before.zero_fills + 2 && after.faults == before.faults + 1);
    CHECK(after.copies == before.copies && after.page_ins == before.page_ins);
    CHECK(after.wired == before.wired + 1 && after.committed == before.committed + PAGES);
    CHECK(after.managed == before.managed && after.free < before.free);
    OK(vm_deallocate(child, at, 4 * PAGE));
    OK(vm_usage(child, &usage));
    CHECK(usage.mapped == 2 && usage.paid == 0 && usage.paid_peak >= 2 && usage.committed == 2 &&
          usage.committed_peak == PAGES);
    child_end(child);
    OK(host_memory_statistics(me.host, &after));
    CHECK(after.wired == before.wired && after.committed == before.committed);
}

/* What may be said of a task, and how much may be kept back. */
void scene_reclaim(void)
{
    struct host_memory_swap before, after;
    struct host_memory_statistics all;
    enter();
    uint32_t child = child_new(0, 0, NULL), thing = own_port();
    GIVES(KERN_INVALID_TASK, host_memory_set_reclaim(me.memory, thing, true));
    GIVES(KERN_INVALID_TASK, host_memory_set_reclaim(me.memory, 0, true));
    GIVES(MIG_BAD_ID, host_memory_set_reclaim(me.host, child, true)); /* it takes that port */
    OK(host_memory_set_reclaim(me.memory, child, true));
    OK(host_memory_set_reclaim(me.memory, child, true));
    CHECK(ledger_is_resident(task_behind(child)->ledger));
    CHECK(!ledger_is_resident(me.actor->task->ledger));
    OK(host_memory_set_reclaim(me.memory, child, false));
    CHECK(!ledger_is_resident(task_behind(child)->ledger));
    OK(host_memory_set_reclaim(me.memory, child, true));
    child_end(child);
    OK(host_memory_statistics(me.host, &all));
    OK(host_memory_get_swap(me.memory, &before));
    OK(host_memory_set_reserve(me.memory, 77));
    OK(host_memory_get_swap(me.memory, &after));
    CHECK(after.low == before.low + 77 && after.high == before.high + 77);
    GIVES(KERN_INVALID_VALUE, host_memory_set_reserve(me.memory, all.managed));
    GIVES(KERN_INVALID_VALUE, host_memory_set_reserve(me.memory, UINT64_MAX));
    GIVES(MIG_BAD_ID, host_memory_set_reserve(me.host, 1));
    OK(host_memory_get_swap(me.memory, &after));
    CHECK_EQUAL(after.low, before.low + 77);
    OK(host_memory_set_reserve(me.memory, 0));
}

/* More may be promised, and as before. */
void scene_overcommit(void)
{
    struct host_memory_statistics before, after;
    enter();
    OK(host_memory_statistics(me.host, &before));
    const bool limited = before.commitment_limit != UINT64_MAX;
    OK(host_memory_set_overcommit(me.memory, 10));
    OK(host_memory_set_overcommit(me.memory, 30));
    OK(host_memory_statistics(me.host, &after));
    CHECK(!limited || after.commitment_limit == before.commitment_limit + 30);
    OK(host_memory_set_overcommit(me.memory, UINT64_MAX));
    OK(host_memory_statistics(me.host, &after));
    CHECK(!limited || after.commitment_limit > before.commitment_limit + (UINT64_C(1) << 40));
    GIVES(MIG_BAD_ID, host_memory_set_overcommit(me.host, 1));
    OK(host_memory_set_overcommit(me.memory, 0));
    OK(host_memory_statistics(me.host, &after));
    CHECK_EQUAL(after.commitment_limit, before.commitment_limit);
}

/* Of any size and alignment, between the caller's memory and another's. */
void scene_copies_between(void)
{
    uint8_t bytes[PAGE], back[PAGE];
    uint32_t n;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    uint64_t mine = allocate(me.task, PAGES), there = allocate(child, PAGES);
    const uint64_t size = 3 * PAGE + 77;
    for (unsigned i = 0; i < PAGE; i++)
        bytes[i] = (uint8_t)(i * 11 >> 1);
    for (unsigned i = 0; i < PAGES; i++)
        OK(vm_write(me.task, mine + i * PAGE, bytes, PAGE));
    OK(vm_write_from(child, there + 5, size, mine + 100));
    OK(vm_read(child, there + 5 + 2 * PAGE, 1000, back, &n));
    CHECK(memcmp(back, bytes + 100, 1000) == 0);
    OK(vm_read(child, there + 5 + size - 8, 16, back, &n));
    CHECK(memcmp(back, bytes + (100 + size - 8) % PAGE, 8) == 0);
    CHECK(memcmp(back + 8, "\0\0\0\0\0\0\0", 8) == 0);
    OK(vm_read_overwrite(child, there + 5, size, mine + 2 * PAGE + 9));
    OK(vm_read(me.task, mine + 2 * PAGE + 9, 2000, back, &n));
    CHECK(memcmp(back, bytes + 100, 2000) == 0);
    OK(vm_read_overwrite(child, 0, 0, 0));
    GIVES(KERN_INVALID_ADDRESS, vm_read_overwrite(child, there, PAGES * PAGE + 1, mine));
    GIVES(KERN_INVALID_ADDRESS, vm_read_overwrite(child, there, UINT64_MAX, mine));
    GIVES(KERN_INVALID_ADDRESS, vm_read_overwrite(child, UINT64_MAX - 3, 8, mine));
    GIVES(KERN_INVALID_ADDRESS, vm_read_overwrite(child, there, 8, TOP - 4));
    GIVES(KERN_INVALID_ADDRESS, vm_write_from(child, TOP, 8, mine));
    GIVES(KERN_INVALID_ARGUMENT, vm_write_from(me.task, mine, PAGE, mine + PAGE - 1));
    OK(vm_protect(child, there, PAGE, false, VM_PROT_READ));
    GIVES(KERN_PROTECTION_FAILURE, vm_write_from(child, there + 8, 8, mine));
    OK(vm_protect(child, there, PAGE, false, 0));
    GIVES(KERN_PROTECTION_FAILURE, vm_read_overwrite(child, there, 8, mine));
    OK(vm_deallocate(me.task, mine, PAGES * PAGE));
    child_end(child);
}

void scene_aligned_memory(void)
{
    uint64_t at;
    enter();
    for (unsigned align = 0; align <= 30; align += 5) {
        OK(vm_allocate(me.task, 0, 2 * PAGE, VM_ANYWHERE | align << VM_ALIGN_SHIFT, &at));
        CHECK_EQUAL(at & ((UINT64_C(1) << align) - 1), 0);
        OK(vm_deallocate(me.task, at, 2 * PAGE));
    }
    GIVES(KERN_INVALID_VALUE,
          vm_allocate(me.task, 0, PAGE, VM_ANYWHERE | 39 << VM_ALIGN_SHIFT, &at));
    GIVES(KERN_INVALID_VALUE,
          vm_allocate(me.task, 0, PAGE, VM_ANYWHERE | 64 << VM_ALIGN_SHIFT, &at));
    GIVES(KERN_INVALID_ARGUMENT, vm_allocate(me.task, 0x5001000, PAGE, 13 << VM_ALIGN_SHIFT, &at));
    OK(vm_map(me.task, 0x5002000, PAGE, 0, 13 << VM_ALIGN_SHIFT, 0, RW, RW, VM_INHERIT_COPY, &at));
    OK(vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE | 21 << VM_ALIGN_SHIFT, 0, RW, RW, VM_INHERIT_COPY,
              &at));
    CHECK_EQUAL(at % (2 << 20), 0);
    /* caches of what nobody has touched: no page is made */
    struct vm_usage usage;
    OK(vm_usage(me.task, &usage));
    uint64_t paid = usage.paid, large = allocate(me.task, 100);
    OK(vm_write(me.task, large + 50 * PAGE, "x", 1));
    for (unsigned how = 0; how <= VM_MAINTENANCE_CLEAN_INVALIDATE; how++)
        OK(vm_maintain(me.task, large + 7, 99 * PAGE, how));
    GIVES(KERN_INVALID_VALUE, vm_maintain(me.task, large, PAGE, 3));
    GIVES(KERN_INVALID_ADDRESS, vm_maintain(me.task, large, 101 * PAGE, 0));
    GIVES(KERN_INVALID_ADDRESS, vm_maintain(me.task, large, UINT64_MAX, 0));
    GIVES(KERN_INVALID_ARGUMENT, vm_maintain(me.task, large, 0, 0));
    OK(vm_protect(me.task, large + PAGE, PAGE, false, 0));
    GIVES(KERN_PROTECTION_FAILURE, vm_maintain(me.task, large, 2 * PAGE, 0));
    OK(vm_usage(me.task, &usage));
    CHECK_EQUAL(usage.paid, paid + 1);
}
