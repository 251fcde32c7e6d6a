/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder: names of what there is, and the files that somebody has. Which programs offer a disk is known when block.NAME is looked up: no other program has such a name.
 */
#include "disks.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

static struct disk_node *nodes;

/* ---- names ---- */

uint64_t disks_number(const char *name)
{
    uint64_t number = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *name; name++)
        number = (number ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return number;
}

/* Each has one name: sd0p0 and block.sd0 are none. */
static bool read_name(const char *name, struct swap_name *where)
{
    char again[DISK_NAME_MAX];

    if (!swap_name_read(&name, 1, where))
        return false;
    swap_name_write(where->device, where->partition, again);
    return strcmp(name, again) == 0;
}

/* ---- files ---- */

/* Without a medium nobody knows its partitions: all may be there. */
static bool exists(const struct swap_name *where)
{
    struct block_facts facts;
    mach_port_name_t service;

    if (service_look_up(program_start_info->bootstrap, where->device, &service) != KERN_SUCCESS)
        return false;
    const kern_return_t kr = disk_facts(service, where->partition, &facts);
    stub_release_right(service, MSG_MOVE_SEND);
    return kr != KERN_NOT_FOUND;
}

static kern_return_t lookup(struct file_node *folder, const char *name, struct file_node **found)
{
    struct swap_name where;
    struct disk_node *disk = nodes;

    (void)folder;
    while (disk && strcmp(disk->name, name) != 0)
        disk = disk->next;
    if (disk) {
        *found = file_node_reference(&disk->node);
        return KERN_SUCCESS;
    }
    if (!read_name(name, &where) || !exists(&where))
        return unix_error(ENOENT);
    disk = calloc(1, sizeof(*disk));
    if (!disk)
        return unix_error(ENOMEM);
    disk->node = (struct file_node){.ops = &disk_ops,
                                    .references = 1,
                                    .kind = FILE_KIND_BLOCK,
                                    .seekable = true};
    swap_name_write(where.device, where.partition, disk->name); /* it is `name`: read_name() */
    disk->where = where;
    disk->next = nodes;
    nodes = disk;
    *found = &disk->node;
    return KERN_SUCCESS;
}

void disks_forget(struct disk_node *disk)
{
    struct disk_node **link = &nodes;

    while (*link != disk)
        link = &(*link)->next;
    *link = disk->next;
    free(disk);
}

/* ---- lists ---- */

/* Positions: the program's in the supervisor's list, and the partition. */
static uint64_t position_of(uint32_t row, uint32_t partition)
{
    return (uint64_t)row * BLOCK_PARTITIONS_MAX + partition;
}

/* False: there is no room for more. */
static bool tell_partitions(const char *name, mach_port_name_t service, uint32_t row,
                            uint32_t first, struct file_entries *entries)
{
    uint32_t count = 0, scheme;
    struct block_facts facts;

    if (block_partitions_until(service, &count, &scheme, kernel_clock_now() + DISK_PATIENCE) !=
            KERN_SUCCESS ||
        count == 0)
        count = 1; /* no medium: the disk is there all the same */
    for (uint32_t number = first; number < count; number++) {
        char text[DISK_NAME_MAX];
        if (number != 0 && disk_facts(service, number, &facts) != KERN_SUCCESS)
            continue;
        swap_name_write(name, number, text);
        if (!file_entries_add(entries, disks_number(text), FILE_KIND_BLOCK, text,
                              position_of(row, number + 1)))
            return false;
    }
    return true;
}

static bool tell(const struct supervisor_row *row, uint32_t number, uint32_t first,
                 struct file_entries *entries)
{
    char device[SWAP_DEVICE_MAX];
    mach_port_name_t service;
    bool more;

    if (row->state != SUPERVISOR_STATE_RUNNING ||
        snprintf(device, sizeof(device), "block.%.*s", (int)sizeof(row->name),
                 (const char *)row->name) >= (int)sizeof(device) ||
        service_look_up(program_start_info->bootstrap, device, &service) != KERN_SUCCESS)
        return true;
    more = tell_partitions(device, service, number, first, entries);
    stub_release_right(service, MSG_MOVE_SEND);
    return more;
}

static void list(mach_port_name_t supervisor, uint64_t position, struct file_entries *entries)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t at = 0, next, got, number = 0;

    do {
        if (supervisor_list(supervisor, at, &next, rows, &got) != KERN_SUCCESS)
            return;
        for (uint32_t i = 0; i < got; i++, number++) {
            const uint64_t begin = position_of(number, 0);
            const uint32_t first = position > begin ? (uint32_t)(position - begin) : 0;
            if (position < position_of(number + 1, 0) && !tell(&rows[i], number, first, entries))
                return;
        }
        at = next;
    } while (got == SUPERVISOR_ROWS_MAX);
}

static void entries(struct file_node *folder, uint64_t position, struct file_entries *out)
{
    mach_port_name_t supervisor;

    (void)folder;
    if (service_look_up(program_start_info->bootstrap, "supervisor", &supervisor) != KERN_SUCCESS)
        return;
    list(supervisor, position, out);
    stub_release_right(supervisor, MSG_MOVE_SEND);
}

/* ---- the folder itself ---- */

static void attributes(struct file_node *folder, struct file_attributes *out)
{
    (void)folder;
    out->mode = 0555;
    out->inode = 1;
    out->links = 2;
    out->accessed = out->modified = out->changed = file_server_time();
}

kern_return_t disks_get_system(struct file_node *node, struct file_system *out)
{
    static const char name[] = "disks";

    (void)node;
    memcpy(out->name, name, sizeof(name));
    return KERN_SUCCESS;
}

static const struct file_node_ops ops = {
    .attributes = attributes,
    .get_system = disks_get_system,
    .lookup = lookup,
    .entries = entries,
};

struct file_node disks_root = {.ops = &ops, .references = 1, .kind = FILE_KIND_FOLDER};
