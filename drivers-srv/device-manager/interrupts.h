/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts in a tree: from a node's specifier, through whatever maps stand between, to a line of the controller that the kernel
 * drives (a GIC).
 */
#pragma once

#include "tree.h"

enum {
    INTERRUPTS_MAX = 16,         /* lines of one node */
    INTERRUPTS_MAP_MAX = 1024,   /* entries of one interrupt-map */
    INTERRUPTS_HOPS_MAX = 8,     /* maps one after the other */
    INTERRUPTS_CELLS_MAX = 8,    /* of one specifier */
    INTERRUPTS_ROUTES_MAX = 256, /* entries of a PCI host's map */
};

/** A line of the kernel's controller: its INTID. */
struct interrupt_line {
    uint32_t number;
    bool edge;
};

/** The controller that the kernel drives: the one its timer interrupts, or the only one. TREE_NONE: there is none. */
uint32_t interrupts_root(const struct tree *tree);
bool interrupts_is_gic(const struct tree *tree, uint32_t node);

/** The lines of a node, in the order of its specifiers, up to `most` of them. */
kern_return_t interrupts_lines(const struct tree *tree, uint32_t root, uint32_t node, uint32_t most,
                               struct interrupt_line out[INTERRUPTS_MAX], uint32_t *count,
                               struct reason *reason);

/** For a PCI host: which line (index) a function's pin is. address: the first cell of the function's, under the map's mask. */
struct interrupt_route {
    uint32_t address;
    uint32_t pin; /* 1 to 4: INTA to INTD */
    uint32_t line;
};

struct interrupt_routes {
    uint32_t address_mask;
    uint32_t pin_mask;
    uint32_t count;
    struct interrupt_route route[INTERRUPTS_ROUTES_MAX];
};

/** The interrupt-map of a PCI host. Its different lines are appended to lines[*count]. */
kern_return_t interrupts_routes(const struct tree *tree, uint32_t root, uint32_t node,
                                struct interrupt_line lines[INTERRUPTS_MAX], uint32_t *count,
                                struct interrupt_routes *out, struct reason *reason);
