/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device as it should be: setting up, facts, requests of all kinds and sizes, changes of its size.
 */
#include "../../check.h"
#include "world.h"

static struct world world;

static void test_work(uint32_t version, uint32_t queue_max, unsigned spread)
{
    world_make(&world, version);
    world.sim.queue_max = queue_max;
    world.spread = spread;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK_EQ(world.sim.resets, 1);
    CHECK_EQ(world.sim.status, version == 2 ? 0xf : 7);
    CHECK(world_work(&world, 3000));
    world_verify(&world);
    world_check_idle(&world);
    CHECK_EQ(world.failed, 0);
    CHECK_EQ(world.blk.counts.resets + world.blk.counts.lies + world.blk.counts.errors +
                 world.blk.counts.lost_interrupts,
             0);
    world_destroy(&world);
}

/* Indices of 16 bits turn over. */
static void test_long(void)
{
    world_make(&world, 2);
    world.sim.queue_max = 8;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 140000));
    world_check_idle(&world);
    world_destroy(&world);
}

static void test_facts(void)
{
    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK_EQ(world.blk.facts.block_size, 512);
    CHECK_EQ(world.blk.facts.physical_size, 4096);
    CHECK_EQ(world.blk.facts.blocks, WORLD_SECTORS);
    CHECK_EQ(world.blk.facts.segments_max, VIRTIO_BLK_SEGMENTS);
    CHECK_EQ(world.blk.facts.blocks_max, (VIRTIO_BLK_SEGMENTS - 1) * 8);
    CHECK(world.blk.facts.volatile_cache && world.blk.facts.can_discard);
    CHECK(!world.blk.facts.read_only);
    world_destroy(&world);
}

/* The block size, segments and discards a device says it has, and what is made of it. */
static const struct {
    uint32_t block_size, segment_bytes, segments, discard_sectors, discard_ranges;
    kern_return_t kr;
    uint32_t blocks_max, expected_block_size;
    bool can_discard;
} configs[] = {
    {512, 0, 0, 4096, 1, KERN_BAD_FORMAT, 0, 0, false},
    {512, 511, 10, 4096, 1, KERN_BAD_FORMAT, 0, 0, false},
    {512, 512, 1, 4096, 1, KERN_SUCCESS, 1, 512, true},
    {512, 512, 17, 4096, 1, KERN_SUCCESS, 8, 512, true},
    {512, 4096, 5, 4096, 1, KERN_SUCCESS, 32, 512, true},
    {512, 4000, 6, 4096, 1, KERN_SUCCESS, 16, 512, true},
    {512, 65536, 3, 4096, 0, KERN_SUCCESS, 16, 512, false},
    {512, UINT32_MAX, UINT32_MAX, 100, 1, KERN_SUCCESS, 232, 512, false},
    {512, 65536, 0, UINT32_MAX, 1, KERN_SUCCESS, 1, 512, true},
    {4096, 65536, 3, 4096, 1, KERN_SUCCESS, 2, 4096, true},
    {4096, 2048, 1, 4096, 1, KERN_BAD_FORMAT, 0, 0, false},
    {4096, 2048, 2, 4096, 1, KERN_SUCCESS, 1, 4096, true},
    {0, 65536, 3, 4096, 1, KERN_SUCCESS, 16, 512, true},
    {513, 65536, 3, 4096, 1, KERN_SUCCESS, 16, 512, true},
    {256, 65536, 3, 4096, 1, KERN_SUCCESS, 16, 512, true},
    {8192, 65536, 3, 4096, 1, KERN_SUCCESS, 16, 512, true},
    {UINT32_MAX, 65536, 3, 4096, 1, KERN_SUCCESS, 16, 512, true},
};

