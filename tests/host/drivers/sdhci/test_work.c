/* SPDX-License-Identifier: BSD-2-Clause */
/* The SD driver's logic where nothing fails: every host, every kind of card, every way of the data. */
#include "sim.h"

static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                 &sdhci_kind_arasan};

static struct world way;

static void use(struct world *world)
{
    uint64_t generation = 1;

    for (uint32_t count = 1; count <= 2048; count = count * 2 + count % 3)
        world_write(world, (uint64_t)count * 2, count, ++generation);
    generation = 1;
    for (uint32_t count = 1; count <= 2048; count = count * 2 + count % 3) {
        generation++;
        world_check(world, (uint64_t)count * 2, count < 2 ? 1 : 2, generation);
    }
    for (unsigned i = 0; i < 40; i++) {
        uint32_t count = (uint32_t)check_below(64) + 1;
        uint64_t block = check_below(8192 - count);

        world_write(world, block, count, 1000 + i);
        world_check(world, block, count, 1000 + i);
    }
    world_write(world, 8191, 1, 7);
    world_write(world, 8184, 8, 7);
    world_check(world, 8184, 8, 7);
}

static void test_card(const struct sdhci_kind *kind, bool high_capacity, bool version2)
{
    struct world world;
    struct sd_facts facts;

    world_make(&world, kind, high_capacity, 8192);
    world.sim.card.version2 = version2;
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
    CHECK(world.sim.quiesced);
    sd_facts(&world.sd, &facts);
    CHECK_EQ(facts.state, SD_MEDIUM_READY);
    CHECK_EQ(facts.blocks, 8192);
    CHECK_EQ(facts.medium, 1);
    CHECK(facts.four_bits && facts.high_speed && !facts.read_only);
    CHECK_EQ(facts.clock, kind == &sdhci_kind_pci     ? 26000000
                          : kind == &sdhci_kind_emmc2 ? 50000000
                                                      : 26000000);
    CHECK_TEXT(facts.name, "02 WD SIM1W 4.8 52460012 2069/6");
    CHECK_EQ(facts.way, kind->no_dma ? SDHCI_BY_PIO : SDHCI_BY_ADMA2);
    use(&world);
    CHECK_EQ(world.sim.card.torn, 0);
    CHECK_EQ(world.sd.statistics.retries, 0);
    CHECK_EQ(sd_flush(&world.sd), KERN_SUCCESS);
    sd_stop(&world.sd);
    CHECK_EQ(world.sim.card.state, CARD_IDLE);
    CHECK_EQ(world.sim.power_cycles, 0);
}

/* ---- Ways of the data ---- */

static void begin(const struct sdhci_kind *kind, uint32_t caps_less)
{
    world_make(&way, kind, true, 8192);
    way.sim.c.caps &= ~caps_less;
    CHECK_EQ(world_start(&way), KERN_SUCCESS);
}

/* Block n of a scattered transfer lies where its piece lies, and the pieces lie backwards. */
static size_t place(uint32_t n, uint32_t count, uint32_t piece)
{
    uint32_t bytes = count * CARD_BLOCK, at = n * CARD_BLOCK, p = at / piece;

    return (size_t)(bytes / piece - 1 - p) * piece + at % piece;
}

static void scattered(uint32_t count, uint32_t piece)
{
    for (uint32_t i = 0; i < count; i++)
        block_fill(world_memory(&way) + place(i, count, piece), 70 + i, piece);
    CHECK_EQ(world_move(&way, true, 70, count, piece, true), KERN_SUCCESS);
    memset(world_memory(&way), 0, (size_t)count * CARD_BLOCK);
    CHECK_EQ(world_move(&way, false, 70, count, piece, true), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        CHECK(block_is(world_memory(&way) + place(i, count, piece), 70 + i, piece));
}

static void test_ways(void)
{
    struct dma_segment odd[2] = {{SIM_BUS + 5, 700}, {SIM_BUS + 4096, 324}};
    struct block_transfer t = {.block = 3, .count = 2, .segments = odd, .segment_count = 2};

    world_case("ADMA2, scattered");
    begin(&sdhci_kind_pci, 0);
    for (uint32_t piece = 512; piece <= 65536; piece *= 2)
        scattered(1024, piece);
    scattered(1024, 131072); /* more than a descriptor holds */
    world_case("a table that is too small for a transfer, pieces that are no blocks");
    way.sd.host.table.size = 16 * sizeof(struct adma_descriptor);
    scattered(128, 1024);
    scattered(96, 768);
    world_case("memory that DMA cannot have, and that is not mapped");
    CHECK_EQ(sd_transfer(&way.sd, &t), KERN_INVALID_ARGUMENT);
    odd[0] = (struct dma_segment){UINT64_C(0xfffffe00), 1024};
    CHECK_EQ(sd_transfer(&way.sd, &t), KERN_INVALID_ARGUMENT);
    odd[0] = (struct dma_segment){UINT64_MAX, 1024};
    CHECK_EQ(sd_transfer(&way.sd, &t), KERN_INVALID_ARGUMENT);
    t.at = world_memory(&way);
    CHECK_EQ(sd_transfer(&way.sd, &t), KERN_SUCCESS);
    world_case("SDMA");
    begin(&sdhci_kind_pci, CAPS_ADMA2);
    CHECK(way.sd.host.can_sdma && !way.sd.host.can_adma);
    way.sim.faults.boundary_sticks = true; /* as QEMU's does */
    for (uint32_t piece = 512; piece <= 131072; piece *= 4)
        scattered(1024, piece);
    use(&way);
    CHECK_EQ(way.sd.statistics.retries, 0);
    world_case("PIO");
    begin(&sdhci_kind_pci, CAPS_ADMA2 | CAPS_SDMA);
    use(&way);
}

/* ---- What a transfer costs ---- */

static void cost(bool write, uint32_t count, uint64_t most, uint64_t most_waits)
{
    uint64_t before = way.sim.accesses, waits = way.sim.waits;

    CHECK_EQ(world_move(&way, write, 64, count, 4096, false), KERN_SUCCESS);
    if (way.sim.accesses - before > most)
        fprintf(stderr, "%llu accesses\n", (unsigned long long)(way.sim.accesses - before));
    CHECK(way.sim.accesses - before <= most);
    CHECK(way.sim.waits - waits <= most_waits);
}

/* The status four times in vain, and the signal on and off: six accesses that a controller which is done at once does not take. */
static void test_costs(void)
{
    world_case("accesses and interrupts of a transfer");
    begin(&sdhci_kind_pci, 0);
    cost(false, 8, 9 + 6, 1);
    cost(false, 2048, 9 + 6, 1);
    cost(true, 8, 10 + 6, 1);
    cost(true, 2048, 10 + 6 + 10, 2); /* it takes longer than one wait */
    CHECK_EQ(way.sd.statistics.retries, 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < 3; i++) {
        test_card(kinds[i], true, true);
        test_card(kinds[i], false, true);
        test_card(kinds[i], false, false);
    }
    test_ways();
    test_costs();
    return world_end();
}
