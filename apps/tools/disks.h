/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All disks and cards: the supervisor's programs that offer block.NAME, and what they have done since they were looked at last.
 */
#pragma once

#include "tool.h"
#include <wharf/if/block_types.h>
#include <wharf/if/supervisor_types.h>

struct disk {
    char name[SUPERVISOR_NAME_MAX];
    mach_port_name_t service;
    uint64_t since;                 /* when its driver began */
    struct block_statistics before; /* since then, up to the last time */
};

/** Called for each that answers, with what it has done since its driver began. Who keeps `now` in disk->before finds it there the next time, unless
 *  there is another driver. */
typedef void disk_visitor_t(void *context, struct disk *disk, const struct block_statistics *now);
/** False: one did not answer, which has been complained of. */
bool disks_each(const struct tool *tool, mach_port_name_t supervisor, disk_visitor_t *visit,
                void *context);
