/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of a block device: its start, and what clients ask by messages (<libsys/driver/block_server.h>).
 */
#include "block_impl.h"
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/block_events.h>
#include <wharf/if/block_queue.h>

struct block_service block_service;

/* ---- facts ---- */

static void tell_facts(uint32_t number, struct block_facts *out)
{
    const struct block_device_facts *device = &block_service.facts;
    const struct partition *partition = &block_service.partitions.partition[number];

    *out = (struct block_facts){
        .block_size = device->block_size,
        .blocks = partition->blocks,
        .first = partition->first,
        .blocks_max = device->blocks_max,
        .read_only = device->read_only,
        .removable = device->removable,
        .volatile_cache = device->volatile_cache,
        .can_discard = device->can_discard,
        .medium = device->medium,
    };
    memcpy(out->type, partition->type, sizeof(out->type));
    memcpy(out->name, partition->name, sizeof(out->name));
}

static void learn_medium(struct block_service *server);

/* Nobody is told of, or gets at, what was on another medium than the one that is there. */
static kern_return_t check_partition(uint32_t number)
{
    learn_medium(&block_service);
    if (block_service.facts.blocks == 0)
        return KERN_MEMORY_FAILURE;
    /* Numbers are places in the table: some are not in use. */
    return number < block_service.partitions.count &&
                   block_service.partitions.partition[number].blocks > 0
               ? KERN_SUCCESS
               : KERN_NOT_FOUND;
}

/* Who was given an attachment's queue has that one partition, and not the service (K4). */
static bool is_to_service(const struct server_message *message)
{
    return !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) &&
           message->received.local == block_service.service;
}

static kern_return_t info(struct server_message *message, uint32_t number,
                          struct block_facts *facts)
{
    const kern_return_t kr = is_to_service(message) ? check_partition(number) : MIG_BAD_ID;

    if (kr == KERN_SUCCESS)
        tell_facts(number, facts);
    return kr;
}

static kern_return_t partitions(struct server_message *message, uint32_t *count, uint32_t *scheme)
{
    const kern_return_t kr = is_to_service(message) ? check_partition(0) : MIG_BAD_ID;

    *count = block_service.partitions.count;
    *scheme = block_service.partitions.scheme;
    return kr;
}

static kern_return_t attach(struct server_message *message, uint32_t number, mach_port_name_t area,
                            mach_port_name_t notify, mach_port_name_t *queue,
                            struct block_facts *facts)
{
    kern_return_t kr = is_to_service(message) ? check_partition(number) : MIG_BAD_ID;

    if (kr == KERN_SUCCESS)
        kr = block_attach_client(number, area, notify, queue);
    if (kr == KERN_SUCCESS)
        tell_facts(number, facts);
    return kr;
}

void block_count(enum block_operation operation, uint64_t bytes, kern_return_t result)
{
    struct block_statistics *done = &block_service.done;

    if (result != KERN_SUCCESS) {
        done->failures++;
    } else if (operation == BLOCK_READ) {
        done->reads++;
        done->bytes_read += bytes;
    } else if (operation == BLOCK_WRITE) {
        done->writes++;
        done->bytes_written += bytes;
    } else {
        done->others++;
    }
}

static kern_return_t statistics(struct server_message *message, struct block_statistics *out)
{
    *out = block_service.done;
    out->in_flight = block_service.flights_used;
    return is_to_service(message) ? KERN_SUCCESS : MIG_BAD_ID;
}

/* ---- queues ---- */

static kern_return_t kick(struct server_message *message)
{
    if (!block_attachment_of(message->received.local))
        return KERN_TERMINATED;
    block_look();
    return KERN_SUCCESS;
}

static kern_return_t run(struct server_message *message)
{
    struct block_attachment *attachment = block_attachment_of(message->received.local);

    if (!attachment || attachment->ended || attachment->waiting != MSG_NULL)
        return KERN_TERMINATED;
    const struct block_ring *ring = (const struct block_ring *)attachment->area.at;
    attachment->wanted = atomic_load_explicit(&ring->submitted, memory_order_acquire);
    block_look();
    if (!attachment->used || attachment->ended)
        return KERN_TERMINATED;
    /* The device may be full of what others want, or there is more in the ring than is taken in one go. */
    if (block_ring_is_answered(attachment->taken, attachment->in_flight, attachment->wanted))
        return KERN_SUCCESS;
    const kern_return_t kr = server_keep_reply(message);
    if (kr != KERN_SUCCESS)
        return kr;
    attachment->waiting = message->reply;
    return MIG_NO_REPLY;
}

/* A queue port is told through itself that its client is gone. */
static void notification(struct driver *driver, uint32_t id, const struct server_message *message)
{
    struct block_attachment *attachment = msg_flags(message->received.control) & MSG_FLAG_PAYLOAD
                                              ? block_attachment_of(message->received.local)
                                              : NULL;

    (void)driver;
    if (id == MSG_ID_NO_SENDERS && attachment && !attachment->ended)
        block_detach(attachment);
}

/* ---- partitions ---- */