static void test_configs(void)
{
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        world_make(&world, 1 + i % 2);
        world.sim.offered |= 1 << 1;
        sim_set_config32(&world.sim, 8, configs[i].segment_bytes);
        sim_set_config32(&world.sim, 12, configs[i].segments);
        sim_set_config32(&world.sim, 20, configs[i].block_size);
        sim_set_config32(&world.sim, 24, 0);
        sim_set_config32(&world.sim, 36, configs[i].discard_sectors);
        sim_set_config32(&world.sim, 40, configs[i].discard_ranges);
        CHECK_EQ(world_start(&world), configs[i].kr);
        if (configs[i].kr == KERN_SUCCESS) {
            CHECK_EQ(world.blk.facts.blocks_max, configs[i].blocks_max);
            CHECK_EQ(world.blk.facts.block_size, configs[i].expected_block_size);
            CHECK_EQ(world.blk.facts.can_discard, configs[i].can_discard);
        }
        if (configs[i].expected_block_size == 512 && configs[i].segments > 1) {
            world.spread = 2;
            CHECK(world_work(&world, 300));
            world_verify(&world);
            world_check_idle(&world);
        }
        world_destroy(&world);
    }
}

/* Capacity: none, odd, absurd. */
static void test_capacity(void)
{
    static const struct {
        uint64_t sectors;
        uint32_t block_size;
        kern_return_t kr;
        uint64_t blocks;
    } rows[] = {
        {0, 512, KERN_SUCCESS, 0},
        {7, 4096, KERN_SUCCESS, 0},
        {15, 4096, KERN_SUCCESS, 1},
        {UINT64_C(1) << 54, 512, KERN_SUCCESS, UINT64_C(1) << 54},
        {(UINT64_C(1) << 54) + 1, 512, KERN_BAD_FORMAT, 0},
        {UINT64_MAX, 512, KERN_BAD_FORMAT, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_make(&world, 2);
        sim_set_capacity(&world.sim, rows[i].sectors);
        sim_set_config32(&world.sim, 20, rows[i].block_size);
        CHECK_EQ(world_start(&world), rows[i].kr);
        if (rows[i].kr == KERN_SUCCESS)
            CHECK_EQ(world.blk.facts.blocks, rows[i].blocks);
        world_destroy(&world);
    }
}

/* Who is there, and what it refuses. */
static void test_identity(void)
{
    static const struct {
        uint32_t magic, version, id, queue_max;
        uint64_t offered;
        kern_return_t kr;
    } rows[] = {
        {0x74726976, 2, 2, 1024, UINT64_MAX, KERN_SUCCESS},
        {0x74726976, 1, 2, 1024, UINT64_MAX, KERN_SUCCESS},
        {0x74726976, 2, 2, 4, UINT64_C(1) << 32, KERN_SUCCESS},
        {0x74726976, 2, 2, 3, UINT64_C(1) << 32, KERN_NOT_FOUND},
        {0x74726976, 2, 2, 0, UINT64_C(1) << 32, KERN_NOT_FOUND},
        {0x74726976, 2, 2, 32768, UINT64_C(1) << 32, KERN_SUCCESS},
        {0x74726976, 2, 2, 32769, UINT64_C(1) << 32, KERN_NOT_FOUND},
        {0x74726976, 2, 2, UINT32_MAX, UINT64_C(1) << 32, KERN_NOT_FOUND},
        {0x74726976, 2, 2, 100, UINT64_C(1) << 32, KERN_SUCCESS},
        {0x74726976, 2, 2, 1024, 0, KERN_NOT_SUPPORTED},
        {0x74726976, 2, 0, 1024, UINT64_MAX, KERN_NOT_FOUND},
        {0x74726976, 2, 4, 1024, UINT64_MAX, KERN_INVALID_VALUE},
        {0x74726976, 3, 2, 1024, UINT64_MAX, KERN_NOT_SUPPORTED},
        {0x74726976, 0, 2, 1024, UINT64_MAX, KERN_NOT_SUPPORTED},
        {0, 2, 2, 1024, UINT64_MAX, KERN_NOT_SUPPORTED},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, KERN_NOT_SUPPORTED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_make(&world, 2);
        world.sim.magic = rows[i].magic;
        world.sim.version = rows[i].version;
        world.sim.id = rows[i].id;
        world.sim.queue_max = rows[i].queue_max;
        world.sim.offered = rows[i].offered;
        sim_set_config32(&world.sim, 8, 65536); /* all features are offered */
        CHECK_EQ(world_start(&world), rows[i].kr);
        if (rows[i].kr == KERN_SUCCESS && rows[i].offered != UINT64_MAX) {
            CHECK(world_work(&world, 100));
            world_check_idle(&world);
        }
        world_destroy(&world);
    }
}

static void test_restless_config(void)
{
    for (uint32_t version = 1; version <= 2; version++) {
        world_make(&world, version);
        world.sim.restless = true;
        CHECK_EQ(world_start(&world), KERN_RETRY);
        world_destroy(&world);
    }
}

static struct block_transfer transfer_of(const struct dma_segment *segments, unsigned count,
                                         bool write, uint64_t block, uint32_t blocks)
{
    return (struct block_transfer){.write = write,
                                   .block = block,
                                   .count = blocks,
                                   .segments = segments,
                                   .segment_count = count};
}

/* What is refused before the device hears of it. */
static void test_refused(void)
{
    static struct dma_segment segments[40];
    static const struct {
        uint64_t block;
        uint32_t count;
        unsigned segments;
        uint64_t length; /* of the last segment; the others have a block */
    } rows[] = {
        {WORLD_SECTORS, 1, 1, 512},
        {WORLD_SECTORS - 1, 2, 1, 1024},
        {UINT64_MAX, 1, 1, 512},
        {0, 0, 1, 0},
        {0, UINT32_MAX, 1, 512},
        {0, 1, 0, 0},
        {0, 1, 1, 511},
        {0, 1, 1, 513},
        {0, 1, 1, 0},
        {0, 2, 1, 512},
        {0, 2, 2, UINT64_MAX},
        {0, 1, 2, 512},
        {0, 31, 31, 512},
        {0, 33, 33, 512},
        {1, WORLD_SECTORS, 1, 1048576},
    };
    struct block_transfer transfer;

    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned n = 0; n < 40; n++)
            segments[n] = (struct dma_segment){WORLD_CLIENT_BUS + n * 4096, 512};
        if (rows[i].segments > 0)
            segments[rows[i].segments - 1].length = rows[i].length;
        transfer = transfer_of(segments, rows[i].segments, false, rows[i].block, rows[i].count);
        CHECK_EQ(virtio_blk_submit(&world.blk, &transfer, 1), KERN_INVALID_ARGUMENT);
    }
    CHECK_EQ(virtio_blk_discard(&world.blk, 1, WORLD_SECTORS, 1), KERN_INVALID_ARGUMENT);
    world_check_idle(&world);
    world_destroy(&world);

    world_make(&world, 2);
    world.sim.offered = UINT64_C(1) << 32 | 1 << 5;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    segments[0].length = 512;
    transfer = transfer_of(segments, 1, true, 0, 1);
    CHECK(world.blk.facts.read_only);
    CHECK_EQ(virtio_blk_submit(&world.blk, &transfer, 1), KERN_PROTECTION_FAILURE);
    CHECK_EQ(virtio_blk_discard(&world.blk, 0, 1, 1), KERN_NOT_SUPPORTED);
    CHECK_EQ(virtio_blk_flush(&world.blk, 1), KERN_SUCCESS); /* nothing to do */
    world_destroy(&world);
}

