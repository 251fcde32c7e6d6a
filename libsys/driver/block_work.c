/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From rings to the device and back (<libsys/driver/block_server.h>: K2 to K4).
 */
#include "block_impl.h"
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <string.h>
#include <wharf/if/block_events.h>
#include <wharf/if/block_queue.h>
#include <wharf/if/device.h>

/* ---- answers ---- */

static struct block_ring *ring_of(const struct block_attachment *attachment)
{
    return (struct block_ring *)attachment->area.at;
}

/* Whoever waits in block_queue.run goes on when nothing is left of what was in the ring then. */
static void wake(struct block_attachment *attachment)
{
    if (attachment->waiting == MSG_NULL ||
        !block_ring_is_answered(attachment->taken, attachment->in_flight, attachment->wanted))
        return;
    if (block_queue_reply_run(attachment->waiting, KERN_SUCCESS) != KERN_SUCCESS)
        stub_release_right(attachment->waiting, MSG_MOVE_SEND_ONCE); /* gave up waiting */
    attachment->waiting = MSG_NULL;
}

/* A queue that is full holds a message that says the same. Where there is no memory for one it is sent later: the client would wait for it for ever. */
static void tell(struct block_attachment *attachment)
{
    attachment->untold = block_events_completed_until(attachment->notify, 0) == MACH_SEND_NO_BUFFER;
}

static bool tell_untold(void)
{
    bool untold = false;

    for (unsigned i = 0; i < block_service.places; i++) {
        struct block_attachment *attachment = &block_service.attachments[i];
        if (attachment->ended || !attachment->untold)
            continue;
        tell(attachment);
        untold |= attachment->untold;
    }
    return untold;
}

static void answer(struct block_attachment *attachment, const struct block_request *request,
                   kern_return_t result)
{
    if (attachment->ended)
        return;
    if (block_ring_answer(ring_of(attachment), &attachment->answered, request->id, result))
        tell(attachment);
}

/* ---- memory ---- */

static uint64_t bytes_of(const struct block_request *request)
{
    return (uint64_t)request->count * block_service.facts.block_size;
}

static void synchronise(const struct block_flight *flight, uint32_t direction)
{
    const struct driver *driver = block_service.driver;
    const struct block_request *request = &flight->request;

    if (driver->facts.coherent || !driver->facts.dma)
        return;
    const kern_return_t kr = device_dma_sync(driver->device, flight->attachment->area.pin,
                                             request->offset, bytes_of(request), direction);
    if (kr != KERN_SUCCESS)
        driver_fail(block_service.driver, "the caches: error %d", (int)kr);
}

/* ---- one request ---- */

void block_server_done(uint32_t number, kern_return_t result)
{
    if (number == BLOCK_FLIGHTS_MAX) { /* the server's own */
        block_service.own_result = result;
        block_service.own_done = true;
        return;
    }
    struct block_flight *flight = &block_service.flights[number];
    struct block_attachment *attachment = flight->attachment;
    if (!attachment)
        return; /* the device has said so before */
    /* What came through the bounce buffer the CPU has written: it is in the caches, where all who share the memory look. */
    if (flight->direct && flight->request.operation == BLOCK_READ)
        synchronise(flight, DEVICE_DIRECTION_FROM_DEVICE);
    block_count(flight->request.operation, bytes_of(&flight->request), result);
    answer(attachment, &flight->request, result);
    flight->attachment = NULL;
    block_service.flights_used--;
    attachment->in_flight--;
    wake(attachment);
    block_detach_rest(attachment);
}

/* Memory the device does not reach goes through the bounce buffer; the device is blocking (K3). */
static kern_return_t transfer_in_pieces(const struct block_transfer *whole, uint32_t flight)
{
    const struct block_service *server = &block_service;
    const uint32_t most = BLOCK_BOUNCE_SIZE / server->facts.block_size;
    struct dma_segment segment = {.bus = server->bounce.bus};
    char *at = whole->at;
    kern_return_t kr = KERN_SUCCESS;

    for (uint32_t done = 0; done < whole->count && kr == KERN_SUCCESS;) {
        struct block_transfer piece = *whole;
        piece.block += done;
        piece.count = whole->count - done < most ? whole->count - done : most;
        segment.length = (uint64_t)piece.count * server->facts.block_size;
        piece.at = server->bounce.at;
        piece.segments = &segment;
        piece.segment_count = 1;
        if (whole->write)
            memcpy(piece.at, at, segment.length);
        kr = block_own(whole->write ? BLOCK_WRITE : BLOCK_READ, &piece);
        if (kr == KERN_SUCCESS && !whole->write)
            memcpy(at, piece.at, segment.length);
        at += segment.length;
        done += piece.count;
    }
    if (kr == KERN_SUCCESS)
        block_server_done(flight, KERN_SUCCESS);
    return kr;
}

