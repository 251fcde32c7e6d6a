/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to address*.c: the entries of ranges and dma-ranges. */
#pragma once

#include "address.h"

enum {
    ADDRESS_CELLS_MAX = 3,
    SIZE_CELLS_MAX = 2,
    PCI_SPACE =
        0x03000000, /* of the first of three cells: configuration, I/O, memory, memory of 64 bits */
};

/* A checked property of (child address, parent address, size) entries. */
struct address_map {
    struct tree_value value;
    uint32_t count;
    uint32_t child_cells, parent_cells, size_cells;
};

/* Can addresses be read on this bus? */
kern_return_t address_check_cells(const struct tree *tree, uint32_t bus, struct reason *reason);
/* One address; not its size. */
void address_read(struct tree_value v, uint32_t at, uint32_t cells, struct bus_address *out);
/* bus is not the root. No such property: an empty map. */
kern_return_t address_map_open(const struct tree *tree, uint32_t bus, const char *property,
                               struct address_map *out, struct reason *reason);
void address_map_entry(const struct address_map *map, uint32_t i, struct bus_address *child,
                       struct bus_address *parent);
