/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is on disks and cards. A driver that does not answer is waited for a moment, and no more: the system may be starting.
 */
#include "mounter.h"
#include <errno.h>
#include <libsys/block_client.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <strings.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

#define PATIENCE (5 * DEVICE_SECOND)

static kern_return_t look_up(const char *disk, mach_port_name_t *service)
{
    char name[DEVICE_DISK_MAX + sizeof("block.")];

    format_text(name, sizeof(name), "block.%s", disk);
    return service_look_up(program_start_info->bootstrap, name, service) == KERN_SUCCESS
               ? KERN_SUCCESS
               : unix_error(ENODEV);
}

static kern_return_t of_block(kern_return_t kr)
{
    switch (kr) {
    case KERN_SUCCESS: return kr;
    case KERN_NOT_FOUND: return unix_error(ENODEV);
    case KERN_MEMORY_FAILURE: return unix_error(ENXIO);
    case KERN_OPERATION_TIMED_OUT:
    case MACH_RCV_TIMED_OUT: return unix_error(ETIMEDOUT);
    default: return unix_error(EIO);
    }
}

/* As many whole blocks as are looked at, or as there are. */
static kern_return_t read_begin(struct block_client *client, size_t *size)
{
    uint64_t count = (PROBE_SIZE + client->facts.block_size - 1) / client->facts.block_size;

    if (count > client->facts.blocks)
        count = client->facts.blocks;
    *size = (size_t)count * client->facts.block_size;
    return count == 0 ? KERN_SUCCESS : block_client_do(client, BLOCK_READ, 0, (uint32_t)count, 0);
}

kern_return_t disk_probe(const struct device_name *place, struct probe *out)
{
    static struct block_client client; /* large */
    mach_port_name_t service;
    size_t size = 0;

    kern_return_t kr = look_up(place->disk, &service);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = block_client_open_patient(&client, service, place->partition, PROBE_SIZE, PATIENCE);
    if (kr != KERN_SUCCESS)
        return of_block(kr);
    kr = read_begin(&client, &size);
    if (kr == KERN_SUCCESS)
        probe_read(client.data, size, out);
    block_client_close(&client);
    return of_block(kr);
}

/* ---- by label or number ---- */

static bool is_wanted(const struct device_name *device, const struct probe *probe)
{
    if (!probe->format)
        return false;
    return device->kind == DEVICE_LABEL ? strcmp(device->text, probe->label) == 0
                                        : strcasecmp(device->text, probe->uuid) == 0;
}

/* What is looked for, and the first that was found. */
struct search {
    const struct device_name *device;
    struct device_name *place;
    struct probe *out;
    bool found;
};

/* Another one is told of: who has put two cards in that are copies of each other should know which it is. */
static void take(struct search *search, const struct device_name *place, const struct probe *probe)
{
    if (search->found) {
        mounter_log("%s: both %s and %s are called that; the first is taken", search->device->text,
                    search->place->text, place->text);
        return;
    }
    *search->place = *place;
    *search->out = *probe;
    search->found = true;
}

/* The partitions of a disk, and the disk itself if it has none. */
static void search_disk(const char *disk, struct search *search)
{
    mach_port_name_t service;
    uint32_t count = 0, scheme;
    struct device_name place;
    struct probe probe;

    if (look_up(disk, &service) != KERN_SUCCESS)
        return;
    if (block_partitions_until(service, &count, &scheme, kernel_clock_now() + PATIENCE) !=
        KERN_SUCCESS)
        count = 0;
    stub_release_right(service, MSG_MOVE_SEND);
    for (uint32_t i = count > 1; i < count; i++)
        if (device_make(disk, i, &place) && disk_probe(&place, &probe) == KERN_SUCCESS &&
            is_wanted(search->device, &probe))
            take(search, &place, &probe);
}

/* Which programs offer a disk is known when it is looked up: no other service has such a name. */
static kern_return_t search_all(struct search *search)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    char disk[SUPERVISOR_NAME_MAX];
    uint32_t position = 0, got;

    do {
        if (supervisor_list(mounter.supervisor, position, &position, rows, &got) != KERN_SUCCESS)
            return unix_error(EIO);
        for (uint32_t i = 0; i < got; i++) {
            memcpy(disk, rows[i].name, sizeof(disk));
            disk[sizeof(disk) - 1] = '\0';
            if (strlen(disk) < DEVICE_DISK_MAX)
                search_disk(disk, search);
        }
    } while (got == SUPERVISOR_ROWS_MAX);
    return search->found ? KERN_SUCCESS : unix_error(ENODEV);
}

kern_return_t disk_find(const struct device_name *device, struct device_name *place,
                        struct probe *out)
{
    struct search search = {.device = device, .place = place, .out = out};

    if (device->kind != DEVICE_PLACE)
        return search_all(&search);
    *place = *device;
    return disk_probe(place, out);
}
