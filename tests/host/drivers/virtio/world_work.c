/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients, whose blocks describe themselves (world.h).
 */
#include "../../check.h"
#include "world.h"

enum { SECTOR = 512, PAGE = 4096 };

struct content {
    uint64_t block;
    uint32_t generation;
    uint32_t sum;
    uint8_t filler[SECTOR - 16];
};
_Static_assert(sizeof(struct content) == SECTOR);

static uint32_t sum_of(const struct content *content)
{
    uint32_t sum = (uint32_t)content->block * 31 + content->generation;

    for (size_t i = 0; i < sizeof(content->filler); i++)
        sum = sum * 33 + content->filler[i];
    return sum;
}

/* Where byte `offset` of buffer `number` is. */
static size_t buffer_offset(const struct world *world, unsigned number, size_t offset)
{
    size_t page = (size_t)number * WORLD_BUFFER_PAGES * 2 + offset / PAGE * world->spread;

    return page * PAGE + offset % PAGE;
}

static void write_content(struct world *world, unsigned number, const struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        struct content content = {.block = request->block + i, .generation = request->generation};

        for (size_t n = 0; n < sizeof(content.filler); n++)
            content.filler[n] = (uint8_t)(content.block + content.generation * 7 + n);
        content.sum = sum_of(&content);
        memcpy(world->client + buffer_offset(world, number, (size_t)i * SECTOR), &content, SECTOR);
    }
}

static void check_content(struct world *world, unsigned number, const struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        uint32_t expected = world->expected[request->block + i];
        struct content content;

        memcpy(&content, world->client + buffer_offset(world, number, (size_t)i * SECTOR), SECTOR);
        if (expected == UINT32_MAX)
            continue;
        if (expected == 0) {
            CHECK_EQ(content.block, 0);
            CHECK_EQ(content.generation, 0);
            continue;
        }
        CHECK_EQ(content.block, request->block + i);
        CHECK_EQ(content.generation, expected);
        CHECK_EQ(content.sum, sum_of(&content));
    }
}

static bool is_touched(const struct world *world, uint64_t block, uint32_t count)
{
    for (unsigned i = 0; i < WORLD_BUFFERS; i++) {
        const struct request *r = &world->requests[i];

        if (r->used && r->kind != REQUEST_FLUSH && block < r->block + r->count &&
            r->block < block + count)
            return true;
    }
    return false;
}

int world_request(struct world *world, enum request_kind kind, uint64_t block, uint32_t count)
{
    if (kind != REQUEST_FLUSH && is_touched(world, block, count))
        return -1;
    for (unsigned i = 0; i < WORLD_BUFFERS; i++) {
        struct request *request = &world->requests[i];

        if (request->used)
            continue;
        *request = (struct request){.used = true,
                                    .kind = kind,
                                    .block = block,
                                    .count = count,
                                    .generation = ++world->generation};
        if (kind == REQUEST_WRITE)
            write_content(world, i, request);
        return (int)i;
    }
    return -1;
}

static kern_return_t submit_data(struct world *world, unsigned number, uint64_t cookie)
{
    const struct request *request = &world->requests[number];
    struct dma_segment segments[WORLD_BUFFER_PAGES];
    struct block_transfer transfer = {.write = request->kind == REQUEST_WRITE,
                                      .block = request->block,
                                      .count = request->count,
                                      .segments = segments};
    size_t bytes = (size_t)request->count * SECTOR;

    for (size_t at = 0; at < bytes;) {
        size_t piece = world->spread == 1 ? bytes : PAGE;

        if (piece > bytes - at)
            piece = bytes - at;
        segments[transfer.segment_count++] =
            (struct dma_segment){WORLD_CLIENT_BUS + buffer_offset(world, number, at), piece};
        at += piece;
    }
    return virtio_blk_submit(&world->blk, &transfer, cookie);
}

bool world_ask(struct world *world, unsigned number)
{
    struct request *request = &world->requests[number];
    uint64_t cookie = number + WORLD_BUFFERS * (100 + check_below(30));
    kern_return_t kr;

    if (!world->alive)
        return false;
    if (request->kind == REQUEST_FLUSH)
        kr = virtio_blk_flush(&world->blk, cookie);
    else if (request->kind == REQUEST_DISCARD)
        kr = virtio_blk_discard(&world->blk, request->block, request->count, cookie);
    else
        kr = submit_data(world, number, cookie);
    if (kr == KERN_BUSY)
        return false;
    request->submitted = true;
    if (kr != KERN_SUCCESS) {
        CHECK(world->tolerant);
        request->answered = true;
        request->result = kr;
    }
    return true;
}

