/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices, as a client sees them (<libsys/block_client.h>): each with one partition, which is a swap area. A driver may end, and with it what it was
 * attached to; the medium may be taken out, and put in again as another one with the same contents.
 */
#include "world.h"

#include <libsys/block_client.h>
#include <stdlib.h>
#include <string.h>
#include <swap_header.h>

enum {
    BLOCK = 512,
    PAGE_BLOCKS = WORLD_PAGE / BLOCK,
    ROOM = 24, /* requests that a client may have under way */
    CLIENTS = 4 * WORLD_DEVICES,
    FIRST_QUEUE = 0x7f000000, /* names of queues */
};

static struct device {
    bool driver, medium;
    uint32_t drivers, media; /* so far */
    char (*page)[WORLD_PAGE];
} devices[WORLD_DEVICES];

/* One that is attached, or was to a driver that has ended. */
static struct attachment {
    struct block_client *client; /* NULL: none */
    struct device *device;
    uint32_t driver;
    bool died, told; /* the driver; and the client listens and has been told */
    bool begun[BLOCK_RING_ENTRIES];
} attachments[CLIENTS];
static uint32_t queues;

/* ---- who is attached ---- */

static struct attachment *find(const struct block_client *client)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (attachments[i].client == client)
            return &attachments[i];
    world_fail(client ? "an unknown client" : "too many clients");
}

static struct device *device_named(const char *name)
{
    const unsigned number = (unsigned)(name[strlen(name) - 1] - 'a');

    return number < WORLD_DEVICES ? &devices[number] : NULL;
}

static kern_return_t attach(struct attachment *to)
{
    struct device *device = to->device;

    if (!device->driver)
        return KERN_TERMINATED;
    if (!device->medium)
        return KERN_MEMORY_FAILURE;
    to->driver = device->drivers;
    to->died = to->told = false;
    memset(to->begun, 0, sizeof(to->begun));
    to->client->away = false;
    to->client->queue = FIRST_QUEUE + ++queues % (1 << 20);
    to->client->facts = (struct block_facts){.block_size = BLOCK,
                                             .blocks = (WORLD_SLOTS + 1) * PAGE_BLOCKS,
                                             .blocks_max = 1024,
                                             .can_discard = device != devices,
                                             .medium = device->media};
    return KERN_SUCCESS;
}

kern_return_t block_client_open(struct block_client *client, const char *service,
                                uint32_t partition, size_t data_size)
{
    struct device *device = device_named(service);

    if (!device || partition != 1)
        return KERN_NOT_FOUND;
    struct attachment *new = find(NULL);
    memset(client, 0, sizeof(*client));
    *new = (struct attachment){.client = client, .device = device};
    const kern_return_t kr = attach(new);
    if (kr != KERN_SUCCESS) {
        new->client = NULL;
        return kr;
    }
    client->data = malloc(data_size);
    client->data_size = data_size;
    client->ring = (struct block_ring *)(void *)client->data;
    memset(client->data, 0xcc, data_size);
    return KERN_SUCCESS;
}

void block_client_close(struct block_client *client)
{
    find(client)->client = NULL;
    free(client->data);
    memset(client, 0, sizeof(*client));
}

kern_return_t block_client_attach_anew(struct block_client *client)
{
    return attach(find(client));
}

kern_return_t block_client_listen(struct block_client *client)
{
    client->listens = true;
    return find(client)->died ? KERN_TERMINATED : KERN_SUCCESS;
}

void block_client_lost(struct block_client *client)
{
    client->away = true;
}

/* ---- requests ---- */

static void perform(const struct attachment *at, const struct block_request *request)
{
    char *there = at->device->page[request->block / PAGE_BLOCKS],
         *here = at->client->data + request->offset;
    const size_t size = (size_t)request->count * BLOCK;

    if (request->operation == BLOCK_READ)
        memcpy(here, there, size);
    else if (request->operation == BLOCK_WRITE)
        memcpy(there, here, size);
    else
        memset(there, 0x5a, size);
}

