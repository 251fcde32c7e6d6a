/* SPDX-License-Identifier: BSD-2-Clause */
/* See areas.h. */
#include "areas.h"

#include <string.h>

#include <wharf/if/default_pager_types.h>

enum { WINDOW_PAGES = 1 };

struct office office;
struct areas_pager pager;
static uint8_t kept[AREAS][SLOTS][PAGE];

uint8_t *areas_place(uint32_t slot)
{
    CHECK(slot / CHUNK < AREAS && slot % CHUNK < SLOTS);
    return kept[slot / CHUNK][slot % CHUNK];
}

static void store(uint32_t request, uint32_t slot, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        OK(swap_show(office.control, request, i, 1, 0));
        memory_read(office.actor, pager.window, areas_place(slot + i), PAGE);
    }
    pager.stores[slot / CHUNK] += count;
    OK(swap_done(office.control, request, true));
}

static void load(uint32_t request, uint32_t slot, uint32_t count)
{
    const bool ok = count == 1 || !pager.parts;
    pager.loads++;
    pager.single += count == 1;
    pager.in_vain += !ok;
    for (uint32_t i = 0; i < count; i++) {
        OK(swap_show(office.control, request, i, 1, 0));
        memory_write(office.actor, pager.window, areas_place(slot + i), PAGE);
        if (pager.damages)
            memory_write(office.actor, pager.window + PAGE / 2, "wrong", 5);
    }
    OK(swap_done(office.control, request, ok));
}

static void hear(uint32_t id, const uint64_t words[2])
{
    const uint32_t request = (uint32_t)words[0], slot = (uint32_t)(words[0] >> 32);
    switch (id) {
    case DEFAULT_PAGER_ID_STORE: store(request, slot, (uint32_t)words[1]); break;
    case DEFAULT_PAGER_ID_LOAD: load(request, slot, (uint32_t)words[1]); break;
    case DEFAULT_PAGER_ID_FREED: break;
    case DEFAULT_PAGER_ID_DRAINED: pager.drained[pager.drains++ % AREAS] = request; break;
    case DEFAULT_PAGER_ID_KEPT: pager.refused++; break;
    default: host_machine_fail("the default pager hears %x", id);
    }
}

bool areas_serve(void)
{
    return !pager.deaf && office_serve(&office, hear);
}

/* Calls of the holder's own: it hears nothing meanwhile. */
void areas_begin_calls(void)
{
    office.busy = true;
    client_use(office.actor);
}

void areas_end_calls(void)
{
    client_use(me.actor);
    office.busy = false;
    rest();
}

void areas_begin_pager(void)
{
    office = office_take(SLOTS, WINDOW_PAGES, &pager.window);
    pager.drains = pager.refused = pager.loads = pager.single = pager.in_vain = 0;
    for (unsigned i = 0; i < AREAS; i++)
        pager.stores[i] = 0;
}

void areas_end_pager(void)
{
    office_leave(&office);
    rest();
    CHECK_EQUAL(office_facts().slots, 0);
    CHECK_EQUAL(office_facts().used, 0);
}

kern_return_t areas_add(uint32_t count, uint32_t priority, uint32_t *first)
{
    areas_begin_calls();
    kern_return_t kr = swap_add_area(office.control, count, priority, NULL, 0, first);
    areas_end_calls();
    return kr;
}

uint32_t areas_added(uint32_t count, uint32_t priority)
{
    uint32_t first;
    OK(areas_add(count, priority, &first));
    return first;
}

kern_return_t areas_drain(uint32_t first)
{
    areas_begin_calls();
    kern_return_t kr = swap_drain(office.control, first);
    areas_end_calls();
    return kr;
}

kern_return_t areas_keep(uint32_t first)
{
    areas_begin_calls();
    kern_return_t kr = swap_keep(office.control, first);
    areas_end_calls();
    return kr;
}

/* The area that begins there. False: there is none. */
bool areas_see(uint32_t first, struct swap_area *out)
{
    bool is = false;
    areas_begin_calls();
    for (uint32_t number = 0; number < AREAS && !is; number++)
        is = swap_area(office.control, number, out) == KERN_SUCCESS && out->first == first;
    areas_end_calls();
    return is;
}

unsigned areas_used(uint32_t first)
{
    struct swap_area area;
    CHECK(areas_see(first, &area));
    return area.used;
}

unsigned areas_count(void)
{
    struct swap_area area;
    unsigned count = 0;
    areas_begin_calls();
    for (uint32_t number = 0; number < AREAS; number++)
        count += swap_area(office.control, number, &area) == KERN_SUCCESS;
    areas_end_calls();
    return count;
}