/* It is full, then it is not. */
static void test_full(void)
{
    struct dma_segment segment = {WORLD_CLIENT_BUS, 512};
    struct virtio_blk_answer answers[64];
    struct block_transfer transfer;
    unsigned count = 0, collected = 0;

    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    for (;;) {
        kern_return_t kr;

        transfer = transfer_of(&segment, 1, false, count, 1);
        kr = virtio_blk_submit(&world.blk, &transfer, count);
        if (kr != KERN_SUCCESS) {
            CHECK_EQ(kr, KERN_BUSY);
            break;
        }
        count++;
    }
    CHECK_EQ(count, VIRTIO_BLK_SLOTS);
    CHECK_EQ(world.sim.notifications, 0);
    virtio_blk_kick(&world.blk);
    virtio_blk_kick(&world.blk);
    CHECK_EQ(world.sim.notifications, 1); /* one for all */
    world.sim.now += DEVICE_SECOND / 100;
    sim_run(&world.sim);
    CHECK_EQ(virtio_blk_interrupt(&world.blk), VIRTIO_BLK_ANSWERS);
    CHECK_EQ(virtio_blk_interrupt(&world.blk), 0);
    collected = virtio_blk_collect(&world.blk, answers, 3);
    CHECK_EQ(collected, 3);
    CHECK_EQ(virtio_blk_submit(&world.blk, &transfer, 99), KERN_SUCCESS);
    collected += virtio_blk_collect(&world.blk, answers, 64);
    CHECK_EQ(collected, VIRTIO_BLK_SLOTS);
    world_destroy(&world);
}

