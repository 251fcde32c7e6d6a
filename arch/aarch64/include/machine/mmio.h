/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/mmio.h - access to device registers.
 *
 * Each call is exactly one load or store of the stated width from one register without write-back:
 * never merged, split, paired or repeated, which Device memory and hypervisors demand. Accesses to
 * one device keep their order. Accesses to different devices need mmio_change_device() between
 * them: the BCM2711's interconnect may return or perform them out of order.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline const volatile void *mmio_at(const volatile void *base, size_t offset)
{
    return (const volatile char *)base + offset;
}

static inline uint32_t mmio_read32(const volatile void *base, size_t offset)
{
    uint32_t value;
    asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(mmio_at(base, offset)) : "memory");
    return value;
}

static inline uint64_t mmio_read64(const volatile void *base, size_t offset)
{
    uint64_t value;
    asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(mmio_at(base, offset)) : "memory");
    return value;
}

static inline void mmio_write8(volatile void *base, size_t offset, uint8_t value)
{
    asm volatile("strb %w0, [%1]" : : "r"(value), "r"(mmio_at(base, offset)) : "memory");
}

static inline void mmio_write32(volatile void *base, size_t offset, uint32_t value)
{
    asm volatile("str %w0, [%1]" : : "r"(value), "r"(mmio_at(base, offset)) : "memory");
}

static inline void mmio_write64(volatile void *base, size_t offset, uint64_t value)
{
    asm volatile("str %0, [%1]" : : "r"(value), "r"(mmio_at(base, offset)) : "memory");
}

/** Between the accesses to one device and those to another; memory counts as a device. */
static inline void mmio_change_device(void)
{
    asm volatile("dmb osh" : : : "memory");
}
