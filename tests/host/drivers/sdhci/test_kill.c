/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver dies at each of its accesses to the controller, and the next one is started on what it finds: a controller in the
 * middle of a transfer, DMA under way into memory of the dead, a card that programs, that receives, that has a cache. The new one
 * has to start, no block that was said to be written may be lost, and none be torn; memory of the dead is safe once the new driver
 * has said "quiesced" (world.c checks every access of DMA).
 */
#include "sim.h"

static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                 &sdhci_kind_arasan};

enum { BLOCKS = 96, FIRST = 50 };

static jmp_buf killed;
static volatile uint64_t
    done[BLOCKS]; /* generation that was said to be written; outlives the driver */

static void write_some(struct world *world, uint32_t from, uint32_t count, uint64_t generation)
{
    for (uint32_t i = 0; i < count; i++)
        block_fill(world_memory(world) + (size_t)i * CARD_BLOCK, FIRST + from + i, generation);
    CHECK_EQ(world_move(world, true, FIRST + from, count, 4096, false), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        done[from + i] = generation;
}

static void life(struct world *world)
{
    CHECK_EQ(world_start(world), KERN_SUCCESS);
    CHECK_EQ(world->sd.state, SD_MEDIUM_READY);
    write_some(world, 0, 24, 1);
    write_some(world, 24, 1, 2);
    world_check(world, FIRST, 24, 1);
    CHECK_EQ(sd_flush(&world->sd), KERN_SUCCESS);
    write_some(world, 10, 40, 3);
    write_some(world, 60, 1, 4);
    sd_stop(&world->sd);
}

/* Blocks of a write that was never answered may be old or new, nothing else. */
static void check_blocks(struct world *world, uint64_t latest)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uint8_t *at = world_memory(world) + (size_t)i * CARD_BLOCK;
        bool known = done[i] == 0;

        for (uint64_t g = done[i]; g <= latest && !known; g++)
            known = g > 0 && block_is(at, FIRST + i, g);
        CHECK(known);
    }
}

struct variant {
    const struct sdhci_kind *kind;
    bool pio, cache, sdma;
    bool
        lines_reset; /* by the dying driver, in the middle of whatever it was: only DAT0 tells then that the card programs */
    uint64_t program_time;
};

static bool kill_at(const struct variant *v, uint64_t at)
{
    static struct world world;
    volatile bool was_killed = false;

    world_case("%s%s%s%s killed at access %llu, programs for %llu us", v->kind->name,
               v->pio ? " PIO" : "", v->sdma ? " SDMA" : "", v->cache ? " with a cache" : "",
               (unsigned long long)at, (unsigned long long)v->program_time / 1000);
    world_make(&world, v->kind, true, 1024);
    memset((void *)done, 0, sizeof(done));
    world.config.no_dma = v->pio;
    world.config.use_cache = v->cache;
    world.sim.card.has_cache = v->cache;
    world.sim.card.scr[3] = v->cache ? 4 : 0;
    world.sim.card.program_time = v->program_time;
    if (v->sdma)
        world.sim.c.caps &= ~(uint32_t)CAPS_ADMA2;
    world.sim.faults.kill_at = at;
    world.sim.faults.killed = &killed;
    if (setjmp(killed) == 0)
        life(&world);
    else
        was_killed = true;
    if (was_killed && v->lines_reset)
        world.sim.device.write(&world.sim.device, SDHCI_CLOCK, 4,
                               (world.sim.c.clock | (uint32_t)(RESET_COMMAND | RESET_DATA) << 24));
    world.sim.faults.kill_at = 0;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world.sim.quiesced);
    CHECK_EQ(world.sd.state, SD_MEDIUM_READY);
    CHECK_EQ(world.sim.card.torn, 0);
    CHECK_EQ(world.sim.card.lost, 0);
    CHECK_EQ(world_move(&world, false, FIRST, BLOCKS, 4096, false), KERN_SUCCESS);
    check_blocks(&world, 4);
    world_write(&world, FIRST, BLOCKS, 9);
    world_check(&world, FIRST, BLOCKS, 9);
    CHECK_EQ(sd_flush(&world.sd), KERN_SUCCESS);
    sd_stop(&world.sd);
    CHECK_EQ(world.sim.card.torn, 0);
    CHECK_EQ(world.sim.power_cycles, 0);
    return was_killed;
}

/* Through the data port a run has ten thousand accesses, and most are alike. WHARF_ALL=1 takes them all. */
static uint64_t stride(const struct variant *v, uint64_t at)
{
    bool words = v->pio || v->kind->no_dma;

    if (getenv("WHARF_ALL") != NULL)
        return 1;
    if (words && at > 500)
        return 1 + check_below(80);
    return v->program_time > DEVICE_MILLISECOND || v->lines_reset || words ||
                   v->kind != &sdhci_kind_pci
               ? 1 + check_below(8)
               : 1;
}

int main(int argc, char **argv)
{
    static const uint64_t times[] = {300 * DEVICE_MICROSECOND, 400 * DEVICE_MILLISECOND};
    uint64_t kills = 0;

    check_begin(argc, argv);
    for (unsigned k = 0; k < 3; k++)
        for (unsigned n = 0; n < 16; n++) {
            struct variant v = {kinds[k],   n % 4 == 1, n % 4 == 3,
                                n % 4 == 2, n >= 8,     times[n / 4 % 2]};

            if (kinds[k]->no_dma && n % 4 != 0)
                continue;
            for (uint64_t at = 1; kill_at(&v, at); at += stride(&v, at))
                kills++;
        }
    printf("%llu kills\n", (unsigned long long)kills);
    return world_end();
}
