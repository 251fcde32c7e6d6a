/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partitions that are in use by others, and so are not opened to be written: those that memory has left for. See disks.h.
 */
#include "disks.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/swap_areas.h>

#define PATIENCE UINT64_C(1000000000) /* nanoseconds that the default pager has to answer */

static mach_port_name_t swap;

void in_use_begin(void)
{
    if (service_look_up(program_start_info->bootstrap, "swap", &swap) != KERN_SUCCESS)
        swap = MSG_NULL;
}

/* The whole disk overlaps all its partitions. */
static bool overlaps(const struct swap_name *where, const struct swap_areas_area *area)
{
    return memcmp(where->device, area->device, sizeof(where->device)) == 0 &&
           (where->partition == area->partition || where->partition == 0 || area->partition == 0);
}

bool is_in_use(const struct swap_name *where)
{
    const uint64_t until = kernel_clock_now() + PATIENCE;
    struct swap_areas_area area;

    for (uint32_t number = 0; swap != MSG_NULL && number < SWAP_AREAS_AREAS_MAX; number++) {
        const kern_return_t kr = swap_areas_area_until(swap, number, &area, until);
        if (kr != KERN_NOT_FOUND && (kr != KERN_SUCCESS || overlaps(where, &area)))
            return true;
    }
    return false;
}
