/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See disks.h.
 */
#include "disks.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stdio.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { DISKS_MAX = 16 };
#define PATIENCE UINT64_C(1000000000) /* that a driver gets to answer */

static struct disk disks[DISKS_MAX];
static unsigned count;

static struct disk *find(const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(disks[i].name, name) == 0)
            return &disks[i];
    return NULL;
}

/* Whether it offers a disk is known when it is looked up: no other has such a name. */
static void consider(const struct supervisor_row *row)
{
    char name[sizeof row->name + 1], service[sizeof name + 8];
    struct disk *disk;

    snprintf(name, sizeof name, "%.*s", (int)sizeof row->name, (const char *)row->name);
    snprintf(service, sizeof service, "block.%s", name);
    disk = find(name);
    if (disk || count == DISKS_MAX || row->state != SUPERVISOR_STATE_RUNNING ||
        strlen(name) >= sizeof disk->name) {
        if (disk &&
            disk->since != row->started) { /* another instance: it has begun to count anew */
            disk->since = row->started;
            disk->before = (struct block_statistics){.reads = 0};
        }
        return;
    }
    disk = &disks[count];
    if (service_look_up(program_start_info->bootstrap, service, &disk->service) != KERN_SUCCESS)
        return;
    strlcpy(disk->name, name, sizeof disk->name);
    disk->since = row->started;
    count++;
}

static void look(const struct tool *tool, mach_port_name_t supervisor)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, got;

    do {
        const kern_return_t kr = supervisor_list(supervisor, position, &position, rows, &got);
        if (kr != KERN_SUCCESS)
            tool_fail(tool, "%s", tool_error(kr));
        for (uint32_t i = 0; i < got; i++)
            consider(&rows[i]);
    } while (got == SUPERVISOR_ROWS_MAX);
}

bool disks_each(const struct tool *tool, mach_port_name_t supervisor, disk_visitor_t *visit,
                void *context)
{
    bool all = true;

    look(tool, supervisor);
    for (unsigned i = 0; i < count; i++) {
        struct block_statistics now;
        const kern_return_t kr =
            block_statistics_until(disks[i].service, &now, kernel_clock_now() + PATIENCE);
        if (kr == KERN_SUCCESS) {
            visit(context, &disks[i], &now);
            continue;
        }
        tool_complain(tool, "%s: %s", disks[i].name, tool_error(kr));
        all = false;
    }
    return all;
}
