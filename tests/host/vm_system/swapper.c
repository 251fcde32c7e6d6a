/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager of the game: pages of the players' memory go out to it when it is told that some are to, and come back when
 * they are touched. It answers whenever nothing else moves; what it is told to store it may refuse; it dies, and another takes
 * its place and what it has kept. What it has is what the page shows while it is out.
 *
 * Memory that programs need to be told anything at all is kept from going out: that is not what is played with.
 */
#include "office.h"

#include <kern/frame.h>
#include <map_impl.h>
#include <string.h>
#include <wharf/if/default_pager_types.h>

enum { SLOTS = 2048, SWAP_WINDOW = 8 };

static struct {
    struct office office;
    uint64_t window;
    bool refuses, deaf;
    uint8_t kept[SLOTS][PAGE];
} swapper;

const char *swapper_page(uint32_t slot)
{
    CHECK(slot < SLOTS);
    return (const char *)swapper.kept[slot];
}

/* ---- what is kept in ---- */

struct span {
    struct task *task;
    vaddr_t at;
    unsigned pages;
};

static void do_keep(void *argument)
{
    struct span *span = argument;
    for (unsigned i = 0; i < span->pages; i++) {
        vaddr_t va = span->at + i * PAGE_SIZE;
        struct map_entry *entry = map_above(&span->task->map, va);
        CHECK(entry && entry->start <= va && entry->amap);
        anon_keep(amap_lookup(entry->amap, amap_page_at(entry, va)));
    }
}

void keep_in(struct task *task, vaddr_t at, unsigned pages)
{
    in_kernel(do_keep, &(struct span){task, at, pages});
}

/* ---- requests ---- */

static void show(uint32_t request, uint32_t i)
{
    OK(swap_show(swapper.office.control, request, i, 1, i % SWAP_WINDOW));
}

static vaddr_t shown(uint32_t i)
{
    return swapper.window + i % SWAP_WINDOW * PAGE;
}

static void store(uint32_t request, uint32_t slot, uint32_t count)
{
    CHECK(slot + count <= SLOTS);
    for (uint32_t i = 0; i < count && !swapper.refuses; i++) {
        show(request, i);
        memory_read(swapper.office.actor, shown(i), swapper.kept[slot + i], PAGE);
    }
    OK(swap_done(swapper.office.control, request, !swapper.refuses));
}

static void load(uint32_t request, uint32_t slot, uint32_t count)
{
    CHECK(slot + count <= SLOTS);
    for (uint32_t i = 0; i < count; i++) {
        show(request, i);
        memory_write(swapper.office.actor, shown(i), swapper.kept[slot + i], PAGE);
    }
    OK(swap_done(swapper.office.control, request, true));
    GIVES(KERN_INVALID_ARGUMENT, swap_done(swapper.office.control, request, true));
}

static void hear(uint32_t id, const uint64_t words[2])
{
    const uint32_t request = (uint32_t)words[0], slot = (uint32_t)(words[0] >> 32);
    switch (id) {
    case DEFAULT_PAGER_ID_STORE: store(request, slot, (uint32_t)words[1]); break;
    case DEFAULT_PAGER_ID_LOAD: load(request, slot, (uint32_t)words[1]); break;
    case DEFAULT_PAGER_ID_FREED: break;
    default: host_machine_fail("the default pager hears %x", id);
    }
}

/* For rest(): true: something has been done. */
static bool serve(void)
{
    if (swapper.deaf || swapper.office.busy || !swapper.office.actor)
        return false;
    trouble_pause();
    const bool did = office_serve(&swapper.office, hear);
    trouble_go_on();
    return did;
}

/* ---- life ---- */

static void take_office(void)
{
    swapper.office = office_take(SLOTS, SWAP_WINDOW, &swapper.window);
}

void swapper_begin(void)
{
    take_office();
    at_rest = serve;
}

void swapper_end(void)
{
    struct host_memory_swap now = office_facts();
    tell("%llu pages went out, %llu came back, %llu were rescued", (unsigned long long)now.stores,
         (unsigned long long)now.loads, (unsigned long long)now.rescues);
    CHECK_EQUAL(now.used, 0);
    CHECK_EQUAL(now.lost, 0);
    office_leave(&swapper.office);
    at_rest = NULL;
}

/* What is on its way out, or has gone, is touched before the pager gets to it. */
static void touch_meanwhile(void)
{
    for (unsigned n = below(4); n > 0; n--)
        step_op();
}

void step_swap(void)
{
    if (one_in(40)) {
        trouble_pause();
        office_leave(&swapper.office);
        take_office();
        trouble_go_on();
        return;
    }
    swapper.refuses = one_in(6);
    swapper.deaf = one_in(2);
    OK(host_memory_page_out(me.memory, 1 + below(48)));
    if (swapper.deaf)
        touch_meanwhile();
    swapper.deaf = false;
    rest();
    sources_reclaimed();
}
