/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time of day: an offset to the clock since boot, in a page of the kernel's that is mapped when somebody first asks. Who cannot have
 * the page asks the kernel each time.
 */
#include "clock_impl.h"
#include <libsys/stub.h>
#include <stdatomic.h>
#include <stddef.h>
#include <wharf/if/clock.h>
#include <wharf/if/vm.h>
#include <wharf/time_page.h>

enum { PAGE = 0x1000 };

static const struct time_page *_Atomic page;

static const struct time_page *map_page(void)
{
    const mach_port_name_t task = program_start_info->task;
    const struct time_page *before = NULL;
    mach_port_name_t entry;
    uint64_t at = 0;

    if (clock_page(program_start_info->clock, &entry) != KERN_SUCCESS)
        return NULL;
    const kern_return_t kr = vm_map(task, 0, PAGE, 0, VM_ANYWHERE, entry, VM_PROT_READ,
                                    VM_PROT_READ, VM_INHERIT_SHARE, &at);
    stub_release_right(entry, MSG_MOVE_SEND);
    if (kr != KERN_SUCCESS)
        return NULL;
    if (atomic_compare_exchange_strong(&page, &before, (const struct time_page *)(uintptr_t)at))
        return (const struct time_page *)(uintptr_t)at;
    (void)!vm_deallocate(task, at, PAGE); /* another thread was first */
    return before;
}

static uint64_t ask(void)
{
    uint64_t wall;

    return clock_wall(program_start_info->clock, &wall) == KERN_SUCCESS
               ? wall - clock_now_nanoseconds()
               : 0;
}

uint64_t clock_wall_offset(void)
{
    const struct time_page *here = atomic_load_explicit(&page, memory_order_acquire);

    if (here == NULL)
        here = map_page();
    if (here == NULL)
        return ask();
    const uint64_t offset = atomic_load_explicit(&here->wall_offset, memory_order_relaxed);
    return offset == TIME_PAGE_NOT_SET ? 0 : offset;
}
