/* SPDX-License-Identifier: BSD-2-Clause */
/* The SD driver's logic where nothing fails: every host, every kind of card, every way of the data. */
#include "sim.h"

static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                 &sdhci_kind_arasan};

static void use(struct world *world)
{
    uint64_t generation = 1;

    for (uint32_t count = 1; count <= 2048; count = count * 2 + count % 3)
        world_write(world, count * 2, count, ++generation);
    generation = 1;
    for (uint32_t count = 1; count <= 2048; count = count * 2 + count % 3) {
        generation++;
        world_check(world, count * 2, count < 2 ? 1 : 2, generation);
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

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < 3; i++) {
        test_card(kinds[i], true, true);
        test_card(kinds[i], false, true);
        test_card(kinds[i], false, false);
    }
    return world_end();
}
