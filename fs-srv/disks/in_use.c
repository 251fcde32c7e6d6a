/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partitions that are in use by others, and so are not opened to be written: those that memory has left for, and file systems that are mounted. See disks.h.
 */
#include "disks.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/mounts.h>
#include <wharf/if/service.h>
#include <wharf/if/swap_areas.h>

#define PATIENCE \
    UINT64_C(1000000000) /* nanoseconds that the default pager and the mounter have to answer */

static mach_port_name_t swap, mounts;

void in_use_begin(void)
{
    if (service_look_up(program_start_info->bootstrap, "swap", &swap) != KERN_SUCCESS)
        swap = MSG_NULL;
    if (service_look_up(program_start_info->bootstrap, "mounts", &mounts) != KERN_SUCCESS)
        mounts = MSG_NULL;
}

/* The whole disk overlaps all its partitions. */
static bool overlaps(const struct swap_name *where, const void *device, uint32_t partition)
{
    return memcmp(where->device, device, sizeof(where->device)) == 0 &&
           (where->partition == partition || where->partition == 0 || partition == 0);
}

static bool has_memory(const struct swap_name *where, uint64_t until)
{
    struct swap_areas_area area;

    for (uint32_t number = 0; swap != MSG_NULL && number < SWAP_AREAS_AREAS_MAX; number++) {
        const kern_return_t kr = swap_areas_area_until(swap, number, &area, until);
        if (kr != KERN_NOT_FOUND &&
            (kr != KERN_SUCCESS || overlaps(where, area.device, area.partition)))
            return true;
    }
    return false;
}

/* The server of a mount is called as its format and the partition: ext4.sd0p2. */
static bool serves(const struct mounts_row *row, const struct swap_name *where)
{
    char text[MOUNTS_SERVER_MAX + 1] = {0};
    struct swap_name served = {0};

    memcpy(text, row->server, MOUNTS_SERVER_MAX);
    const char *word = strchr(text, '.');
    if (!word || row->state == MOUNTS_STATE_AWAY)
        return false;
    word++;
    return swap_name_read(&word, 1, &served) && overlaps(where, served.device, served.partition);
}

static bool is_mounted(const struct swap_name *where, uint64_t until)
{
    struct mounts_row rows[MOUNTS_ROWS_MAX];
    uint32_t position, next = 0, count = MOUNTS_ROWS_MAX;

    while (mounts != MSG_NULL && count == MOUNTS_ROWS_MAX) {
        position = next;
        if (mounts_list_until(mounts, position, &next, rows, &count, until) != KERN_SUCCESS)
            return true;
        for (uint32_t i = 0; i < count; i++)
            if (serves(&rows[i], where))
                return true;
    }
    return false;
}

bool is_in_use(const struct swap_name *where)
{
    const uint64_t until = kernel_clock_now() + PATIENCE;

    return has_memory(where, until) || is_mounted(where, until);
}
