/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes seeds for fuzz_sdhci: what the simulated controller answers in whole runs. seeds DIRECTORY */
#include "script.h"
#include "sim.h"

struct recorder {
    struct simulated_device device; /* first */
    struct simulated_device *inner;
    FILE *out;
};

static uint32_t record_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct recorder *r = (struct recorder *)device;
    uint32_t value = r->inner->read(r->inner, offset, width);

    CHECK_EQ(fwrite(&value, 1, width, r->out), width);
    return value;
}

static void pass_write(struct simulated_device *device, uint32_t offset, unsigned width,
                       uint32_t value)
{
    struct recorder *r = (struct recorder *)device;

    r->inner->write(r->inner, offset, width, value);
}

static void write_seed(const char *directory, uint8_t selector, unsigned number,
                       enum sim_fault fault)
{
    static struct world world;
    struct recorder recorder = {.device = {record_read, pass_write}};
    struct sd_config config;
    struct script_memory *memory;
    char name[400];

    world_make(&world,
               (const struct sdhci_kind *[]){&sdhci_kind_pci, &sdhci_kind_emmc2,
                                             &sdhci_kind_arasan}[(selector & 3) % 3],
               number % 2 == 0, 1024);
    world.sim.card.has_cache = (selector & 8) != 0;
    world.sim.card.scr[3] = (selector & 8) != 0 ? 4 : 0;
    world.sim.faults =
        (struct sim_faults){.fault = fault, .at = 20 + number % 5, .times = number % 4};
    recorder.inner = &world.sim.device;
    snprintf(name, sizeof(name), "%s/seed%u", directory, number);
    recorder.out = fopen(name, "wb");
    CHECK(recorder.out != NULL);
    CHECK_EQ(fwrite(&selector, 1, 1, recorder.out), 1);
    /* The script's addresses are the fuzzer's; here they have to be memory. */
    memory = (struct script_memory *)world.sim.memory;
    world.sim.memory_bus = SCRIPT_BUS;
    world.sim.granted_from = SCRIPT_BUS;
    world.sim.granted_to = SCRIPT_BUS + sizeof(*memory);
    script_config(&config, selector, memory);
    config.line = SIM_NEVER_LINE;
    config.registers = (struct registers){&recorder.device, 0};
    CHECK_EQ(sd_start(&world.sd, &config, &world.sim.environment), KERN_SUCCESS);
    for (unsigned step = 0; step < SCRIPT_STEPS; step++)
        (void)(script_step(&world.sd, step, memory) == KERN_SUCCESS);
    sd_stop(&world.sd);
    CHECK_EQ(fclose(recorder.out), 0);
}

int main(int argc, char **argv)
{
    unsigned number = 0;

    check_begin(argc, argv);
    CHECK(argc >= 2);
    for (uint8_t selector = 0; selector < 64; selector++)
        if ((selector & 3) != 3)
            write_seed(argv[1], selector, number++, FAULT_NONE);
    for (enum sim_fault fault = FAULT_NO_RESPONSE; fault < FAULT_KINDS; fault++)
        for (uint8_t selector = 0; selector < 3; selector++)
            write_seed(argv[1], selector, number++, fault);
    return check_end();
}
