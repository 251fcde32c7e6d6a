/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For all n: the n-th access to the device is the one at which something happens. It vanishes for good; for a while, and is as after
 * power-on then; one read gives all ones; the driver is killed, and a new one finds the device live. Virtual time is bounded, and in
 * the end every block is what it should be.
 */
#include "../../check.h"
#include "world.h"

static struct world world;

enum { REQUESTS = 12, FIRST_REQUESTS = 20 };

/* Restart until it works, and ask again for what was not answered. */
static void go_on(void)
{
    for (unsigned i = 0; i < 15; i++) {
        if (world_start(&world) == KERN_SUCCESS) {
            CHECK(!world.in_quarantine);
            world_replay(&world);
            if (world.alive)
                return;
        }
    }
    CHECK(!"a device that is well again can be started");
}

static void begin(uint32_t version)
{
    world_make(&world, version);
    world.sim.queue_max = 64;
    world.tolerant = true;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world_work(&world, FIRST_REQUESTS));
    CHECK_EQ(world.failed, 0);
}

static void end(void)
{
    world_verify(&world);
    world_check_idle(&world);
    CHECK(!world.in_quarantine);
    world_destroy(&world);
}

/* A driver's life: started while the last one's requests are out, work. False: it died. */
static bool session(void)
{
    if (world_start(&world) != KERN_SUCCESS)
        return false;
    world_replay(&world);
    return world.alive && world_work(&world, REQUESTS);
}

/* Requests are out when the driver goes. */
static void leave_requests_out(void)
{
    for (uint64_t i = 0; i < 6; i++) {
        int number = world_request(&world, i % 2 == 0 ? REQUEST_WRITE : REQUEST_READ, 100 * i, 5);

        CHECK(number >= 0 && world_ask(&world, (unsigned)number));
    }
    virtio_blk_kick(&world.blk);
}

static uint64_t accesses_of_session(uint32_t version)
{
    uint64_t before;

    begin(version);
    leave_requests_out();
    before = world.sim.accesses;
    CHECK(session());
    before = world.sim.accesses - before;
    end();
    return before;
}

static void test_vanish(uint32_t version, uint64_t n)
{
    uint64_t before;

    begin(version);
    leave_requests_out();
    before = world.sim.now;
    world.sim.gone_from = world.sim.accesses + n;
    world.sim.gone_to = UINT64_MAX;
    CHECK(!session() || world.sim.accesses <
                            world.sim.gone_from + 2); /* it needed fewer, or just noted nothing */
    CHECK(world.sim.now - before < 300 * DEVICE_SECOND);
    world.sim.gone_to = world.sim.accesses + 1; /* it is back */
    go_on();
    end();
}

static void test_power(uint32_t version, uint64_t n)
{
    uint64_t before;

    begin(version);
    leave_requests_out();
    before = world.sim.now;
    world.sim.gone_from = world.sim.accesses + n;
    world.sim.gone_to = world.sim.gone_from + 1 + check_below(20);
    if (!session())
        go_on();
    CHECK(world.sim.now - before < 300 * DEVICE_SECOND);
    end();
}

static void test_glitch(uint32_t version, uint64_t n)
{
    uint64_t before;

    begin(version);
    leave_requests_out();
    before = world.sim.now;
    world.sim.glitch_at = world.sim.accesses + n;
    if (!session())
        go_on();
    CHECK(world.sim.now - before < 300 * DEVICE_SECOND);
    if (world.blk.facts.blocks_max < 16) /* what it was read as then */
        go_on();
    end();
}

static void test_kill(uint32_t version, uint64_t n)
{
    begin(version);
    leave_requests_out();
    world.sim.kill_at = world.sim.accesses + n;
    if (setjmp(world.sim.killed) == 0) {
        CHECK(session());
    } else {
        world.sim.kill_at = SIM_NEVER;
        go_on();
    }
    end();
}

/* Killed again and again, while it is started, too. */
static void test_many_kills(uint32_t version)
{
    volatile unsigned kills = 0;

    begin(version);
    while (kills < 100) {
        world.sim.kill_at = world.sim.accesses + 1 + check_below(60);
        if (setjmp(world.sim.killed) == 0) {
            if (session())
                (void)world_work(&world, 5);
        } else {
            kills++;
        }
    }
    world.sim.kill_at = SIM_NEVER;
    go_on();
    CHECK_EQ(world.failed, 0);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (uint32_t version = 1; version <= 2; version++) {
        uint64_t count = accesses_of_session(version);

        for (uint64_t n = 1; n <= count; n++) {
            test_vanish(version, n);
            test_power(version, n);
            test_glitch(version, n);
            test_kill(version, n);
        }
        test_many_kills(version);
        printf("version %u: %llu accesses\n", version, (unsigned long long)count);
    }
    return check_end();
}
