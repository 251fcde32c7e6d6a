/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that hangs, lies, errs, forgets: each fault once, some times, always; whatever it does, each request is answered once, in
 * bounded virtual time, and no wrong byte is taken for a right one.
 */
#include "../../check.h"
#include "world.h"

static struct world world;

static const char *const names[] = {
    [SIM_HONEST] = "honest",
    [SIM_SWALLOW] = "swallow",
    [SIM_WRONG_ID] = "wrong id",
    [SIM_ODD_ID] = "odd id",
    [SIM_LARGE_ID] = "large id",
    [SIM_LONG] = "long",
    [SIM_SHORT] = "short",
    [SIM_TWICE] = "twice",
    [SIM_JUMP] = "jump",
    [SIM_BACKWARDS] = "backwards",
    [SIM_NEEDS_RESET] = "needs reset",
    [SIM_NO_STATUS] = "no status",
    [SIM_ODD_STATUS] = "odd status",
    [SIM_ERROR] = "error",
    [SIM_UNSUPPORTED] = "unsupported",
    [SIM_NO_INTERRUPT] = "no interrupt",
};

static uint64_t seconds(void)
{
    return world.sim.now / DEVICE_SECOND;
}

/* Faults that some answers have: all goes well in the end, by retries and resets, but what the device itself calls unsupported. */
static void test_passing(uint32_t version, enum sim_fault fault, uint64_t times)
{
    world_make(&world, version);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    world.sim.script =
        (struct sim_script){fault, world.sim.answers + 10, world.sim.answers + 9 + times};
    CHECK(world_work(&world, 100));
    world_verify(&world);
    world_check_idle(&world);
    if (fault != SIM_UNSUPPORTED && times == 1)
        CHECK_EQ(world.failed, world.failed_flushes); /* which are not asked for again */
    CHECK(seconds() < 120 * times + 120);
    world_destroy(&world);
}

/* Faults that all answers have: every request fails, or succeeds after looking; never an endless loop. */
static void test_lasting(uint32_t version, enum sim_fault fault)
{
    bool alive;

    world_make(&world, version);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    world.sim.script = (struct sim_script){fault, 1, UINT64_MAX};
    alive = world_work(&world, 40);
    if (alive) {
        world.sim.script = (struct sim_script){0};
        world_verify(&world);
        world_check_idle(&world);
    }
    if (fault == SIM_NO_INTERRUPT)
        CHECK(world.failed == 0 && world.blk.counts.lost_interrupts > 0);
    if (fault == SIM_ERROR)
        CHECK(world.failed > 0 && world.blk.counts.resets == 0);
    if (fault == SIM_SWALLOW || fault == SIM_NEEDS_RESET)
        CHECK(world.failed > 0 && world.blk.counts.resets > 0);
    if (seconds() > 10000) {
        printf("%s took %llu seconds\n", names[fault], (unsigned long long)seconds());
        CHECK(!"bounded");
    }
    world_destroy(&world);
}

/* A device that takes nothing any more: three time-outs, then errors. */
static void test_deaf(void)
{
    uint64_t before;

    world_make(&world, 2);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    world.sim.deaf = true;
    before = world.sim.now;
    CHECK(world_work(&world, 10));
    CHECK(world.failed >= 10);
    CHECK(world.sim.now - before >= VIRTIO_BLK_TRIES * 30 * DEVICE_SECOND);
    CHECK(world.sim.now - before <= 100 * DEVICE_SECOND);
    world.sim.deaf = false;
    CHECK(world_work(&world, 50));
    world_verify(&world);
    world_check_idle(&world);
    world_destroy(&world);
}

/* Slow, but alive: nothing is reset. */
static void test_slow(void)
{
    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    world.sim.latency = 4 * DEVICE_SECOND;
    CHECK(world_work(&world, 100));
    CHECK_EQ(world.blk.counts.resets, 0);
    world_destroy(&world);
}

