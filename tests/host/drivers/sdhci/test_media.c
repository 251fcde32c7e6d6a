/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards that are absent, come, go, change, lie, cannot be used or are slow; controllers that hang, lie or keep silent. */
#include "sim.h"

static struct world world;

static void begin(const char *name, const struct sdhci_kind *kind, bool high_capacity)
{
    world_case("%s on %s", name, kind->name);
    world_make(&world, kind, high_capacity, 1024);
}

static void start(void)
{
    CHECK_EQ(world_start(&world), KERN_SUCCESS);
}

static void expect_state(enum sd_medium state, kern_return_t error)
{
    struct sd_facts facts;

    sd_facts(&world.sd, &facts);
    CHECK_EQ(facts.state, state);
    CHECK_EQ(facts.error, error);
    if (state != SD_MEDIUM_READY) {
        CHECK_EQ(facts.blocks, 0);
        CHECK_EQ(world_move(&world, false, 0, 1, 4096, false), KERN_MEMORY_FAILURE);
        CHECK_EQ(sd_flush(&world.sd), KERN_MEMORY_FAILURE);
    }
}

static void end(void)
{
    sd_stop(&world.sd);
    CHECK_EQ(world.sim.c.signal, 0);
}

static void pass(uint64_t time)
{
    sim_run(&world.sim, world.sim.now + time);
}

static void take_out(void)
{
    sim_card_power(&world.sim.card, world.sim.now, false);
    world.sim.card.present = false;
}

static void put_in(uint32_t serial)
{
    world.sim.card.cid[0] = serial;
    world.sim.card.present = world.sim.card.powered = true;
}

static void test_absent(const struct sdhci_kind *kind)
{
    begin("absent card", kind, true);
    take_out();
    start();
    CHECK(world.sim.quiesced);
    expect_state(SD_MEDIUM_NONE, KERN_MEMORY_FAILURE);
    CHECK_EQ(sd_check_medium(&world.sd), false);
    put_in(1);
    pass(5 * DEVICE_SECOND);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    CHECK_EQ(world.sd.medium, 1);
    world_write(&world, 1, 20, 1);
    CHECK_EQ(sd_check_medium(&world.sd), false);
    take_out();
    CHECK_EQ(sd_check_medium(&world.sd), true);
    expect_state(SD_MEDIUM_NONE, KERN_MEMORY_FAILURE);
    put_in(2);
    pass(5 * DEVICE_SECOND);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    CHECK_EQ(world.sd.medium, 2);
    world_check(&world, 1, 20, 1);
    take_out();
    CHECK_EQ(sd_check_medium(&world.sd), true);
    put_in(2); /* the same, but it was away */
    pass(5 * DEVICE_SECOND);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    CHECK_EQ(world.sd.medium, kind->card_detect ? 3 : 2); /* where a pin tells */
    end();
}

/* Between two requests, and nobody looked: the second must not go to the other card; with the same card it works. */
static void test_swapped(const struct sdhci_kind *kind)
{
    begin("card swapped unseen", kind, true);
    start();
    world_write(&world, 1, 20, 1);
    take_out();
    put_in(7);
    CHECK_EQ(world_move(&world, true, 1, 1, 4096, false), KERN_MEMORY_FAILURE);
    CHECK_EQ(world_move(&world, true, 1, 1, 4096, false), KERN_MEMORY_FAILURE);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    CHECK_EQ(world.sd.medium, 2);
    world_check(&world, 1, 20, 1);
    take_out();
    put_in(7);
    world_check(&world, 1, 20, 1); /* it has lost its power for a moment: started anew */
    CHECK_EQ(world.sd.medium, 2);
    CHECK_EQ(sd_check_medium(&world.sd), false);
    end();
}

/* A request finds out before anybody has looked: who looks is told nevertheless. */
static void test_taken_out_at_work(const struct sdhci_kind *kind)
{
    begin("card taken out at work", kind, true);
    start();
    world_write(&world, 1, 20, 1);
    take_out();
    CHECK_EQ(world_move(&world, false, 1, 1, 4096, false), KERN_MEMORY_FAILURE);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    expect_state(SD_MEDIUM_NONE, KERN_MEMORY_FAILURE);
    CHECK_EQ(sd_check_medium(&world.sd), false);
    put_in(1);
    pass(5 * DEVICE_SECOND);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    CHECK_EQ(world.sd.medium, 2);
    end();
}