kern_return_t block_own(enum block_operation operation, const struct block_transfer *transfer)
{
    struct block_service *server = &block_service;
    const struct block_server_config *config = &server->config;

    server->own_done = false;
    kern_return_t kr = config->ops->start(config->device, operation, transfer, BLOCK_FLIGHTS_MAX);
    if (kr == KERN_SUCCESS && config->ops->commit)
        config->ops->commit(config->device);
    while (kr == KERN_SUCCESS && !server->own_done)
        kr = config->wait ? config->wait(config->device) : KERN_FAILURE;
    return kr == KERN_SUCCESS ? server->own_result : kr;
}

/* Blocking, one piece at a time, before clients are served and when there is another medium. */
static kern_return_t read_blocks(void *context, uint64_t block, uint32_t count, void *to)
{
    struct block_service *server = context;
    const uint64_t bytes = (uint64_t)count * server->facts.block_size;
    const struct dma_segment segment = {.bus = server->bounce.bus, .length = bytes};
    const struct block_transfer transfer = {
        .block = block,
        .count = count,
        .at = server->bounce.at,
        .segments = &segment,
        .segment_count = server->bounce.bus == BLOCK_UNREACHED ? 0 : 1,
    };

    if (bytes > server->bounce.size)
        return KERN_INVALID_ARGUMENT;
    const kern_return_t kr = block_own(BLOCK_READ, &transfer);
    block_count(BLOCK_READ, bytes, kr);
    if (kr == KERN_SUCCESS)
        memcpy(to, server->bounce.at, bytes);
    return kr;
}

static void read_partitions(struct block_service *server)
{
    struct partition_table *table = &server->partitions;

    server->medium_read = server->facts.medium;
    server->medium_there = server->facts.blocks != 0;
    server->blocks_read = server->facts.blocks;
    if (server->facts.blocks == 0) {
        *table = (struct partition_table){0};
        return;
    }
    partition_read(table, read_blocks, server, server->facts.block_size, server->facts.blocks);
    device_log(&server->driver->environment, "%lu blocks of %u bytes, %u partitions%s%s",
               (unsigned long)server->facts.blocks, server->facts.block_size, table->count - 1,
               table->trouble ? ": " : "", table->trouble ? table->trouble : "");
}

/* ---- the medium ---- */

/* Who does not find its partition as it was: the medium is gone or another, or the partition is (K5). */
static bool is_concerned(struct block_attachment *attachment)
{
    const struct block_service *server = &block_service;

    if (server->facts.blocks == 0 || attachment->medium != server->facts.medium)
        return true;
    attachment->moved |= !block_partition_stays(&server->partitions, attachment->partition,
                                                attachment->first, attachment->blocks);
    return attachment->moved;
}

static void tell_all(uint32_t medium)
{
    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++) {
        struct block_attachment *attachment = &block_service.attachments[i];
        if (attachment->used && !attachment->ended && is_concerned(attachment))
            (void)!block_events_medium_changed_until(attachment->notify, medium, 0);
    }
}

bool block_medium_is_new(void)
{
    const struct block_service *server = &block_service;

    return server->facts.medium != server->medium_read ||
           (server->facts.blocks != 0) != server->medium_there ||
           server->facts.blocks != server->blocks_read;
}

static void learn_medium(struct block_service *server)
{
    if (server->config.ops->look)
        server->config.ops->look(server->config.device, &server->facts);
    if (!block_medium_is_new())
        return;
    read_partitions(server);
    tell_all(server->facts.medium);
}

static void tick(struct driver *driver)
{
    struct block_service *server = &block_service;
    const struct block_device_ops *ops = server->config.ops;
    const uint64_t now = kernel_clock_now();

    if (ops->check && ops->deadline(server->config.device) <= now &&
        ops->check(server->config.device) != KERN_SUCCESS)
        driver_fail(driver, "the device does not answer, and cannot be reset");
    if (server->facts.removable)
        server->poll_at = now + DEVICE_SECOND;
    block_look();
    learn_medium(server);
}

/* ---- the start ---- */

static void make_bounce(struct block_service *server)
{
    kern_return_t kr = KERN_SUCCESS;

    if (server->driver->facts.dma)
        kr = driver_memory(server->driver, BLOCK_BOUNCE_SIZE, &server->bounce);
    else
        server->bounce = (struct dma_memory){.at = malloc(BLOCK_BOUNCE_SIZE),
                                             .bus = BLOCK_UNREACHED,
                                             .size = BLOCK_BOUNCE_SIZE};
    if (kr != KERN_SUCCESS || !server->bounce.at)
        driver_fail(server->driver, "no memory to bounce through: error %d", (int)kr);
}

void block_server_run(struct driver *driver, const struct block_server_config *config)
{
    static const struct block_ops block_operations = {.info = info,
                                                      .partitions = partitions,
                                                      .attach = attach,
                                                      .statistics = statistics};
    static const struct block_queue_ops queue_operations = {.kick = kick, .run = run};
    struct block_service *server = &block_service;
    struct server_interface interfaces[] = {
        block_queue_interface(&queue_operations, server),
        block_interface(&block_operations, server),
    };

    server->driver = driver;
    server->config = *config;
    server->facts = config->facts;
    make_bounce(server);
    read_partitions(server);
    if (config->ready)
        config->ready(config->device);
    const kern_return_t kr = driver_check_in(driver, &server->service);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its service: error %d", (int)kr);
    driver->notification = notification;
    driver->tick = tick;
    driver->tick_at = 1; /* at once, for whatever there is to look after */
    driver_serve(driver, interfaces, 2);
}
