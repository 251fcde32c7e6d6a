/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of a device, for its driver: one load or store each, of the width it says. arch/host has the same with a simulated
 * device behind it, so that drivers' logic runs on the host.
 *
 * Mapped as Device-nGnRE: accesses to one device stay in order; a store may be posted. The order to other memory is what the
 * register_*_memory() functions are for: data written to memory is there before the device is told (DMB OSHST, and the store
 * after it), and is read after the device said so (DMB OSHLD). Between different devices use registers_settle(). Source: Arm ARM,
 * B2.3; BCM2835 ARM Peripherals, 1.3.
 */
#pragma once

#include <stdint.h>

/** A range of registers, where it is mapped. */
struct registers {
    volatile char *base;
};

static inline uint8_t register_read8(const struct registers *r, uint32_t offset)
{
    uint8_t value;
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(r->base + offset) : "memory");
    return value;
}

static inline uint16_t register_read16(const struct registers *r, uint32_t offset)
{
    uint16_t value;
    __asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(r->base + offset) : "memory");
    return value;
}

static inline uint32_t register_read32(const struct registers *r, uint32_t offset)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(r->base + offset) : "memory");
    return value;
}

static inline void register_write8(const struct registers *r, uint32_t offset, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" : : "rZ"(value), "r"(r->base + offset) : "memory");
}

static inline void register_write16(const struct registers *r, uint32_t offset, uint16_t value)
{
    __asm__ volatile("strh %w0, [%1]" : : "rZ"(value), "r"(r->base + offset) : "memory");
}

static inline void register_write32(const struct registers *r, uint32_t offset, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "rZ"(value), "r"(r->base + offset) : "memory");
}

/** What was written to memory is there before a register is written that tells the device so. */
static inline void register_publish_memory(void)
{
    __asm__ volatile("dmb oshst" : : : "memory");
}

/** What is read from memory is not older than what a register has just said about it. */
static inline void register_observe_memory(void)
{
    __asm__ volatile("dmb oshld" : : : "memory");
}

/** All accesses so far have been done: before another device is touched that depends on them, and before a reset. */
static inline void registers_settle(void)
{
    __asm__ volatile("dsb sy" : : : "memory");
}