static void test_unusable(void)
{
    begin("never ready", &sdhci_kind_pci, true);
    world.sim.card.never_ready = true;
    start();
    expect_state(SD_MEDIUM_UNUSABLE, KERN_OPERATION_TIMED_OUT);
    world.sim.card.never_ready = false;
    CHECK_EQ(sd_check_medium(&world.sd), false); /* not so soon */
    pass(DEVICE_SECOND);
    CHECK_EQ(sd_check_medium(&world.sd), true);
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    end();
    begin("wrong voltage", &sdhci_kind_pci, true);
    world.sim.card.ocr = 0x80;
    start();
    expect_state(SD_MEDIUM_UNUSABLE, KERN_NOT_SUPPORTED);
    end();
    begin("addresses of 0", &sdhci_kind_pci, true);
    world.sim.card.zero_addresses = 3;
    start();
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    end();
    begin("only addresses of 0", &sdhci_kind_pci, true);
    world.sim.card.zero_addresses = 10000;
    start();
    expect_state(SD_MEDIUM_UNUSABLE, KERN_BAD_FORMAT);
    end();
    begin("1.8 V left over", &sdhci_kind_emmc2, true);
    world.sim.card.lines_at_1_8 = true;
    start();
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    CHECK_EQ(world.sim.power_cycles, 1);
    end();
    begin("1.8 V left over in the controller", &sdhci_kind_emmc2, true);
    world.sim.c.control2 = CONTROL2_1_8;
    start();
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    CHECK_EQ(world.sim.power_cycles, 1);
    end();
}

static uint32_t few_bits(void)
{
    uint64_t bits = check_random();

    bits &= check_random();
    bits &= check_random();
    return (uint32_t)bits;
}

/* CSD, SCR, OCR, CID of random bits: no matter what, calls end, and what is claimed holds. */
static void test_lies(void)
{
    for (unsigned n = 0; n < 3000; n++) {
        struct sd_facts facts;

        begin("lies", n % 2 == 0 ? &sdhci_kind_pci : &sdhci_kind_arasan, n % 3 != 0);
        world_case("lies number %u", n);
        for (unsigned i = 0; i < 4; i++) {
            if (n % 5 != 0)
                world.sim.card.csd[i] ^= few_bits();
            world.sim.card.cid[i] = (uint32_t)check_random();
        }
        for (unsigned i = 0; i < 8; i++)
            world.sim.card.scr[i] = n % 2 == 0 ? (uint8_t)check_random() : world.sim.card.scr[i];
        if (n % 7 == 0)
            world.sim.card.ocr = (uint32_t)check_random() & 0x3fffffff;
        start();
        sd_facts(&world.sd, &facts);
        CHECK((facts.state == SD_MEDIUM_READY) == (facts.error == KERN_SUCCESS));
        CHECK(facts.blocks <= UINT64_C(1) << 32);
        for (const char *c = facts.name; *c != 0; c++)
            CHECK(*c >= 0x20 && *c < 0x7f);
        if (facts.state == SD_MEDIUM_READY) {
            kern_return_t kr = world_move(&world, false, facts.blocks - 1, 1, 4096, false);

            CHECK(kr == KERN_SUCCESS || kr == KERN_MEMORY_ERROR || kr == KERN_MEMORY_FAILURE);
            CHECK(world_move(&world, false, facts.blocks, 1, 4096, false) != KERN_SUCCESS);
        }
        end();
    }
}

static void test_controller(void)
{
    begin("base clock of 0", &sdhci_kind_pci, true);
    world.sim.c.caps &= ~0xff00u;
    CHECK_EQ(world_start(&world), KERN_NOT_SUPPORTED);
    world.config.base_clock = 50000000;
    start();
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    end();
    begin("no voltage", &sdhci_kind_pci, true);
    world.sim.c.caps &= ~(uint32_t)(CAPS_3_3 | CAPS_3_0);
    CHECK_EQ(world_start(&world), KERN_NOT_SUPPORTED);
    CHECK(world.sim.quiesced);
    for (unsigned what = 1; what <= RESET_ALL; what++) {
        begin("hangs in reset", &sdhci_kind_pci, true);
        world.sim.faults.reset_hangs = (uint8_t)what;
        CHECK_EQ(world_start(&world), KERN_FAILURE);
        CHECK(!world.sim.quiesced);
        world.sim.faults.reset_hangs = 0;
        start();
        expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
        end();
    }
    begin("gone from the bus", &sdhci_kind_pci, true);
    world.sim.faults =
        (struct sim_faults){.read_at = 1, .read_times = SIM_NEVER, .read_value = UINT32_MAX};
    CHECK_EQ(world_start(&world), KERN_FAILURE);
    CHECK(!world.sim.quiesced);
}

