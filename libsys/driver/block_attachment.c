/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a block device coming and going (<libsys/driver/block_server.h>: K1, K4).
 */
#include "block_impl.h"
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/block.h>
#include <wharf/if/device.h>
#include <wharf/if/port.h>

enum { PAGE = 4096, INDEX_BITS = 8 };

struct block_attachment *block_attachment_of(uint64_t payload)
{
    const uint64_t index = (payload & ((1u << INDEX_BITS) - 1)) - 1;

    if (index >= BLOCK_ATTACHMENTS_MAX)
        return NULL;
    struct block_attachment *attachment = &block_service.attachments[index];
    return attachment->used && attachment->generation == payload >> INDEX_BITS ? attachment : NULL;
}

static uint64_t payload_of(const struct block_attachment *attachment)
{
    const uint64_t index = (uint64_t)(attachment - block_service.attachments);

    return (uint64_t)attachment->generation << INDEX_BITS | (index + 1);
}

/* ---- its end ---- */

/* What part of it there is. */
static void release(struct block_attachment *attachment)
{
    shared_area_release(block_service.driver, &attachment->area);
    free(attachment->bus);
    if (attachment->queue != MSG_NULL)
        stub_release_right(attachment->queue, MSG_MOVE_RECEIVE);
    if (attachment->waiting != MSG_NULL)
        stub_release_right(attachment->waiting, MSG_MOVE_SEND_ONCE);
    *attachment = (struct block_attachment){.generation = attachment->generation};
}

void block_detach_rest(struct block_attachment *attachment)
{
    if (!attachment->ended || attachment->in_flight > 0)
        return;
    stub_release_right(attachment->notify, MSG_MOVE_SEND);
    release(attachment);
}

void block_detach(struct block_attachment *attachment)
{
    attachment->ended = true;
    block_detach_rest(attachment);
}

/* ---- its begin ---- */

/* Addresses of all pages, for what the device does with them. */
static kern_return_t learn_addresses(struct block_attachment *attachment)
{
    static struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t offset = 0, page = 0;
    uint32_t count;

    attachment->bus = malloc(attachment->area.size / PAGE * sizeof(*attachment->bus));
    if (!attachment->bus)
        return KERN_RESOURCE_SHORTAGE;
    while (offset < attachment->area.size) {
        kern_return_t kr = device_dma_runs(block_service.driver->device, attachment->area.pin,
                                           offset, &offset, runs, &count);
        if (kr != KERN_SUCCESS)
            return kr;
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t at = 0; at < runs[i].length && page < attachment->area.size / PAGE;
                 at += PAGE)
                attachment->bus[page++] =
                    runs[i].bus == BLOCK_UNREACHED ? BLOCK_UNREACHED : runs[i].bus + at;
    }
    return KERN_SUCCESS;
}

static kern_return_t check_reach(const struct block_attachment *attachment)
{
    const struct block_service *server = &block_service;

    if (!server->driver->facts.dma || server->config.ops->blocking)
        return KERN_SUCCESS;
    for (uint64_t page = 0; page < attachment->area.size / PAGE; page++)
        if (attachment->bus[page] == BLOCK_UNREACHED)
            return KERN_NOT_SUPPORTED;
    return KERN_SUCCESS;
}

static kern_return_t check_ring(const struct block_attachment *attachment)
{
    const struct block_ring *ring = (const struct block_ring *)attachment->area.at;

    return ring->magic == BLOCK_RING_MAGIC && ring->entries == BLOCK_RING_ENTRIES
               ? KERN_SUCCESS
               : KERN_INVALID_ARGUMENT;
}

/* The notice may be on its way. */
static bool has_client(const struct block_attachment *attachment)
{
    struct port_receive_status status;

    return !attachment->ended &&
           port_get_receive_status(program_start_info->task, attachment->queue, &status) ==
               KERN_SUCCESS &&
           status.senders > 0;
}

/* K7. True: the device has requests of a client of the partition that has ended. */
static bool end_clients(uint32_t partition)
{
    bool rest = false;

    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++) {
        struct block_attachment *attachment = &block_service.attachments[i];
        if (!attachment->used || attachment->partition != partition || has_client(attachment))
            continue;
        block_detach(attachment);
        rest |= attachment->used;
    }
    return rest;
}

static struct block_attachment *find_free(void)
{
    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++)
        if (!block_service.attachments[i].used)
            return &block_service.attachments[i];
    return NULL;
}

static bool is_used(uint32_t number)
{
    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++)
        if (block_service.attachments[i].used && block_service.attachments[i].partition == number)
            return true;
    return false;
}

/* K6, of the attachment that begins. */
static kern_return_t check_share(const struct block_attachment *begins)
{
    const struct block_service *server = &block_service;
    struct block_holdings held = {0};

    for (unsigned i = 0; i < BLOCK_ATTACHMENTS_MAX; i++) {
        const struct block_attachment *attachment = &server->attachments[i];
        const bool own = attachment->partition == begins->partition;
        if (!attachment->used)
            continue;
        held.attachments++;
        held.pages += attachment->area.size / PAGE;
        held.own_attachments += own;
        held.own_pages += own ? attachment->area.size / PAGE : 0;
    }
    for (uint32_t number = 0; number < server->partitions.count; number++)
        held.unused += number != begins->partition &&
                       server->partitions.partition[number].blocks > 0 && !is_used(number);
    return block_may_attach(&held, begins->area.size / PAGE);
}

kern_return_t block_attach_client(uint32_t number, mach_port_name_t area, mach_port_name_t notify,
                                  mach_port_name_t *queue)
{
    const struct block_service *server = &block_service;
    if (end_clients(number))
        return KERN_BUSY;
    struct block_attachment *attachment = find_free();
    if (!attachment)
        return KERN_LIMIT;
    const struct partition *partition = &server->partitions.partition[number];
    attachment->generation++;
    attachment->partition = number;
    attachment->medium = server->facts.medium;
    attachment->first = partition->first;
    attachment->blocks = partition->blocks;
    kern_return_t kr =
        shared_area_take(server->driver, area, BLOCK_RING_PAGE, BLOCK_AREA_MAX, &attachment->area);
    if (kr == KERN_SUCCESS)
        kr = check_share(attachment);
    if (kr == KERN_SUCCESS)
        kr = learn_addresses(attachment);
    if (kr == KERN_SUCCESS)
        kr = check_reach(attachment);
    if (kr == KERN_SUCCESS)
        kr = check_ring(attachment);
    if (kr == KERN_SUCCESS)
        kr = driver_client_port(server->driver, payload_of(attachment), &attachment->queue, queue);
    if (kr != KERN_SUCCESS) {
        release(attachment);
        return kr;
    }
    const unsigned place = (unsigned)(attachment - block_service.attachments);
    if (place >= block_service.places)
        block_service.places = place + 1;
    attachment->used = true;
    attachment->notify = notify;
    stub_release_right(area, MSG_MOVE_SEND);
    return KERN_SUCCESS;
}
