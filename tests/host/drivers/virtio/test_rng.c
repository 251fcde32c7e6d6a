/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source of random numbers: honest, short, silent, lying, constant, vanishing.
 */
#include <virtio_rng.h>

#include "../../check.h"
#include "world.h"

static struct world world; /* for its clock and log alone */
static struct virtio_rng rng;
static unsigned quiet;

static kern_return_t quiesced(void *context)
{
    CHECK(context == &world && world.sim.status == 0);
    quiet++;
    return KERN_SUCCESS;
}

static kern_return_t start(void)
{
    struct registers registers = {.device = &world.sim.device};
    struct virtio_rng_start config = {.environment = &world.environment,
                                      .registers = &registers,
                                      .quiesced = quiesced,
                                      .context = &world};

    config.memory = (struct dma_memory){world.memory, world.memory_bus, VIRTIO_RNG_MEMORY};
    return virtio_rng_start(&rng, &config);
}

static void make(uint32_t version)
{
    world_make(&world, version);
    sim_destroy(&world.sim);
    sim_make_rng(&world.sim, version);
    world.memory = aligned_alloc(4096, VIRTIO_RNG_MEMORY);
    CHECK(world.memory != NULL);
    memset(world.memory, 0x33, VIRTIO_RNG_MEMORY);
    sim_give(&world.sim, (struct sim_arena){world.memory_bus, world.memory, VIRTIO_RNG_MEMORY});
}

static void check_wiped(void)
{
    for (size_t i = VIRTIO_RNG_MEMORY - 4096; i < VIRTIO_RNG_MEMORY - 4096 + VIRTIO_RNG_BYTES; i++)
        CHECK_EQ(world.memory[i], 0);
}

static void test_honest(uint32_t version)
{
    uint8_t bytes[VIRTIO_RNG_BYTES + 1];
    uint32_t count;

    make(version);
    CHECK_EQ(start(), KERN_SUCCESS);
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t wanted = 1 + (uint32_t)check_below(VIRTIO_RNG_BYTES);

        memset(bytes, 0xee, sizeof(bytes));
        CHECK_EQ(virtio_rng_read(&rng, bytes, wanted, &count), KERN_SUCCESS);
        CHECK(count >= 1 && count <= wanted && bytes[wanted] == 0xee);
        check_wiped();
    }
    CHECK_EQ(rng.resets, 0);
    CHECK_EQ(virtio_rng_read(&rng, bytes, 0, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQ(virtio_rng_read(&rng, bytes, VIRTIO_RNG_BYTES + 1, &count), KERN_INVALID_ARGUMENT);
    world_destroy(&world);
}

static const enum sim_fault lasting[] = {
    SIM_SWALLOW,   SIM_WRONG_ID, SIM_ODD_ID,      SIM_LARGE_ID,     SIM_LONG,
    SIM_SHORT,     SIM_TWICE,    SIM_JUMP,        SIM_BACKWARDS,    SIM_NEEDS_RESET,
    SIM_NO_STATUS, SIM_ERROR,    SIM_UNSUPPORTED, SIM_NO_INTERRUPT,
};

static void test_fault(uint32_t version, enum sim_fault fault, uint64_t times)
{
    uint8_t bytes[VIRTIO_RNG_BYTES];
    uint32_t count;
    uint64_t before;

    make(version);
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(virtio_rng_read(&rng, bytes, 64, &count), KERN_SUCCESS);
    world.sim.script = (struct sim_script){fault, world.sim.answers + 1, world.sim.answers + times};
    for (unsigned i = 0; i < 8; i++) {
        kern_return_t kr;

        before = world.sim.now;
        kr = virtio_rng_read(&rng, bytes, 256, &count);
        CHECK(kr == KERN_SUCCESS || kr == KERN_MEMORY_FAILURE);
        CHECK(kr != KERN_SUCCESS || (count >= 1 && count <= 256));
        CHECK(world.sim.now - before < 10 * DEVICE_SECOND);
        if (fault == SIM_SWALLOW && times > 100)
            CHECK_EQ(kr, KERN_MEMORY_FAILURE);
    }
    world.sim.script = (struct sim_script){0};
    (void)virtio_rng_read(&rng, bytes, 256, &count);
    CHECK_EQ(virtio_rng_read(&rng, bytes, 256, &count), KERN_SUCCESS);
    world_destroy(&world);
}

/* Always the same, always zeros: not random. */
static void test_constant(enum sim_fault fault)
{
    uint8_t bytes[VIRTIO_RNG_BYTES];
    unsigned refused = 0, long_answers = 0;
    uint32_t count = 0;

    make(2);
    CHECK_EQ(start(), KERN_SUCCESS);
    world.sim.script = (struct sim_script){fault, 1, UINT64_MAX};
    for (unsigned i = 0; i < 400; i++) {
        kern_return_t kr = virtio_rng_read(&rng, bytes, 20, &count);

        refused += kr == KERN_MEMORY_FAILURE;
        long_answers += kr == KERN_SUCCESS && count >= 16;
    }
    CHECK(refused > 0);
    CHECK(fault != SIM_ERROR || long_answers == 0);
    world_destroy(&world);
}

/* It vanishes at any access, comes back, and a new driver starts. */
static void test_vanish(uint32_t version)
{
    for (uint64_t n = 1; n < 80; n++) {
        uint8_t bytes[VIRTIO_RNG_BYTES];
        uint32_t count;
        uint64_t before;
        kern_return_t kr;

        make(version);
        world.sim.gone_from = n;
        world.sim.gone_to = UINT64_MAX;
        before = world.sim.now;
        kr = start();
        for (unsigned i = 0; i < 10 && kr == KERN_SUCCESS; i++)
            kr = virtio_rng_read(&rng, bytes, 32, &count);
        CHECK(world.sim.now - before < 20 * DEVICE_SECOND);
        CHECK(kr != KERN_SUCCESS || world.sim.accesses < n + 2);
        world.sim.gone_to = world.sim.accesses + 1;
        if (world.sim.accesses < n)
            world.sim.gone_from = world.sim.gone_to = SIM_NEVER;
        CHECK_EQ(start(), KERN_SUCCESS);
        CHECK_EQ(virtio_rng_read(&rng, bytes, 32, &count), KERN_SUCCESS);
        world_destroy(&world);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t version = 1; version <= 2; version++) {
        test_honest(version);
        for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
            test_fault(version, lasting[i], 1);
            test_fault(version, lasting[i], UINT32_MAX);
        }
        test_vanish(version);
    }
    test_constant(SIM_ERROR);
    test_constant(SIM_UNSUPPORTED);
    CHECK(quiet > 0);
    return check_end();
}