/* What an answered request says about the disk, compared or noted; its place is free then. */
static void finish(struct world *world, unsigned number)
{
    struct request *request = &world->requests[number];

    if (request->result != KERN_SUCCESS) {
        CHECK(world->tolerant);
        CHECK(request->result == KERN_MEMORY_ERROR || request->result == KERN_MEMORY_FAILURE ||
              request->result == KERN_NOT_SUPPORTED || request->result == KERN_INVALID_ARGUMENT ||
              request->result == KERN_PROTECTION_FAILURE);
        world->failed++;
        world->failed_flushes += request->kind == REQUEST_FLUSH;
    }
    for (uint32_t i = 0; i < request->count && request->kind != REQUEST_FLUSH; i++) {
        uint32_t *expected = &world->expected[request->block + i];

        if (request->kind == REQUEST_DISCARD)
            *expected = UINT32_MAX;
        else if (request->kind == REQUEST_WRITE)
            *expected = request->result == KERN_SUCCESS ? request->generation : UINT32_MAX;
    }
    if (request->kind == REQUEST_READ && request->result == KERN_SUCCESS)
        check_content(world, number, request);
    *request = (struct request){0};
}

static unsigned finish_all(struct world *world)
{
    unsigned left = 0;

    for (unsigned i = 0; i < WORLD_BUFFERS; i++) {
        if (world->requests[i].used && world->requests[i].answered)
            finish(world, i);
        left += world->requests[i].used;
    }
    return left;
}

static void make_request(struct world *world)
{
    unsigned kind = (unsigned)check_below(20);
    uint32_t most = world->blk.facts.blocks_max < WORLD_BUFFER_PAGES * 8 - 8
                        ? world->blk.facts.blocks_max
                        : WORLD_BUFFER_PAGES * 8 - 8;
    uint32_t count = 1 + (uint32_t)check_below(check_below(4) == 0 ? most : 8);
    uint64_t block = check_below(WORLD_SECTORS - count);
    int number;

    if (kind == 0)
        number = world_request(world, REQUEST_FLUSH, 0, 0);
    else if (kind == 1 && world->blk.facts.can_discard)
        number = world_request(world, REQUEST_DISCARD, block, count);
    else
        number = world_request(world, kind < 11 ? REQUEST_READ : REQUEST_WRITE, block, count);
    (void)number;
}

static void ask_all(struct world *world)
{
    for (unsigned i = 0; i < WORLD_BUFFERS; i++)
        if (world->requests[i].used && !world->requests[i].submitted && !world_ask(world, i))
            break;
}

bool world_work(struct world *world, unsigned count)
{
    uint64_t goal = world->answered + count;
    unsigned left;

    do {
        for (unsigned i = 0; world->answered < goal && i < 4; i++)
            make_request(world);
        ask_all(world);
        world_step(world);
        left = finish_all(world);
    } while (world->alive && (world->answered < goal || left > 0));
    return world->alive;
}

void world_replay(struct world *world)
{
    for (unsigned i = 0; i < WORLD_BUFFERS; i++)
        if (!world->requests[i].answered)
            world->requests[i].submitted = false;
    while (finish_all(world) > 0 && world->alive) {
        ask_all(world);
        world_step(world);
    }
}

void world_verify(struct world *world)
{
    for (uint64_t block = 0; block < WORLD_SECTORS; block += 16) {
        int number = world_request(world, REQUEST_READ, block, 16);

        CHECK(number >= 0);
        while (!world_ask(world, (unsigned)number)) {
            CHECK(world->alive);
            world_step(world);
        }
        while (finish_all(world) > 0)
            CHECK(world_step(world));
    }
}

void world_check_idle(const struct world *world)
{
    for (unsigned i = 0; i < WORLD_BUFFERS; i++)
        CHECK(!world->requests[i].used);
    CHECK_EQ(world->blk.busy, 0);
    CHECK_EQ(world->blk.done, 0);
    CHECK_EQ(world->blk.queue.out, 0);
    CHECK_EQ(world->blk.queue.out_count, 0);
    CHECK_EQ(virtio_blk_deadline(&world->blk), UINT64_MAX);
}