static void check_request(const struct block_client *client, const struct block_request *request)
{
    if (request->count == 0 || request->block < PAGE_BLOCKS || request->block % PAGE_BLOCKS != 0 ||
        request->count % PAGE_BLOCKS != 0 ||
        request->block + request->count > client->facts.blocks ||
        (request->operation != BLOCK_DISCARD &&
         request->offset + (uint64_t)request->count * BLOCK > client->data_size))
        world_fail("a card is asked for what it has not");
    for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++) {
        const struct block_client_request *other = &client->table[i];
        if (other->used && !other->answered && request->operation != BLOCK_READ &&
            other->request.operation != BLOCK_READ &&
            request->block < other->request.block + other->request.count &&
            other->request.block < request->block + request->count)
            world_fail("two writes to one page are under way");
    }
}

kern_return_t block_client_submit(struct block_client *client, enum block_operation operation,
                                  uint64_t block, uint32_t count, size_t offset, unsigned *ticket)
{
    struct block_request request = {.block = block,
                                    .offset = offset,
                                    .count = count,
                                    .operation = operation};
    unsigned used = 0, place = BLOCK_RING_ENTRIES;

    world_call();
    check_request(client, &request);
    for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++) {
        used += client->table[i].used;
        if (!client->table[i].used)
            place = i;
    }
    if (used >= ROOM)
        return KERN_BUSY;
    client->table[place] = (struct block_client_request){.used = true, .request = request};
    find(client)->begun[place] = false;
    *ticket = place;
    return KERN_SUCCESS;
}

bool block_client_start(struct block_client *client)
{
    struct attachment *at = find(client);

    world_call();
    client->away |= at->died;
    for (unsigned i = 0; i < BLOCK_RING_ENTRIES && !client->away; i++)
        at->begun[i] = client->table[i].used;
    return true;
}

bool block_client_is_done(struct block_client *client, unsigned ticket)
{
    return client->table[ticket].used && client->table[ticket].answered;
}

kern_return_t block_client_take(struct block_client *client, unsigned ticket)
{
    world_call();
    client->table[ticket].used = false;
    return client->table[ticket].result;
}

/* Of the header alone, by a client that does not listen: it attaches to the next driver by itself. */
kern_return_t block_client_do(struct block_client *client, enum block_operation operation,
                              uint64_t block, uint32_t count, size_t offset)
{
    struct attachment *at = find(client);
    struct block_request request = {.block = block,
                                    .offset = offset,
                                    .count = count,
                                    .operation = operation};

    if (operation != BLOCK_READ || block + count > PAGE_BLOCKS)
        world_fail("more than the header is read");
    if (at->died && attach(at) != KERN_SUCCESS)
        return KERN_TERMINATED;
    if (!at->device->medium || client->facts.medium != at->device->media)
        return KERN_MEMORY_FAILURE;
    perform(at, &request);
    return KERN_SUCCESS;
}

/* ---- what happens ---- */

static bool is_under_way(const struct attachment *at, unsigned i)
{
    const struct block_client_request *request = &at->client->table[i];

    return at->begun[i] && request->used && !request->answered;
}

/* A read that says all is well and brings something else, or what has been done of one that failed. */
static void spoil(const struct attachment *at, const struct block_request *request)
{
    char *data = request->operation == BLOCK_WRITE ? at->device->page[request->block / PAGE_BLOCKS]
                                                   : at->client->data + request->offset;

    memset(data + world_below((uint64_t)request->count * BLOCK - 8), (int)world_below(256), 8);
}

