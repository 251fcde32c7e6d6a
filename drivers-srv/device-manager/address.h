/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses in a tree: registers as the CPU reaches them, memory as a device reaches it.
 *
 * A range that comes out lies wholly within one entry of every `ranges` on its way up; all sums have been checked.
 */
#pragma once

#include "tree.h"

enum {
    ADDRESS_RANGES_MAX = 16,
    ADDRESS_WINDOWS_MAX = 8,
    ADDRESS_ENTRIES_MAX = 256, /* of one ranges or dma-ranges: bounds the time for a hostile tree */
};
#define ADDRESS_LIMIT (UINT64_C(1) << 48) /* nothing lies at or above */

/** space: of a PCI bus (the first cell of an address, but for the bus, device and function), else 0. */
struct bus_address {
    uint32_t space;
    uint64_t base;
    uint64_t size;
};

struct address_range {
    uint64_t base;
    uint64_t size;
};

/** [memory, memory + size) of the CPU's addresses is [bus, bus + size) for a device. */
struct address_window {
    uint64_t memory;
    uint64_t bus;
    uint64_t size;
};

/** A window of a bus: where its children's addresses appear to the CPU. */
struct bus_window {
    struct bus_address bus;
    uint64_t base;
};

/** How many entries the node's reg has; none is 0. */
kern_return_t address_count(const struct tree *tree, uint32_t node, uint32_t *out,
                            struct reason *reason);
/** The i-th of them (i < count). */
kern_return_t address_range(const struct tree *tree, uint32_t node, uint32_t i,
                            struct address_range *out, struct reason *reason);

/** The `ranges` of a bus, translated. Empty: none come out. */
kern_return_t address_bus_windows(const struct tree *tree, uint32_t bus,
                                  struct bus_window out[ADDRESS_RANGES_MAX], uint32_t *count,
                                  struct reason *reason);

/** What memory a device reaches, and at which addresses: the nearest dma-ranges that says something, taken up through those above it;
 *  none: all memory, at its own addresses. from: the device's bus, or the device itself if it is the bus. */
kern_return_t address_dma_windows(const struct tree *tree, uint32_t from,
                                  struct address_window out[ADDRESS_WINDOWS_MAX], uint32_t *count,
                                  struct reason *reason);
/** Only what a device can name with so many bits. False: nothing is left. */
bool address_dma_clip(struct address_window windows[ADDRESS_WINDOWS_MAX], uint32_t *count,
                      unsigned bits);

/** Does the device see what is in the caches? */
bool address_coherent(const struct tree *tree, uint32_t node);
