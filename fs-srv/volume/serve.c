/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program (serve.h).
 */
#include "serve.h"
#include "state.h"
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/string.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>

enum { OPENS = STATE_NODES, WAITS = 4096, STATUS_FAILED = 1 };

struct disk disk;

/* Two volumes have two numbers: that of a text that names the place. */
static uint64_t number_of(const char *device, uint32_t partition)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) + partition;

    for (; *device; device++)
        hash = (hash ^ (uint8_t)*device) * UINT64_C(0x100000001b3);
    return hash >> 16 | 1;
}

static int status_of(int error)
{
    switch (error) {
    case EINVAL: return VOLUME_NONE;
    case EBADMSG: return VOLUME_DAMAGED;
    case ENOTSUP: return VOLUME_UNKNOWN;
    case EIO:
    case ENXIO: return VOLUME_UNREADABLE;
    default: return STATUS_FAILED;
    }
}

/* A root that nobody can go through is damage. */
static int check_root(void)
{
    struct volume_attributes attributes;
    const int error = disk.ops->attributes(disk.volume, disk.ops->root(disk.volume), &attributes);

    return error == 0 && attributes.kind != VOLUME_FOLDER ? EBADMSG : error;
}

/* 0, or the program's status. */
static int mount(int argc, char **argv, bool *again)
{
    const char *device = program_argument(argc, argv, "device", NULL),
               *partition = program_argument(argc, argv, "partition", NULL);
    const uint32_t number = partition ? (uint32_t)strtoul(partition, NULL, 0) : 0;

    if (!device) {
        print("%s: no device=\n", disk.ops->format);
        return STATUS_FAILED;
    }
    const kern_return_t kr = storage_block_open(&disk.card, device, number);
    if (kr != KERN_SUCCESS) {
        print("%s: %s, partition %u: error %d\n", disk.ops->format, device, number, (int)kr);
        return VOLUME_NONE;
    }
    disk.device = number_of(device, number);
    disk.is_root = program_has_word(argc, argv, "root");
    disk.read_only = program_has_word(argc, argv, "read-only") || disk.card.storage.read_only;
    uint64_t serial = 0;
    (void)!disk.ops->serial(&disk.card.storage, &serial); /* mounting will fail, too */
    if (state_begin(serial, again) != KERN_SUCCESS) {
        print("%s: no memory\n", disk.ops->format);
        return STATUS_FAILED;
    }
    const struct volume_options options = {.read_only = disk.read_only,
                                           .keep_orphans = *again,
                                           .memory = state_volume};
    int error = disk.ops->mount(&disk.card.storage, &options, &disk.volume);
    if (error == 0)
        error = check_root();
    if (error != 0) {
        print("%s: %s, partition %u is not mounted: error %d\n", disk.ops->format, device, number,
              error);
        return status_of(error);
    }
    const char *problem = disk.ops->problem(disk.volume);
    if (*problem)
        print("%s: %s, partition %u can only be read: %s\n", disk.ops->format, device, number,
              problem);
    disk.read_only |= *problem != '\0';
    disk.unsynced = *again; /* by the instance before */
    struct volume_space space;
    disk.unit = disk.ops->space(disk.volume, &space) == 0 && space.block_size > PAGE
                    ? space.block_size
                    : PAGE;
    return 0;
}

static kern_return_t begin(const char *service, const char *book, bool again)
{
    const struct file_server_limits limits = {.opens = OPENS,
                                              .waits = WAITS,
                                              .lasting = book ? lasting_of(book) : NULL};
    char mounts[SERVICE_NAME_MAX];
    struct disk_node *root;

    disk.keeps = book != NULL;
    lasting_finish_move();
    if (again)
        lasting_will_restore();
    kern_return_t kr = memories_begin();
    if (kr == KERN_SUCCESS)
        kr = file_server_begin(&disk.server, &limits, MSG_NULL);
    disk.server.is_over_top = disk.is_root;
    if (kr == KERN_SUCCESS) {
        lasting_restored();
        memories_restored();
        pager_finish();
        kr = pager_begin();
    }
    if (kr == KERN_SUCCESS)
        kr = nodes_begin(&root);
    if (kr == KERN_SUCCESS)
        kr = file_server_root(&disk.server, service, &root->node);
    format_text(mounts, sizeof(mounts), "%s.mount", service);
    if (kr == KERN_SUCCESS)
        (void)!file_server_root(&disk.server, mounts, &root->node); /* not where nobody may */
    if (kr == KERN_SUCCESS)
        kr = flush_begin();
    return kr == KERN_SUCCESS ? control_begin(service) : kr;
}

/* Those that an earlier instance had open, and nobody has any more. If it fails the next mount does it. */
static void free_orphans(void)
{
    lock();
    const int error = disk.ops->free_orphans(disk.volume);
    disk.unsynced = true;
    unlock();
    if (error != 0)
        print("%s: files without names remain: error %d\n", disk.ops->format, error);
}

int volume_serve(int argc, char **argv, const struct volume_ops *ops)
{
    const char *service = program_argument(argc, argv, "service", NULL);

    bool again = false;

    disk.ops = ops;
    const int status = mount(argc, argv, &again);
    if (status != 0)
        return status;
    kern_return_t kr =
        begin(service ? service : ops->format, program_argument(argc, argv, "book", NULL), again);
    if (kr == KERN_SUCCESS && again)
        free_orphans();
    if (kr == KERN_SUCCESS) {
        struct server_interface more[CONTROL_INTERFACES];
        control_interfaces(more);
        kr = file_server_run(&disk.server, more, CONTROL_INTERFACES);
    }
    print("%s: it ends: error %d\n", ops->format, (int)kr);
    return STATUS_FAILED;
}