/* It does not come back from a reset: the driver is to end, and what was asked is asked of the next one. */
static void test_stuck(void)
{
    uint64_t before;

    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    world.sim.deaf = world.sim.stuck = true;
    before = world.sim.now;
    CHECK(!world_work(&world, 10));
    CHECK(!world.alive);
    CHECK(world.sim.now - before < 40 * DEVICE_SECOND);
    CHECK_EQ(world.failed, 0); /* nothing was answered: the device may still touch it */
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(world_start(&world), KERN_OPERATION_TIMED_OUT);
    CHECK(world.in_quarantine);
    world.sim.deaf = world.sim.stuck = false;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(!world.in_quarantine);
    world_replay(&world);
    world_verify(&world);
    world_check_idle(&world);
    world_destroy(&world);
}

/* After the reset it is another one. */
static void test_changed(void)
{
    world_make(&world, 2);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    world.sim.script =
        (struct sim_script){SIM_NEEDS_RESET, world.sim.answers + 1, world.sim.answers + 1};
    sim_set_config32(&world.sim, 20, 4096);
    world.events = 0;
    while ((world.events & VIRTIO_BLK_CHANGED) == 0) {
        int number = world_request(&world, REQUEST_READ, check_below(1000), 1);

        if (number >= 0)
            (void)world_ask(&world, (unsigned)number);
        CHECK(world_step(&world));
    }
    CHECK_EQ(world.blk.facts.block_size, 4096);
    CHECK_EQ(world.blk.facts.blocks, WORLD_SECTORS / 8);
    world_replay(&world);
    CHECK(world.failed > 0);
    world_check_idle(&world);
    world_destroy(&world);
}

/* After the reset it is smaller, writes nothing, or has short queues and segments. */
static void test_lesser(unsigned how)
{
    world_make(&world, 2);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, 50));
    if (how == 0)
        sim_set_capacity(&world.sim, 200);
    if (how == 1)
        world.sim.offered |= 1 << 5;
    if (how == 2)
        world.sim.queue_max = 16;
    if (how == 3)
        sim_set_config32(&world.sim, 12, 1);
    world.sim.script =
        (struct sim_script){SIM_NEEDS_RESET, world.sim.answers + 1, world.sim.answers + 1};
    CHECK(world_work(&world, 50));
    CHECK_EQ(world.blk.counts.resets, 1);
    world_destroy(&world);
}

/* An interrupt line that is always active is not answered by endless work: each interrupt is told to be nobody's. */
static void test_storm(void)
{
    world_make(&world, 2);
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t before = world.sim.accesses;

        CHECK_EQ(virtio_blk_interrupt(&world.blk), 0);
        CHECK_EQ(world.sim.accesses - before, 1);
    }
    /* With configuration changes that never end, each costs a bounded number of accesses. */
    world.sim.restless = true;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t before = world.sim.accesses;

        sim_config_changed(&world.sim);
        (void)virtio_blk_interrupt(&world.blk);
        CHECK(world.sim.accesses - before < 100);
    }
    world_destroy(&world);
}

/* Random faults of all kinds, one after the other, with restarts when the driver gives up. */
static void test_mixture(uint32_t version)
{
    world_make(&world, version);
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t from = world.sim.answers + check_below(20);

        world.sim.script = (struct sim_script){(enum sim_fault)check_below(SIM_FAULTS), from,
                                               from + check_below(5)};
        if (!world_work(&world, 20)) {
            CHECK_EQ(world_start(&world), KERN_SUCCESS);
            world_replay(&world);
        }
    }
    world.sim.script = (struct sim_script){0};
    world_verify(&world);
    world_check_idle(&world);
    CHECK(world.failed < world.answered / 2);
    world_destroy(&world);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t version = 1; version <= 2; version++) {
        for (enum sim_fault fault = SIM_SWALLOW; fault < SIM_FAULTS; fault++) {
            if (version == 1 && (fault == SIM_LONG || fault == SIM_SHORT))
                continue; /* lengths are not looked at */
            test_passing(version, fault, 1);
            test_passing(version, fault, 5);
            test_lasting(version, fault);
        }
        test_mixture(version);
    }
    test_deaf();
    test_slow();
    test_stuck();
    test_changed();
    for (unsigned how = 0; how < 4; how++)
        test_lesser(how);
    test_storm();
    return check_end();
}
