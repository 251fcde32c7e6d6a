/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of SD host controllers: a slot with its card (sd.h) as a block device of the block server.
 *
 * Arguments (README.md): compatible=, clock.0= (hertz, or SERVICE:ID of a clocks service), vmmc.0=, vqmmc.0= (SERVICE:PIN[:FLAGS] of a
 * gpio service that switches the supply), bus-width=, non-removable=, broken-cd=, disable-wp=, no-1-8-v=, cache=1.
 */
#include "sd.h"
#include "supplies.h"
#include <libsys/driver/block_server.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRANSFER_BLOCKS = BLOCK_TRANSFER_MAX / CARD_BLOCK,
    TABLE_SIZE = 4096, /* more than a piece a page and one for each 64 KiB */
};
#define POLL (DEVICE_SECOND)

static struct {
    struct driver driver;
    struct sd sd;
    struct sd_config config;
    struct slot_supplies supplies;
    struct block_device_facts facts;
    uint64_t poll_at;
} self;

/* ---- the device, as the server sees it ---- */

static void learn_facts(void)
{
    struct sd_facts facts;

    sd_facts(&self.sd, &facts);
    self.facts = (struct block_device_facts){
        .block_size = CARD_BLOCK,
        .blocks = facts.state == SD_MEDIUM_READY ? facts.blocks : 0,
        .blocks_max = TRANSFER_BLOCKS,
        .medium = facts.medium,
        .read_only = facts.read_only,
        .removable = facts.removable,
        .volatile_cache = facts.volatile_cache,
        .can_discard = facts.can_discard,
    };
}

static void look(void *device, struct block_device_facts *facts)
{
    (void)device;
    *facts = self.facts;
}

static uint64_t deadline(void *device)
{
    (void)device;
    return self.facts.removable ? self.poll_at : UINT64_MAX;
}

static kern_return_t check(void *device)
{
    (void)device;
    if (sd_check_medium(&self.sd))
        learn_facts();
    self.poll_at = device_now(&self.driver.environment) + POLL;
    return KERN_SUCCESS;
}

static kern_return_t carry_out(enum block_operation operation,
                               const struct block_transfer *transfer)
{
    switch (operation) {
    case BLOCK_READ:
    case BLOCK_WRITE: return sd_transfer(&self.sd, transfer);
    case BLOCK_FLUSH: return sd_flush(&self.sd);
    case BLOCK_DISCARD: return sd_discard(&self.sd, transfer->block, transfer->count);
    }
    return KERN_INVALID_ARGUMENT;
}

/* A controller that hangs in reset may go on writing to a client's memory. As long as this is not answered and the device not given back, that
 * stays pinned: so the driver ends, the memory is quarantined, and the next instance asks again when it has reset the controller. */
static void check_rest(void)
{
    if (self.sd.host.hung && self.driver.facts.dma)
        driver_fail(&self.driver, "the controller hangs, and cannot be reset");
}

static kern_return_t start(void *device, enum block_operation operation,
                           const struct block_transfer *transfer, uint32_t flight)
{
    const kern_return_t kr = carry_out(operation, transfer);

    check_rest();
    if (kr == KERN_MEMORY_FAILURE)
        self.poll_at = 0; /* look what has become of the card */
    block_server_done(flight, kr);
    (void)device;
    return KERN_SUCCESS;
}

static const struct block_device_ops operations = {
    .start = start,
    .deadline = deadline,
    .check = check,
    .look = look,
    .blocking = true,
};

/* ---- start and stop ---- */

static void quiesced(void *context)
{
    const kern_return_t kr = driver_quiesced(context);

    if (kr != KERN_SUCCESS)
        driver_fail(context, "the device port: error %d", (int)kr);
}

static void stop(struct driver *driver)
{
    if (sd_stop(&self.sd))
        driver_at_rest(driver);
}

static bool is_set(const char *name)
{
    return driver_argument(&self.driver, name) != NULL;
}

static void configure(struct driver *driver)
{
    struct sd_config *config = &self.config;
    const char *compatible = driver_argument(driver, "compatible");
    uint64_t size;

    config->kind = compatible ? sdhci_kind_of(compatible) : &sdhci_kind_pci;
    if (!config->kind)
        driver_fail(driver, "no host controller is called %s", compatible);
    config->base_clock = slot_clock(driver);
    config->supplies = slot_supplies_begin(&self.supplies, driver);
    config->one_bit = driver_number(driver, "bus-width", 4) == 1;
    config->no_dma = !driver->facts.dma;
    config->no_write_protect = is_set("disable-wp");
    config->non_removable = is_set("non-removable");
    config->broken_detect = is_set("broken-cd");
    config->use_cache = is_set("cache");
    config->quiesced = quiesced;
    config->context = driver;
    kern_return_t kr = driver_map(driver, 0, &config->registers, &size);
    if (kr == KERN_SUCCESS && !config->no_dma)
        kr = driver_memory(driver, TABLE_SIZE, &config->table);
    if (kr == KERN_SUCCESS)
        kr = driver_listen(driver, 0, WAITED);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its device: error %d", (int)kr);
}

static void tell(const struct driver *driver)
{
    struct sd_facts facts;

    sd_facts(&self.sd, &facts);
    if (facts.state == SD_MEDIUM_READY)
        device_log(&driver->environment, "%s, %u kHz, %u bit, %s", facts.name, facts.clock / 1000,
                   facts.four_bits ? 4 : 1,
                   facts.way == SDHCI_BY_ADMA2  ? "ADMA2"
                   : facts.way == SDHCI_BY_SDMA ? "SDMA"
                                                : "PIO");
    else
        device_log(&driver->environment, "no card that can be used: error %d", (int)facts.error);
}

int main(int argc, char **argv)
{
    struct block_server_config config = {.ops = &operations, .device = &self.sd};

    driver_begin(&self.driver, argc, argv);
    configure(&self.driver);
    const kern_return_t kr = sd_start(&self.sd, &self.config, &self.driver.environment);
    if (kr != KERN_SUCCESS)
        driver_fail(&self.driver, "the controller does not start: error %d", (int)kr);
    tell(&self.driver);
    learn_facts();
    config.facts = self.facts;
    self.driver.stop = stop;
    self.poll_at = device_now(&self.driver.environment) + POLL;
    block_server_run(&self.driver, &config);
}
