/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of virtio sources of random numbers behind registers in memory: the logic (virtio_rng.h) as a server of the class rng.
 */
#include "virtio_rng.h"
#include <libsys/driver/class_server.h>

static struct {
    struct driver driver;
    struct rng_device rng;
    struct virtio_rng logic;
    struct dma_memory memory;
} self;

static kern_return_t quiesced(void *driver)
{
    return driver_quiesced(driver);
}

static kern_return_t start(struct rng_device *device)
{
    const struct virtio_rng_start with = {
        .environment = device->environment,
        .registers = &device->registers,
        .memory = self.memory,
        .quiesced = quiesced,
        .context = &self.driver,
    };

    return virtio_rng_start(&self.logic, &with);
}

/* A device that does not come to rest keeps the memory: in quarantine. */
static void stop(struct rng_device *device)
{
    (void)device;
    if (virtio_mmio_reset(&self.logic.mmio) == KERN_SUCCESS)
        driver_at_rest(&self.driver);
}

static kern_return_t read(struct rng_device *device, uint8_t *bytes, size_t wanted, size_t *got)
{
    uint32_t count = 0;
    const kern_return_t kr =
        virtio_rng_read(&self.logic, bytes,
                        wanted < VIRTIO_RNG_BYTES ? (uint32_t)wanted : VIRTIO_RNG_BYTES, &count);

    if (kr == KERN_TERMINATED)
        driver_fail(&self.driver, "it cannot be reset");
    if (kr == KERN_MEMORY_FAILURE)
        device->failures++;
    *got = count;
    return kr;
}

static void stop_driver(struct driver *driver)
{
    (void)driver;
    stop(&self.rng);
}

int main(int argc, char **argv)
{
    static const struct rng_device_ops operations = {.start = start, .stop = stop, .read = read};
    static struct class_server server;
    struct driver *driver = &self.driver;
    uint64_t size;

    driver_begin(driver, argc, argv);
    self.rng = (struct rng_device){.ops = &operations, .environment = &driver->environment};
    kern_return_t kr = driver_map(driver, 0, &self.rng.registers, &size);
    if (kr == KERN_SUCCESS)
        kr = driver_memory(driver, VIRTIO_RNG_MEMORY, &self.memory);
    if (kr == KERN_SUCCESS)
        kr = driver_listen(driver, 0, WAITED);
    if (kr == KERN_SUCCESS)
        kr = start(&self.rng);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "it does not start: error %d", (int)kr);
    driver->stop = stop_driver;
    class_server_check_in(driver, &server, NULL, &self.rng);
    struct server_interface interface = rng_class(&server);
    driver_serve(driver, &interface, 1);
}