/* A reset of a part hangs during recovery: the reset of all helps. */
static void test_hung_part(const struct sdhci_kind *kind)
{
    for (unsigned what = RESET_COMMAND; what <= (RESET_COMMAND | RESET_DATA);
         what += RESET_COMMAND) {
        begin("partial reset hangs", kind, true);
        start();
        world_write(&world, 1, 20, 1);
        world.sim.faults = (struct sim_faults){.fault = FAULT_DATA_CRC,
                                               .at = world.sim.data_blocks + 3,
                                               .times = 1,
                                               .reset_hangs = (uint8_t)what};
        world_check(&world, 1, 20, 1);
        CHECK_EQ(world.sd.statistics.restarts, 1);
        end();
    }
}

static void test_interrupts(const struct sdhci_kind *kind)
{
    begin("interrupts lost", kind, true);
    world.sim.faults.lose_interrupts = true;
    start();
    world_write(&world, 1, 20, 1);
    world_check(&world, 1, 20, 1);
    CHECK_EQ(world.sd.statistics.retries, 0);
    CHECK(kind->no_dma || world.sd.host.lost_interrupts > 0);
    end();
    begin("interrupt storm", kind, true);
    world.sim.faults.storm = true;
    start();
    world_write(&world, 1, 20, 1);
    world_check(&world, 1, 20, 1);
    end();
    begin("storm and nothing else", kind, true);
    start();
    world.sim.faults =
        (struct sim_faults){.storm = true, .fault = FAULT_DATA_HANG, .at = 1, .times = SIM_NEVER};
    CHECK_EQ(world_move(&world, false, 1, 20, 4096, false), KERN_MEMORY_ERROR);
    end();
    begin("stale end of a transfer", kind, true);
    start();
    world.sim.faults.stale = STATUS_TRANSFER;
    (void)world_move(&world, false, 1, 20, 4096, false); /* the controller lies: nobody can tell */
    world.sim.faults.stale = 0;
    world.sim.c.status |=
        STATUS_TRANSFER | STATUS_COMMAND | STATUS_READ | STATUS_WRITE | STATUS_DMA;
    world_write(&world, 1, 20, 1);
    world.sim.c.status |= STATUS_TRANSFER | STATUS_DATA_CRC | STATUS_ERROR;
    world_check(&world, 1, 20, 1);
    end();
}

static void test_slow_down(const struct sdhci_kind *kind)
{
    begin("too fast", kind, true);
    start();
    world_write(&world, 1, 20, 1);
    world.sim.faults.speed_limit = 25000000;
    world_check(&world, 1, 20, 1);
    CHECK(world.sd.host.clock <= 25000000);
    world_write(&world, 1, 20, 2);
    CHECK(world.sd.statistics.retries <= 4);
    CHECK_EQ(world.sd.medium, 1);
    end();
    begin("too fast for blocks", kind, true);
    start();
    world.sim.faults.speed_limit = 25000000;
    world.sim.faults.speed_spares_registers = true;
    world_write(&world, 1, 20, 1);
    CHECK(world.sd.host.clock <= 25000000);
    CHECK_EQ(world.sd.medium, 1);
    end();
    begin("too fast from the start", kind, true);
    world.sim.faults.speed_limit = 25000000;
    start();
    expect_state(SD_MEDIUM_READY, KERN_SUCCESS);
    world_write(&world, 1, 20, 2);
    end();
}

static void test_silent_writes(void)
{
    begin("ends of writes are not told of", &sdhci_kind_emmc2, true);
    start();
    world.sim.faults.silent_writes = true;
    world_write(&world, 1, 20, 1);
    world_write(&world, 30, 200, 2);
    world_check(&world, 30, 200, 2);
    CHECK_EQ(world.sd.statistics.retries, 0);
    end();
}

