/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `default-pager`: keeps pages of programs' memory while they are out, in memory and on swap partitions (docs/swap.md).
 *
 * Arguments: service=NAME (swap); tier=PERCENT of all memory that compressed pages may take, no more than its "state" (10). While there has
 * been no area the tier takes no memory: a pager that nobody needs is small.
 */
#include "cards.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/block_events.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/swap.h>
#include <wharf/if/vm.h>

enum { TIER_PERCENT = 10, AREA_READ_WRITE = VM_PROT_READ | VM_PROT_WRITE };

struct pager_program program;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static void must(kern_return_t kr, const char *what)
{
    if (kr != KERN_SUCCESS)
        driver_fail(&program.driver, "%s: error %d", what, (int)kr);
}

/* ---- the tier ---- */

/* No more of the memory that outlives this program than the arguments say. */
static uint64_t tier_size(mach_port_name_t entry)
{
    const uint64_t percent = driver_number(&program.driver, "tier", TIER_PERCENT);
    const uint64_t most = kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / 100 * percent;
    uint64_t size;
    uint32_t protection;

    must(memory_entry_info(entry, &size, &protection), "its state");
    return size < most ? size : most & ~(uint64_t)(PAGER_PAGE - 1);
}

/* A tier of so many bytes there, instead of the one that there is. */
static kern_return_t make_tier(void *state, uint64_t size)
{
    void *own = malloc(tier_own_size(size));

    if (!own)
        return KERN_RESOURCE_SHORTAGE;
    tier_begin(&program.tier, state, size, own);
    free(program.tier_own);
    program.tier_own = own;
    return KERN_SUCCESS;
}

static kern_return_t make_tier_of(mach_port_name_t entry)
{
    const uint64_t size = tier_size(entry);
    uint64_t at;

    if (size == 0)
        return KERN_SUCCESS;
    kern_return_t kr = vm_map(self(), 0, size, 0, VM_ANYWHERE, entry, AREA_READ_WRITE,
                              AREA_READ_WRITE, VM_INHERIT_NONE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = make_tier((void *)(uintptr_t)at, size);
    if (kr != KERN_SUCCESS)
        (void)!vm_deallocate(self(), at, size);
    return kr;
}

kern_return_t pager_program_make_tier(void)
{
    mach_port_name_t entry;

    if (program.tier_is_made ||
        service_get_right(program_start_info->bootstrap, "state", &entry) != KERN_SUCCESS)
        return KERN_SUCCESS; /* without, it is one that takes nothing */
    const kern_return_t kr = make_tier_of(entry);
    stub_release_right(entry, MSG_MOVE_SEND);
    program.tier_is_made = kr == KERN_SUCCESS;
    return kr;
}

/* ---- the kernel ---- */

static void show(void *context, uint32_t request, uint32_t index, uint32_t count)
{
    (void)context;
    must(swap_show(program.control, request, index, count, 0), "a page to be shown");
}

static void done(void *context, uint32_t request, bool ok)
{
    (void)context;
    must(swap_done(program.control, request, ok), "a request's end");
}

/* The predecessor may be on its way out still. */
static void become_pager(mach_port_name_t port)
{
    kern_return_t kr;

    while ((kr = host_memory_set_default_pager(program_start_info->host_memory, port,
                                               &program.control)) == KERN_BUSY)
        (void)!kernel_sleep_until(kernel_clock_now() + DEVICE_MILLISECOND);
    must(kr, "the kernel");
}

static void begin_pager(void)
{
    static const struct pager_world world = {.show = show,
                                             .done = done,
                                             .begin = cards_begin,
                                             .commit = cards_commit};
    mach_port_name_t port;
    uint64_t window;
    char *page = malloc(PAGER_PAGE);

    if (!page)
        driver_fail(&program.driver, "no memory");
    must(driver_port(&program.driver, SERVICE_KERNEL_PAYLOAD, &port), "a port");
    mach_port_name_t send;
    must(port_insert_made_send(self(), port, port, &send), "a port");
    become_pager(send);
    must(swap_window(program.control, PAGER_WINDOW, &window), "the window");
    pager_begin(&program.pager, &world, &program.tier, (char *)(uintptr_t)window, page);
}

/* The areas that a predecessor had; its requests have been taken back, or are waiting at the port. */
static void restore_areas(void)
{
    struct swap_area area;

    for (uint32_t number = 0; number < SWAP_AREAS_MAX; number++)
        if (swap_area(program.control, number, &area) == KERN_SUCCESS) {
            if (area.state ==
                SWAP_AREA_STATE_DRAINING) /* who asked for it has been told that the pager died */
                (void)!swap_keep(program.control, area.first);
            must(pager_program_make_tier(), "the tier");
            cards_restore(&area);
        }
    pager_areas_are_known(&program.pager);
}

/* ---- what happens ---- */

static kern_return_t completed(struct server_message *message)
{
    (void)message;
    cards_look();
    return KERN_SUCCESS;
}

/* Whoever sends it: answers of another medium are looked for in the ring. */
static kern_return_t medium_changed(struct server_message *message, uint32_t medium)
{
    (void)message, (void)medium;
    cards_look();
    return KERN_SUCCESS;
}

static struct server_interface events_interface(void)
{
    static const struct block_events_ops ops = {.completed = completed,
                                                .medium_changed = medium_changed};

    return block_events_interface(&ops, NULL);
}

/* A dead name has a reference more for the notice. */
static void notification(struct driver *driver, uint32_t id, const struct server_message *message)
{
    (void)driver;
    if (id != MSG_ID_DEAD_NAME)
        return;
    const mach_port_name_t name = (mach_port_name_t)(*(const uint64_t *)message->in & UINT32_MAX);
    stub_release_right(name, MSG_MOVE_SEND);
    cards_lost(name);
}

int main(int argc, char **argv)
{
    struct driver *driver = &program.driver;

    driver_begin(driver, argc, argv);
    driver->notification = notification;
    driver->tick = service_tick;
    must(driver_port(driver, 0, &program.events), "a port");
    mach_port_name_t send;
    must(port_insert_made_send(self(), program.events, program.events, &send), "a port");
    const char *service = driver_argument(driver, "service");
    must(driver_check_in_as(driver, service ? service : "swap", &program.service), "its service");
    must(make_tier(NULL, 0), "a tier that takes nothing");
    begin_pager();
    restore_areas();
    struct server_interface interfaces[] = {pager_kernel_interface(), events_interface(),
                                            pager_service_interface()};
    driver_serve(driver, interfaces, sizeof(interfaces) / sizeof(interfaces[0]));
}