static kern_return_t carry_out(const struct attachment *at, const struct block_request *request)
{
    const bool reads = request->operation == BLOCK_READ;
    const unsigned errors = world.calm ? 0 : reads ? world.read_errors : world.write_errors;
    const bool fails = world_below(100) < errors, lies = reads && world_below(100) < errors;

    if (!at->device->medium || at->client->facts.medium != at->device->media)
        return KERN_MEMORY_FAILURE;
    if (!fails || world_one_in(2))
        perform(at, request);
    if ((fails && request->operation != BLOCK_DISCARD && world_one_in(2)) || lies)
        spoil(at, request);
    world.errors += fails;
    world.spoiled += reads && (fails || lies);
    return fails ? KERN_FAILURE : KERN_SUCCESS;
}

static bool answer_one(void)
{
    const uint64_t from = world_below(CLIENTS * BLOCK_RING_ENTRIES);

    for (unsigned n = 0; n < CLIENTS * BLOCK_RING_ENTRIES; n++) {
        const uint64_t place = (from + n) % (CLIENTS * BLOCK_RING_ENTRIES);
        struct attachment *at = &attachments[place / BLOCK_RING_ENTRIES];
        const unsigned i = place % BLOCK_RING_ENTRIES;
        if (!at->client || at->died || !is_under_way(at, i))
            continue;
        struct block_client_request *request = &at->client->table[i];
        request->result = carry_out(at, &request->request);
        request->answered = true;
        return true;
    }
    return false;
}

/* It has done what it was asked for, or not, and tells nobody. */
static void end_driver(struct device *device)
{
    for (unsigned n = 0; n < CLIENTS; n++) {
        struct attachment *at = &attachments[n];
        if (!at->client || at->device != device)
            continue;
        for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++)
            if (!at->died && is_under_way(at, i) && world_one_in(2))
                perform(at, &at->client->table[i].request);
        at->died = true;
    }
    device->driver = false;
}

static bool repair(struct device *device)
{
    const bool does = !device->driver || !device->medium;

    device->drivers += !device->driver;
    device->media += !device->medium;
    device->driver = device->medium = true;
    return does;
}

static bool vanish(struct device *device)
{
    world.vanished++;
    if (world_one_in(2))
        end_driver(device);
    else
        device->medium = false;
    return true;
}

bool devices_event(bool must, bool *completed)
{
    struct device *device = &devices[world_below(WORLD_DEVICES)];

    if (!world.calm && world.vanish && world_one_in(must ? 40 : 400))
        return vanish(device);
    if (world_one_in(must ? 8 : 30) && repair(device))
        return true;
    if (!must && world_one_in(2))
        return false;
    if (answer_one()) {
        *completed = true;
        return true;
    }
    for (unsigned i = 0; i < WORLD_DEVICES && must; i++)
        if (repair(&devices[i]))
            return true;
    return false;
}

uint32_t devices_dead_name(void)
{
    for (unsigned n = 0; n < CLIENTS; n++) {
        struct attachment *at = &attachments[n];
        if (!at->client || !at->died || at->told || !at->client->listens)
            continue;
        at->told = true;
        return at->client->queue;
    }
    return 0;
}

void devices_let_go(void)
{
    for (unsigned n = 0; n < CLIENTS; n++) {
        struct attachment *at = &attachments[n];
        if (!at->client)
            continue;
        for (unsigned i = 0; i < BLOCK_RING_ENTRIES; i++)
            if (!at->died && is_under_way(at, i) && world_one_in(2))
                perform(at, &at->client->table[i].request);
        free(at->client->data);
        at->client = NULL;
    }
}

void devices_repair(void)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        (void)repair(&devices[i]);
}

/* ---- all of them ---- */

void devices_begin(void)
{
    uint8_t uuid[SWAP_UUID] = {0};

    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        devices[i] = (struct device){.driver = true, .medium = true, .media = 1};
        devices[i].page = calloc(WORLD_SLOTS + 1, WORLD_PAGE);
        uuid[0] = (uint8_t)(i + 1);
        if (!swap_header_make(devices[i].page[0], (uint64_t)(WORLD_SLOTS + 1) * WORLD_PAGE, uuid,
                              "together"))
            world_fail("no header");
    }
}

void devices_end(void)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        free(devices[i].page);
}