static void test_bad_block(const struct sdhci_kind *kind)
{
    begin("bad block", kind, true);
    start();
    world_write(&world, 0, 64, 1);
    world.sim.card.bad_block = 17;
    CHECK_EQ(world_move(&world, false, 10, 20, 4096, false), KERN_MEMORY_ERROR);
    world_check(&world, 0, 17, 1);
    world_check(&world, 18, 20, 1);
    CHECK_EQ(world_move(&world, false, 17, 1, 4096, false), KERN_MEMORY_ERROR);
    end();
    begin("block that cannot be written", kind, true);
    start();
    world_write(&world, 0, 64, 1);
    world.sim.card.bad_store = 17;
    CHECK_EQ(world_move(&world, true, 10, 20, 4096, false), KERN_MEMORY_ERROR);
    CHECK_EQ(world_move(&world, true, 17, 1, 4096, false), KERN_MEMORY_ERROR);
    world_write(&world, 18, 46, 2);
    CHECK_EQ(world.sd.statistics.restarts, 0); /* the medium is bad, not the way to it */
    end();
}

static void test_read_only(void)
{
    begin("pin", &sdhci_kind_pci, true);
    world.sim.c.write_protected = true;
    start();
    CHECK_EQ(world_move(&world, true, 1, 1, 4096, false), KERN_PROTECTION_FAILURE);
    CHECK_EQ(sd_discard(&world.sd, 1, 1), KERN_PROTECTION_FAILURE);
    CHECK_EQ(world_move(&world, false, 1, 1, 4096, false), KERN_SUCCESS);
    end();
    begin("CSD", &sdhci_kind_arasan, true);
    world.sim.card.csd[0] |= 1 << 4;
    start();
    CHECK_EQ(world_move(&world, true, 1, 1, 4096, false), KERN_PROTECTION_FAILURE);
    end();
}

static void test_discard(void)
{
    begin("discard", &sdhci_kind_pci, true);
    start();
    world_write(&world, 0, 600, 1);
    CHECK_EQ(sd_discard(&world.sd, 100, 50), KERN_SUCCESS);
    CHECK_EQ(world.sim.card.erased, 50);
    world_check(&world, 0, 100, 1);
    world_check(&world, 150, 450, 1);
    CHECK_EQ(sd_discard(&world.sd, 1000, 25), KERN_INVALID_ARGUMENT);
    CHECK_EQ(sd_discard(&world.sd, UINT64_MAX - 1, 2), KERN_INVALID_ARGUMENT);
    end();
    begin("discard by units", &sdhci_kind_pci, false);
    world.sim.card.block_erase = false;
    world.sim.card.csd[1] &= ~(1u << (46 - 40));
    start();
    world_write(&world, 0, 600, 1);
    CHECK_EQ(sd_discard(&world.sd, 100, 300), KERN_SUCCESS);
    world_check(&world, 0, 100, 1);
    world_check(&world, 400, 200, 1);
    CHECK_EQ(world.sim.card.erased, 256);
    end();
}

static void test_cache(void)
{
    begin("cache", &sdhci_kind_pci, true);
    world.sim.card.has_cache = world.config.use_cache = true;
    world.sim.card.scr[3] = 4;
    start();
    CHECK(world.sim.card.cache_on && world.sd.card.cache);
    world_write(&world, 0, 20, 1);
    CHECK(world.sim.card.cached[3] != 0);
    CHECK_EQ(sd_flush(&world.sd), KERN_SUCCESS);
    CHECK(world.sim.card.cached[3] == 0);
    world_write(&world, 0, 20, 2);
    sd_stop(&world.sd);
    CHECK_EQ(world.sim.card.lost, 0);
    start();
    world_check(&world, 0, 20, 2);
    end();
}

int main(int argc, char **argv)
{
    static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                     &sdhci_kind_arasan};

    check_begin(argc, argv);
    for (unsigned i = 0; i < 3; i++) {
        test_absent(kinds[i]);
        test_swapped(kinds[i]);
        test_taken_out_at_work(kinds[i]);
        test_hung_part(kinds[i]);
        test_interrupts(kinds[i]);
        test_slow_down(kinds[i]);
        test_bad_block(kinds[i]);
    }
    test_unusable();
    test_controller();
    test_silent_writes();
    test_read_only();
    test_discard();
    test_cache();
    test_lies();
    return world_end();
}
