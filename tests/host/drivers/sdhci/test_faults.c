/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands, blocks and register reads of a run fail once, a few times, and for good; each in every way that the simulation knows. Once:
 * every one of them; else one of three at random, and with WHARF_ALL=1 every one. Whatever happens: calls end within their time, an error is one of those that sd.h names, what was said to be
 * written can be read, and when the fault is gone the slot works again. A fault that comes once is not seen by the caller.
 */
#include "sim.h"

static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                 &sdhci_kind_arasan};

/* A hundred commands fail, each after its own time-out: no call may take longer than this. */
#define CALL_LIMIT (60 * DEVICE_SECOND)

enum { STEPS = 5 };
static const struct step {
    bool write;
    uint64_t block;
    uint32_t count;
} steps[STEPS] = {
    {true, 100, 24}, {false, 100, 24}, {true, 130, 1}, {false, 130, 1}, {true, 200, 9}};

struct outcome {
    kern_return_t start;
    kern_return_t step[STEPS];
    kern_return_t flush;
    bool all_good;
};

static void check_error(kern_return_t kr)
{
    CHECK(kr == KERN_SUCCESS || kr == KERN_MEMORY_ERROR || kr == KERN_MEMORY_FAILURE ||
          kr == KERN_PROTECTION_FAILURE || kr == KERN_INVALID_ARGUMENT);
}

static kern_return_t run_step(struct world *world, unsigned i, uint64_t generation)
{
    const struct step *s = &steps[i];
    uint64_t before = world->sim.now;
    kern_return_t kr;

    for (uint32_t b = 0; b < s->count; b++)
        block_fill(world_memory(world) + (size_t)b * CARD_BLOCK, s->block + b,
                   s->write ? generation : 0);
    kr = world_move(world, s->write, s->block, s->count, 4096, false);
    CHECK(world->sim.now - before < CALL_LIMIT);
    check_error(kr);
    return kr;
}

/* What was written has to be there: in the card, and in what is read. */
static void run(struct world *world, struct outcome *o)
{
    uint64_t before = world->sim.now;

    o->start = world_start(world);
    CHECK(world->sim.now - before < CALL_LIMIT);
    CHECK(o->start == KERN_SUCCESS || o->start == KERN_FAILURE || o->start == KERN_NOT_SUPPORTED);
    o->all_good = o->start == KERN_SUCCESS;
    if (o->start != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < STEPS; i++) {
        const struct step *s = &steps[i];

        o->step[i] = run_step(world, i, 5);
        o->all_good = o->all_good && o->step[i] == KERN_SUCCESS;
        for (uint32_t b = 0; b < s->count && o->step[i] == KERN_SUCCESS; b++) {
            if (s->write)
                CHECK(block_is(sim_card_content(&world->sim.card, s->block + b), s->block + b, 5));
            else if (i > 0 && o->step[i - 1] == KERN_SUCCESS)
                CHECK(block_is(world_memory(world) + (size_t)b * CARD_BLOCK, s->block + b, 5));
        }
    }
    o->flush = sd_flush(&world->sd);
    check_error(o->flush);
    o->all_good = o->all_good && o->flush == KERN_SUCCESS;
}

/* The fault is gone: a driver that could not be started is started again, a slot that gave up looks again. */
static void recover(struct world *world, const struct outcome *o)
{
    struct sim *sim = &world->sim;

    memset(&sim->faults, 0, sizeof(sim->faults));
    sim->card.present = sim->card.powered = true;
    if (o->start != KERN_SUCCESS)
        CHECK_EQ(world_start(world), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        sim_run(sim, sim->now + 5 * DEVICE_SECOND);
        (void)sd_check_medium(&world->sd);
    }
    CHECK_EQ(world->sd.state, SD_MEDIUM_READY);
    world_write(world, 40, 16, 77);
    world_check(world, 40, 16, 77);
    CHECK_EQ(sim->card.torn, 0);
}

static void with_pio(struct world *world, bool pio)
{
    world->config.no_dma = pio;
}

/* ---- Commands and blocks ---- */

static bool once_is_harmless(enum sim_fault fault)
{
    return fault != FAULT_REMOVE;
}

static bool try_fault(const struct sdhci_kind *kind, bool pio, enum sim_fault fault, uint64_t at,
                      uint64_t times)
{
    struct world world;
    struct outcome o;
    bool hit;

    world_case("%s%s: %s at %llu, %llu times", kind->name, pio ? " by PIO" : "",
               sim_fault_name(fault), (unsigned long long)at, (unsigned long long)times);
    world_make(&world, kind, at % 2 == 0, 1024);
    with_pio(&world, pio);
    world.sim.faults = (struct sim_faults){.fault = fault, .at = at, .times = times};
    run(&world, &o);
    hit = world.sim.fault_hits > 0;
    if (times == 1 && once_is_harmless(fault))
        CHECK(o.all_good);
    recover(&world, &o);
    return hit;
}

static uint64_t step(uint64_t times)
{
    return times == 1 || getenv("WHARF_ALL") != NULL ? 1 : 1 + check_below(5);
}

static void test_commands_and_blocks(void)
{
    static const uint64_t times[] = {1, 2, 5, SIM_NEVER};

    for (unsigned k = 0; k < 4; k++)
        for (enum sim_fault fault = FAULT_NO_RESPONSE; fault < FAULT_KINDS; fault++)
            for (unsigned t = 0; t < 4; t++) {
                uint64_t at = 1;

                while (try_fault(kinds[k % 3], k == 3, fault, at, times[t]))
                    at += step(times[t]);
                CHECK(at > 1 || (fault == FAULT_ADMA && k >= 2));
            }
}

/* ---- Register reads ---- */

static void test_reads(void)
{
    static const uint32_t values[] = {UINT32_MAX, 0};
    uint64_t tried = 0;

    for (unsigned k = 0; k < 3; k++)
        for (unsigned v = 0; v < 2; v++)
            for (uint64_t times = 1; times != 0; times = times == 1   ? 4
                                                         : times == 4 ? SIM_NEVER
                                                                      : 0)
                for (uint64_t at = 1;; at += step(times)) {
                    struct world world;
                    struct outcome o;
                    bool hit;

                    world_case("%s: register read %llu is %x, %llu times", kinds[k]->name,
                               (unsigned long long)at, values[v], (unsigned long long)times);
                    world_make(&world, kinds[k], true, 1024);
                    world.sim.faults = (struct sim_faults){.read_at = at,
                                                           .read_times = times,
                                                           .read_value = values[v]};
                    run(&world, &o);
                    hit = world.sim.fault_hits > 0;
                    recover(&world, &o);
                    tried++;
                    if (!hit)
                        break;
                }
    CHECK(tried > 1000);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_commands_and_blocks();
    test_reads();
    return world_end();
}
