/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk or a partition: attached to while it is open, read and written. See disks.h.
 */
#include "disks.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/service.h>

/* What errors of drivers and of looking for them mean to who opens, reads or writes. */
static kern_return_t as_unix(kern_return_t kr)
{
    switch (kr) {
    case KERN_SUCCESS: return KERN_SUCCESS;
    case KERN_MEMORY_FAILURE: /* no medium, or another one */
    case KERN_NOT_FOUND: return unix_error(ENXIO);
    case KERN_PROTECTION_FAILURE: return unix_error(EROFS);
    case KERN_LIMIT:
    case KERN_BUSY: return unix_error(EBUSY);
    case KERN_RESOURCE_SHORTAGE: return unix_error(ENOMEM);
    default: return unix_error(EIO);
    }
}

kern_return_t disk_facts(mach_port_name_t service, uint32_t partition, struct block_facts *facts)
{
    const kern_return_t kr =
        block_info_until(service, partition, facts, kernel_clock_now() + DISK_PATIENCE);

    return kr != KERN_SUCCESS || bytes_are_countable(facts) ? kr : KERN_FAILURE;
}

/* ---- attaching ---- */

static kern_return_t flush(struct disk_node *disk)
{
    kern_return_t kr = KERN_SUCCESS;

    if (disk->written && disk->client.facts.volatile_cache)
        kr = block_client_do(&disk->client, BLOCK_FLUSH, 0, 0, 0);
    disk->written &= kr != KERN_SUCCESS;
    return kr;
}

/* What was written is on the medium then, as far as that can be done: nobody is there to be told. */
static void detach(struct disk_node *disk)
{
    if (!disk->attached)
        return;
    if (!disk->over)
        (void)!flush(disk);
    block_client_close(&disk->client);
    disk->attached = false;
}

static kern_return_t attach(struct disk_node *disk)
{
    mach_port_name_t service;
    kern_return_t kr = service_look_up(program_start_info->bootstrap, disk->where.device, &service);

    if (kr == KERN_SUCCESS)
        kr = block_client_open_patient(&disk->client, service, disk->where.partition, DISK_AREA,
                                       DISK_PATIENCE);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!bytes_are_countable(&disk->client.facts)) {
        block_client_close(&disk->client);
        return KERN_FAILURE;
    }
    disk->attached = true;
    disk->over = false;
    disk->written = false;
    disk->attachment++;
    return KERN_SUCCESS;
}

/* V2: the medium may have been changed, and nobody noticed. */
static bool is_good(struct disk_node *disk)
{
    struct block_facts facts;

    return disk->attached && !disk->over &&
           disk_facts(disk->client.service, disk->where.partition, &facts) == KERN_SUCCESS &&
           facts.medium == disk->client.facts.medium;
}

static kern_return_t opened(struct file_open *open)
{
    struct disk_node *disk = disk_of(open->node);
    kern_return_t kr = KERN_SUCCESS;

    if (open->flags & FILE_WRITE && is_in_use(&disk->where))
        return unix_error(EBUSY);
    if (!is_good(disk)) {
        detach(disk);
        kr = attach(disk);
    }
    if (kr != KERN_SUCCESS)
        return as_unix(kr);
    if (open->flags & FILE_WRITE && disk->client.facts.read_only) {
        if (disk->opens == 0)
            detach(disk);
        return unix_error(EROFS);
    }
    open->state = disk->attachment;
    disk->opens++;
    return KERN_SUCCESS;
}

static void closed(struct file_open *open)
{
    struct disk_node *disk = disk_of(open->node);

    if (--disk->opens == 0)
        detach(disk);
}

/* ---- moving ---- */

static bool is_current(const struct file_open *open)
{
    const struct disk_node *disk = disk_of(open->node);

    return disk->attached && !disk->over && open->state == disk->attachment;
}

/* V2. Errors of a place on the medium are that place's. */
static kern_return_t done(struct disk_node *disk, kern_return_t kr)
{
    disk->over |= kr == KERN_MEMORY_FAILURE || kr == KERN_NOT_FOUND ||
                  kr == KERN_OPERATION_TIMED_OUT || kr == KERN_TERMINATED;
    return as_unix(kr);
}

static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    struct disk_node *disk = disk_of(open->node);

    if (!is_current(open))
        return unix_error(ENXIO);
    return done(disk, bytes_read(&disk->client, position, to, size, got));
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    struct disk_node *disk = disk_of(open->node);

    if (!is_current(open))
        return unix_error(ENXIO);
    disk->written = true;
    kern_return_t kr = bytes_write(&disk->client, position, from, size, written);
    if (kr == KERN_LIMIT)
        return unix_error(ENOSPC);
    if (kr == KERN_SUCCESS && open->flags & FILE_SYNC)
        kr = flush(disk);
    return done(disk, kr);
}

static kern_return_t sync(struct file_node *node, bool data_only)
{
    struct disk_node *disk = disk_of(node);

    (void)data_only;
    if (!disk->attached || disk->over)
        return unix_error(ENXIO);
    return done(disk, flush(disk));
}

/* ---- what it is ---- */

/* 0 where there is no medium. */
static uint64_t size_of(struct file_node *node)
{
    const struct disk_node *disk = disk_of(node);
    struct block_facts facts = {.blocks = 0};
    mach_port_name_t service;

    if (disk->attached && !disk->over)
        return bytes_of(&disk->client);
    if (service_look_up(program_start_info->bootstrap, disk->where.device, &service) !=
        KERN_SUCCESS)
        return 0;
    const kern_return_t kr = disk_facts(service, disk->where.partition, &facts);
    stub_release_right(service, MSG_MOVE_SEND);
    return kr == KERN_SUCCESS ? facts.blocks * facts.block_size : 0;
}

static void attributes(struct file_node *node, struct file_attributes *out)
{
    const struct disk_node *disk = disk_of(node);

    enum { SHORT = 0xffffff };

    out->mode = 0600;
    out->inode = disks_number(disk->name);
    out->rdev = out->inode & SHORT; /* it is shown to people */
    out->size = size_of(node);
    out->accessed = out->modified = out->changed = file_server_time();
}

static void unused(struct file_node *node)
{
    disks_forget(disk_of(node));
}

const struct file_node_ops disk_ops = {
    .attributes = attributes,
    .unused = unused,
    .sync = sync,
    .get_system = disks_get_system,
    .opened = opened,
    .closed = closed,
    .read = read,
    .write = write,
    .size = size_of,
};
