/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of devices have to know of the machine, read from its device tree by means of their own: not the kernel's reader, nor
 * the device manager's, so that neither is tested against itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tree_range {
    uint64_t base, size;
};

enum { TREE_RANGES = 96 };

/** A device to play with, the better ones last. The UART is not the console's where there is nothing else. */
enum tree_toy { TOY_NONE, TOY_PL011, TOY_PL031 };

struct tree_facts {
    /* Where no device may be: RAM, what is reserved in it or beside it, interrupt controllers. */
    struct tree_range taken[TREE_RANGES];
    unsigned taken_count;
    unsigned banks; /* so many of them, the first ones, are RAM */
    /* Registers of others. */
    struct tree_range other[TREE_RANGES];
    unsigned other_count;
    enum tree_toy toy;
    struct tree_range toy_range;
    uint32_t toy_line;
};

/** Get the tree from the kernel, and read it. False: it is not well formed. */
bool tree_read(struct tree_facts *out);
/** The same from a blob. */
bool tree_read_blob(const void *blob, uint64_t size, struct tree_facts *out);