static kern_return_t start_transfer(struct block_flight *flight, uint32_t number)
{
    static struct dma_segment segments[BLOCK_SEGMENTS_MAX + 1];
    const struct block_service *server = &block_service;
    const struct block_request *request = &flight->request;
    const struct block_attachment *attachment = flight->attachment;
    struct block_transfer transfer = {
        .write = request->operation == BLOCK_WRITE,
        .block = attachment->first + request->block,
        .count = request->count,
        .at = attachment->area.at + request->offset,
        .segments = segments,
    };

    if (server->driver->facts.dma) {
        transfer.segment_count =
            block_segments(attachment->bus, request->offset, bytes_of(request), segments);
        if (transfer.segment_count == 0)
            return transfer_in_pieces(&transfer, number);
    }
    flight->direct = true;
    synchronise(flight, transfer.write ? DEVICE_DIRECTION_TO_DEVICE : DEVICE_DIRECTION_FROM_DEVICE);
    return server->config.ops->start(server->config.device, request->operation, &transfer, number);
}

static kern_return_t start(struct block_flight *flight, uint32_t number)
{
    const struct block_server_config *config = &block_service.config;
    const struct block_request *request = &flight->request;
    const struct block_transfer blocks = {
        .block = flight->attachment->first + request->block,
        .count = request->count,
    };

    switch (request->operation) {
    case BLOCK_FLUSH: return config->ops->start(config->device, BLOCK_FLUSH, NULL, number);
    case BLOCK_DISCARD: return config->ops->start(config->device, BLOCK_DISCARD, &blocks, number);
    default: return start_transfer(flight, number);
    }
}

static kern_return_t check(const struct block_attachment *attachment,
                           const struct block_request *request)
{
    const struct block_device_facts *facts = &block_service.facts;
    const struct block_limits limits = {
        .area_size = attachment->area.size,
        .blocks = attachment->blocks,
        .block_size = facts->block_size,
        .blocks_max = facts->blocks_max,
        .read_only = facts->read_only,
        .can_discard = facts->can_discard,
    };

    if (facts->blocks == 0 || facts->medium != attachment->medium || attachment->moved)
        return KERN_MEMORY_FAILURE;
    return block_request_check(request, &limits);
}

static uint32_t free_flight(void)
{
    uint32_t number = 0;

    while (block_service.flights[number].attachment)
        number++;
    return number;
}

/* False: the device is full. */
static bool begin(struct block_attachment *attachment, const struct block_request *request)
{
    kern_return_t kr = check(attachment, request);

    if (kr != KERN_SUCCESS) {
        attachment->taken++;
        answer(attachment, request, kr);
        return true;
    }
    const uint32_t number = free_flight();
    struct block_flight *flight = &block_service.flights[number];
    *flight = (struct block_flight){.attachment = attachment, .request = *request};
    block_service.flights_used++;
    attachment->in_flight++;
    attachment->taken++;
    kr = start(flight, number);
    if (kr == KERN_SUCCESS)
        return true;
    if (kr != KERN_BUSY) {
        block_server_done(number, kr);
        return true;
    }
    flight->attachment = NULL;
    block_service.flights_used--;
    attachment->in_flight--;
    attachment->taken--;
    return false;
}

enum outcome { NO_MORE, MORE, FULL };

/* Some requests of one client; the others are to have their turn. */
static enum outcome look_into(struct block_attachment *attachment)
{
    enum { AT_A_TIME = 8 };
    struct block_request request;

    for (unsigned i = 0; i < AT_A_TIME && !attachment->ended; i++) {
        const int there =
            block_ring_take(ring_of(attachment), attachment->taken, attachment->answered, &request);
        if (there < 0)
            block_detach(attachment);
        if (there <= 0)
            return NO_MORE;
        if (block_service.flights_used == BLOCK_FLIGHTS_MAX || !begin(attachment, &request))
            return FULL;
    }
    return attachment->ended ? NO_MORE : MORE;
}

/* When the device is full, done() comes, and the driver calls block_server_continue(). */
static bool look_into_all(void)
{
    struct block_service *server = &block_service;
    bool more = false;

    for (unsigned i = 0; i < server->places; i++) {
        const unsigned turn = (server->turn + i) % server->places;
        struct block_attachment *attachment = &server->attachments[turn];
        if (!attachment->used)
            continue;
        const enum outcome outcome = look_into(attachment);
        wake(attachment);
        if (outcome == FULL) {
            server->turn = turn;
            return false;
        }
        more |= outcome == MORE;
    }
    server->turn++;
    return more;
}

/* Messages come first: what is left in rings is looked at when there are none. */
static void set_tick(bool more, bool untold)
{
    const struct block_service *server = &block_service;
    uint64_t at = server->poll_at;

    if (server->config.ops->deadline) {
        const uint64_t deadline = server->config.ops->deadline(server->config.device);
        if (deadline != UINT64_MAX && (at == 0 || deadline < at))
            at = deadline != 0 ? deadline : 1; /* at once; 0 would be never */
    }
    const uint64_t soon = untold && !more ? kernel_clock_now() + DEVICE_MILLISECOND : 0;
    if (soon != 0 && (at == 0 || soon < at))
        at = soon;
    server->driver->tick_at = more ? 1 : at;
}

void block_look(void)
{
    struct block_service *server = &block_service;

    if (server->config.ops->look)
        server->config.ops->look(server->config.device, &server->facts);
    const bool more = look_into_all();
    if (server->config.ops->commit)
        server->config.ops->commit(server->config.device);
    set_tick(more || block_medium_is_new(), tell_untold());
}

void block_server_continue(void)
{
    block_look();
}