static void test_resize(void)
{
    world_make(&world, 2);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 100));
    for (unsigned i = 0; i < 50; i++) {
        uint64_t sectors = 300 + check_below(WORLD_SECTORS - 300);

        sim_set_capacity(&world.sim, sectors);
        sim_config_changed(&world.sim);
        world.events = 0;
        CHECK(world_work(&world, 20));
        CHECK((world.events & VIRTIO_BLK_RESIZED) != 0 || world.blk.facts.blocks == sectors);
        CHECK_EQ(world.blk.facts.blocks, sectors);
    }
    CHECK(world.failed > 0); /* what lay beyond */
    sim_set_capacity(&world.sim, UINT64_MAX);
    sim_config_changed(&world.sim);
    CHECK(world_work(&world, 20)); /* nonsense: it stays as it was */
    sim_set_capacity(&world.sim, WORLD_SECTORS);
    sim_config_changed(&world.sim);
    CHECK(world_work(&world, 20));
    world_verify(&world);
    world_check_idle(&world);
    CHECK_EQ(world.blk.counts.resets, 0);
    world_destroy(&world);
}

/* A long discard is done in parts, and reads go on meanwhile. */
static void test_long_discard(void)
{
    int number;

    world_make(&world, 2);
    sim_set_config32(&world.sim, 36, 2048);
    sim_set_config32(&world.sim, 20, 512);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK_EQ(world.blk.facts.discard_blocks, 2048);
    world.blk.facts.discard_blocks = 100; /* as if it said so: such small ones are not asked */
    number = world_request(&world, REQUEST_DISCARD, 1, 1999);
    CHECK(number >= 0 && world_ask(&world, (unsigned)number));
    while (!world.requests[number].answered)
        CHECK(world_step(&world));
    world_replay(&world);
    CHECK_EQ(world.blk.counts.requests, 1);
    CHECK_EQ(world.sim.answers, 20);
    CHECK_EQ(world.sim.medium[0], 0);
    CHECK_EQ(world.sim.medium[512], 'd');
    CHECK_EQ(world.sim.medium[1999 * 512 + 511], 'd');
    CHECK_EQ(world.sim.medium[2000 * 512], 0);
    world_check_idle(&world);
    world_destroy(&world);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t version = 1; version <= 2; version++) {
        test_work(version, 1024, 2);
        test_work(version, 1024, 1);
        test_work(version, 256, 2);
        test_work(version, 64, 1);
        test_work(version, 4, 1);
    }
    test_long();
    test_facts();
    test_configs();
    test_capacity();
    test_identity();
    test_restless_config();
    test_refused();
    test_full();
    test_resize();
    test_long_discard();
    return check_end();
}
