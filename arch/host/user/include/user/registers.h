/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of a simulated device: what drivers' logic runs against on the host. The functions are those of the real machine
 * (arch/aarch64/user/include/user/registers.h). A test owns the device and says what an access does.
 */
#pragma once

#include <stdint.h>

struct simulated_device {
    /** width: 1, 2 or 4 bytes. */
    uint32_t (*read)(struct simulated_device *device, uint32_t offset, unsigned width);
    void (*write)(struct simulated_device *device, uint32_t offset, unsigned width, uint32_t value);
};

/** A range of registers: `base` is where in the device's registers it begins. */
struct registers {
    struct simulated_device *device;
    uint32_t base;
};

static inline uint8_t register_read8(const struct registers *r, uint32_t offset)
{
    return (uint8_t)r->device->read(r->device, r->base + offset, 1);
}

static inline uint16_t register_read16(const struct registers *r, uint32_t offset)
{
    return (uint16_t)r->device->read(r->device, r->base + offset, 2);
}

static inline uint32_t register_read32(const struct registers *r, uint32_t offset)
{
    return r->device->read(r->device, r->base + offset, 4);
}

static inline void register_write8(const struct registers *r, uint32_t offset, uint8_t value)
{
    r->device->write(r->device, r->base + offset, 1, value);
}

static inline void register_write16(const struct registers *r, uint32_t offset, uint16_t value)
{
    r->device->write(r->device, r->base + offset, 2, value);
}

static inline void register_write32(const struct registers *r, uint32_t offset, uint32_t value)
{
    r->device->write(r->device, r->base + offset, 4, value);
}

static inline void register_publish_memory(void) {}

static inline void register_observe_memory(void) {}

static inline void registers_settle(void) {}
