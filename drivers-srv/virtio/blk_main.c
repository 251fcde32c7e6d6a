/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of virtio block devices behind registers in memory: the logic (virtio_blk.h) as a block device of the block server.
 */
#include "virtio_blk.h"
#include <libsys/driver/block_server.h>

static struct {
    struct driver driver;
    struct registers registers;
    struct virtio_blk blk;
    uint32_t medium;
} self;

/* ---- the device, as the server sees it ---- */

static kern_return_t start(void *device, enum block_operation operation,
                           const struct block_transfer *transfer, uint32_t flight)
{
    (void)device;
    switch (operation) {
    case BLOCK_FLUSH: return virtio_blk_flush(&self.blk, flight);
    case BLOCK_DISCARD:
        return virtio_blk_discard(&self.blk, transfer->block, transfer->count, flight);
    case BLOCK_READ:
    case BLOCK_WRITE: return virtio_blk_submit(&self.blk, transfer, flight);
    }
    return KERN_INVALID_ARGUMENT;
}

static void commit(void *device)
{
    (void)device;
    virtio_blk_kick(&self.blk);
}

static void collect(void)
{
    enum { AT_A_TIME = 8 };
    struct virtio_blk_answer answers[AT_A_TIME];
    unsigned count;

    do {
        count = virtio_blk_collect(&self.blk, answers, AT_A_TIME);
        for (unsigned i = 0; i < count; i++)
            block_server_done((uint32_t)answers[i].cookie, answers[i].result);
    } while (count == AT_A_TIME);
}

static void note(unsigned events)
{
    if (events & VIRTIO_BLK_CHANGED)
        self.medium++;
    if (events)
        collect();
}

static uint64_t deadline(void *device)
{
    (void)device;
    return virtio_blk_deadline(&self.blk);
}

static kern_return_t check(void *device)
{
    unsigned events = 0;
    const kern_return_t kr = virtio_blk_check(&self.blk, &events);

    (void)device;
    note(events);
    return kr;
}

static void look(void *device, struct block_device_facts *facts)
{
    const struct virtio_blk_facts *now = &self.blk.facts;

    (void)device;
    *facts = (struct block_device_facts){
        .block_size = now->block_size,
        .blocks = now->blocks,
        .blocks_max = now->blocks_max,
        .medium = self.medium,
        .read_only = now->read_only,
        .volatile_cache = now->volatile_cache,
        .can_discard = now->can_discard,
    };
}

static const struct block_device_ops operations = {
    .start = start,
    .commit = commit,
    .deadline = deadline,
    .check = check,
    .look = look,
};

/* ---- interrupts ---- */

static void interrupt(struct driver *driver, unsigned line)
{
    (void)driver;
    (void)line;
    note(virtio_blk_interrupt(&self.blk));
    block_server_continue();
}

/* One operation of the server's own, before or beside clients'. */
static kern_return_t wait(void *device)
{
    struct driver *driver = &self.driver;

    if (driver->line[0].listening == WAITED)
        (void)device_wait_interrupt(&driver->environment, 0, virtio_blk_deadline(&self.blk));
    else
        device_sleep(&driver->environment, DEVICE_MILLISECOND);
    note(virtio_blk_interrupt(&self.blk));
    if (virtio_blk_deadline(&self.blk) <= device_now(&driver->environment))
        return check(device);
    return KERN_SUCCESS;
}

static void ready(void *device)
{
    (void)device;
    driver_serve_line(&self.driver, 0);
}

/* ---- the start, and the end ---- */

static kern_return_t quiesced(void *driver)
{
    return driver_quiesced(driver);
}

static void begin(struct driver *driver)
{
    struct virtio_blk_start start_with = {
        .environment = &driver->environment,
        .registers = &self.registers,
        .quiesced = quiesced,
        .context = driver,
    };
    uint64_t size;
    kern_return_t kr = driver_map(driver, 0, &self.registers, &size);

    if (kr == KERN_SUCCESS)
        kr = driver_memory(driver, VIRTIO_BLK_MEMORY, &start_with.memory);
    if (kr == KERN_SUCCESS)
        kr = driver_listen(driver, 0, WAITED);
    if (kr == KERN_SUCCESS)
        kr = virtio_blk_start(&self.blk, &start_with);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "it does not start: error %d", (int)kr);
}

/* What was answered is on the medium only after a flush: that is the clients' to ask for (block_ring.h: R3). */
static void stop(struct driver *driver)
{
    if (virtio_blk_stop(&self.blk) == KERN_SUCCESS)
        driver_at_rest(driver);
}

int main(int argc, char **argv)
{
    struct block_server_config config = {
        .ops = &operations,
        .device = &self.blk,
        .ready = ready,
        .wait = wait,
    };

    driver_begin(&self.driver, argc, argv);
    begin(&self.driver);
    self.driver.interrupt = interrupt;
    self.driver.stop = stop;
    look(&self.blk, &config.facts);
    block_server_run(&self.driver, &config);
}
