/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver on the simulated controller, and blocks that say which they are (sim.h). */
#include <stdarg.h>

#include "sim.h"

enum {
    TABLE = 16384,
    HALF = SIM_MEMORY / 2,
};

static char what[200];

static void tell_case(void)
{
    if (what[0] != 0)
        fprintf(stderr, "  case: %s\n", what);
}

void world_case(const char *format, ...)
{
    va_list arguments;

    if (what[0] == 0)
        (void)atexit(tell_case);
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
}

int world_end(void)
{
    what[0] = 0;
    return check_end();
}

static void quiesced(void *context)
{
    struct world *world = context;
    struct sim *sim = &world->sim;

    CHECK(!sim->c.data && sim->c.command_at == SIM_NEVER);
    sim->quiesced = true;
    sim->granted_from = SIM_BUS + world->half * HALF;
    sim->granted_to = sim->granted_from + HALF;
}

static kern_return_t card_power(void *context, bool on)
{
    struct world *world = context;

    world->sim.power_cycles += !on;
    sim_card_power(&world->sim.card, world->sim.now, on);
    return KERN_SUCCESS;
}

static kern_return_t lines_3_3(void *context)
{
    (void)context;
    return KERN_SUCCESS;
}

void world_make(struct world *world, const struct sdhci_kind *kind, bool high_capacity,
                uint64_t blocks)
{
    static struct sd_supplies supplies;

    memset(world, 0, sizeof(*world));
    sim_make(&world->sim, kind);
    sim_card_make(&world->sim.card, high_capacity, blocks);
    if (kind == &sdhci_kind_emmc2) {
        world->sim.c.caps = 0x45ee6432;
        world->sim.c.version = 2;
    } else if (kind == &sdhci_kind_arasan) {
        world->sim.c.caps = 0;
        world->sim.c.version = 2;
    }
    world->sim.c.pins_tell = kind->card_detect;
    supplies = (struct sd_supplies){world, card_power, lines_3_3, NULL};
    world->config = (struct sd_config){
        .kind = kind,
        .registers = {&world->sim.device, 0},
        .line = SIM_NEVER_LINE,
        .supplies = &supplies,
        .quiesced = quiesced,
        .context = world,
    };
}

kern_return_t world_start(struct world *world)
{
    world->half ^= 1;
    world->config.table = (struct dma_memory){.at = world->sim.memory + (size_t)world->half * HALF,
                                              .bus = SIM_BUS + world->half * HALF,
                                              .size = TABLE};
    world->sim.quiesced = false;
    return sd_start(&world->sd, &world->config, &world->sim.environment);
}

uint8_t *world_memory(struct world *world)
{
    return world->sim.memory + (size_t)world->half * HALF + TABLE;
}

kern_return_t world_move(struct world *world, bool write, uint64_t block, uint32_t count,
                         uint32_t piece, bool scattered)
{
    static struct dma_segment segments[HALF / CARD_BLOCK];
    uint64_t bytes = (uint64_t)count * CARD_BLOCK, at = 0;
    uint64_t bus = SIM_BUS + world->half * HALF + TABLE;
    struct block_transfer t = {.write = write,
                               .block = block,
                               .count = count,
                               .segments = segments};

    CHECK(TABLE + bytes <= HALF);
    while (at < bytes) {
        uint64_t length = bytes - at < piece ? bytes - at : piece;

        segments[t.segment_count++] = (struct dma_segment){bus + at, length};
        at += length;
    }
    if (scattered) { /* the last memory first: data then lies backwards, piece by piece */
        CHECK(bytes % piece == 0);
        for (unsigned i = 0; i < t.segment_count / 2; i++) {
            struct dma_segment s = segments[i];

            segments[i] = segments[t.segment_count - 1 - i];
            segments[t.segment_count - 1 - i] = s;
        }
    } else {
        t.at = world_memory(world);
    }
    return sd_transfer(&world->sd, &t);
}

/* ---- Blocks ---- */

static uint64_t sum(const uint64_t *words, unsigned count)
{
    uint64_t total = 0x5d;

    for (unsigned i = 0; i < count; i++)
        total = (total ^ words[i]) * UINT64_C(0x100000001b3);
    return total;
}

void block_fill(uint8_t *at, uint64_t block, uint64_t generation)
{
    uint64_t words[CARD_BLOCK / 8];
    unsigned last = CARD_BLOCK / 8 - 1;

    words[0] = block;
    words[1] = generation;
    for (unsigned i = 2; i < last; i++)
        words[i] = (block * 64 + i) * UINT64_C(0x9e3779b97f4a7c15) + generation;
    words[last] = sum(words, last);
    memcpy(at, words, CARD_BLOCK);
}

bool block_is(const uint8_t *at, uint64_t block, uint64_t generation)
{
    uint8_t expected[CARD_BLOCK];

    block_fill(expected, block, generation);
    return memcmp(expected, at, CARD_BLOCK) == 0;
}

void world_write(struct world *world, uint64_t block, uint32_t count, uint64_t generation)
{
    for (uint32_t i = 0; i < count; i++)
        block_fill(world_memory(world) + (size_t)i * CARD_BLOCK, block + i, generation);
    CHECK_EQ(world_move(world, true, block, count, 4096, false), KERN_SUCCESS);
}

void world_check(struct world *world, uint64_t block, uint32_t count, uint64_t generation)
{
    memset(world_memory(world), 0xdd, (size_t)count * CARD_BLOCK);
    CHECK_EQ(world_move(world, false, block, count, 4096, false), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        CHECK(block_is(world_memory(world) + (size_t)i * CARD_BLOCK, block + i, generation));
}
