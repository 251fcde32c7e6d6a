/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager's logic with its world simulated: a kernel with slots, whose requests are under way until they are done, and cards that answer in
 * any order, late, or with an error, and that go away. The pager is killed between any two of its steps, and its successor has the
 * tier's memory and the cards.
 *
 * What has to hold: a page is loaded as it was stored, whatever happened; no request is refused but for an error of the card; when the cards have answered
 * everything nobody waits; no two writes to one page are under way; and in the end nothing is left.
 *
 * Arguments: steps=N.
 */
#include "world.h"

static uint64_t deaths;

/* ---- lives and deaths ---- */

static void begin_life(bool fresh)
{
    memset(&world.pager, 0xcc, sizeof(world.pager));
    memset(world.own, 0xcc, tier_own_size(TIER_SIZE));
    tier_begin(&world.tier, world.state, TIER_SIZE, world.own);
    pager_begin(&world.pager, &world_calls, &world.tier, world.window, world.page);
    for (unsigned area = 0; area < AREAS; area++) {
        pager_add_area(&world.pager, area, world_first(area), AREA_SLOTS, world.memory[area],
                       fresh);
        world.pager.area[area].can_discard = true;
    }
    pager_areas_are_known(&world.pager);
    world.steps_to_death = check_below(3) == 0 ? 1 + check_below(2000) : 0;
}

/* What the pager was doing: what the cards had been asked for they have done, or will not do; stores are taken back, and who waits for pages
 * waits for the next pager. */
static void die(void)
{
    for (unsigned area = 0; area < AREAS; area++)
        for (unsigned i = 0; i < IOS; i++) {
            struct io *io = &world.card[area].io[i];
            if (io->used && check_below(2))
                world_perform(area, io);
            io->used = false;
        }
    for (unsigned area = 0; area < AREAS; area++)
        memset(world.memory[area], 0xcc, PAGER_MEMORY);
    world_take_back();
    deaths++;
}

static void step(void)
{
    const uint64_t dice = check_below(1000);
    const unsigned area = (unsigned)check_below(AREAS);
    struct io *io;

    if (dice < 200) {
        world_ask(true);
    } else if (dice < 400) {
        world_ask(false);
    } else if (dice < 500) {
        world_free();
    } else if (dice < 900) {
        if (!world.card[area].away && (io = world_pick_io(area)))
            world_answer(area, io);
    } else if (dice < 960) {
        if ((io = world_pick_io(area)))
            world_perform(area, io);
    } else if (dice < 980) {
        pager_rest(&world.pager);
    } else if (dice < 999) {
        world.card[area].away = check_below(4) == 0;
        pager_continue(&world.pager);
    } else {
        longjmp(world.death, 1);
    }
}

/* The cards answer everything: then nobody waits. */
static void settle(void)
{
    bool any = true;
    struct io *io;

    for (unsigned area = 0; area < AREAS; area++)
        world.card[area].away = false;
    pager_continue(&world.pager);
    while (any) {
        any = false;
        for (unsigned area = 0; area < AREAS; area++)
            while ((io = world_pick_io(area))) {
                world_answer(area, io);
                any = true;
            }
    }
    CHECK_EQ(pager_waiting(&world.pager), 0);
    for (unsigned i = 0; i < STORES + LOADS; i++)
        CHECK(!world.kernel.request[i].used);
    for (unsigned i = 0; i < PAGER_JOBS; i++)
        CHECK_EQ(world.pager.job[i].kind, JOB_NONE);
    for (unsigned area = 0; area < AREAS; area++)
        CHECK_EQ(world.pager.area[area].buffers, 0);
}

static void run(uint64_t steps)
{
    static volatile uint64_t done_steps, settled;
    static uint64_t wanted;

    done_steps = settled = 0;
    wanted = steps;
    if (setjmp(world.death) != 0) {
        die();
        begin_life(false);
        for (unsigned i = STORES; i < STORES + LOADS; i++) /* it may be killed in these, too */
            if (world.kernel.request[i].used)
                world_send(&world.kernel.request[i]);
    }
    while (done_steps < wanted) {
        done_steps++;
        step();
        if (done_steps / 500 != settled) {
            settled = done_steps / 500;
            settle();
        }
    }
    world.steps_to_death = 0;
    settle();
}

/* ---- the whole ---- */

static void begin_world(void)
{
    memset(&world.kernel, 0, sizeof(world.kernel));
    memset(world.state, 0, TIER_SIZE);
    for (unsigned area = 0; area < AREAS; area++)
        memset(&world.card[area].io, 0, sizeof(world.card[area].io));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (slot % (AREA_SLOTS + GAP) >= AREA_SLOTS)
            world.kernel.state[slot] = STORING; /* nobody's */
    begin_life(true);
}

/* All of it is told to the card, if that can be, but for what was told and not stored to since. */
static void end_slots(unsigned area)
{
    const uint64_t before = world.discarded[area];

    world.pager.area[area].can_discard = area != 0;
    for (uint32_t i = 0; i < AREA_SLOTS; i++)
        world.kernel.state[world_first(area) + i] = FREE;
    pager_freed(&world.pager, world_first(area), AREA_SLOTS);
    settle();
    pager_rest(&world.pager);
    settle();
    CHECK(area == 0 ? world.discarded[0] == before
                    : world.discarded[area] - before >= AREA_SLOTS - 15);
    pager_rest(&world.pager);
    settle();
}

/* Everything comes back, is free, and leaves nothing. */
static void end_world(void)
{
    world.error_percent = 0;
    world.fail_at = 0;
    for (unsigned i = 0; i < 400; i++) {
        world_ask(false);
        settle();
    }
    for (unsigned area = 0; area < AREAS; area++) {
        end_slots(area);
        CHECK(pager_end_area(&world.pager, area));
    }
    CHECK_EQ(world.tier.free_entries, world.tier.entries);
    CHECK_EQ(world.tier.free_blocks, world.tier.blocks);
}

static void test_random(uint64_t steps)
{
    static const unsigned percents[] = {0, 1, 20};

    for (unsigned i = 0; i < 3; i++) {
        begin_world();
        world.error_percent = percents[i];
        run(steps / 3);
        end_world();
    }
}

/* The n-th request to a card fails, for each n of a short life. */
static void test_each_error(void)
{
    const uint64_t seed = check_state.random;

    for (world.fail_at = 1; world.fail_at <= 150; world.fail_at++) {
        const uint64_t now = world.fail_at;
        check_state.random = seed;
        world.answers = 0;
        begin_world();
        run(700);
        end_world();
        world.fail_at = now;
    }
    world.fail_at = 0;
}

static uint64_t argument(int argc, char **argv, uint64_t otherwise)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "steps=", 6) == 0)
            return strtoull(argv[i] + 6, NULL, 0);
    return otherwise;
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    world_make();
    test_random(argument(argc, argv, 200000));
    test_each_error();
    printf(
        "%llu pages stored, %llu loaded, %llu discarded of a card, %llu errors, killed %llu times\n",
        (unsigned long long)world.stores, (unsigned long long)world.loads,
        (unsigned long long)world.discarded[1], (unsigned long long)world.errors,
        (unsigned long long)deaths);
    world_end();
    return check_end();
}
