/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers as the CPU reaches them: reg, through every ranges. See address.h. */
#include "address.h"
#include "address_impl.h"

kern_return_t address_check_cells(const struct tree *tree, uint32_t bus, struct reason *reason)
{
    const struct tree_node *node = &tree->nodes[bus];

    if (node->address_cells < 1 || node->address_cells > ADDRESS_CELLS_MAX ||
        node->size_cells > SIZE_CELLS_MAX)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "its bus %s has %u address cells and %u size cells",
                          bus == 0 ? "/" : node->name, (unsigned)node->address_cells,
                          (unsigned)node->size_cells);
    return KERN_SUCCESS;
}

void address_read(struct tree_value v, uint32_t at, uint32_t cells, struct bus_address *out)
{
    out->space = cells == 3 ? value_cell(v, at) & PCI_SPACE : 0;
    out->base = cells == 3 ? value_cells(v, at + 1, 2) : value_cells(v, at, cells);
}

kern_return_t address_map_open(const struct tree *tree, uint32_t bus, const char *property,
                               struct address_map *out, struct reason *reason)
{
    const struct tree_node *node = &tree->nodes[bus];
    kern_return_t result = address_check_cells(tree, bus, reason);
    uint32_t cells;

    if (result == KERN_SUCCESS)
        result = address_check_cells(tree, node->parent, reason);
    if (result != KERN_SUCCESS)
        return result;
    *out = (struct address_map){
        .value = tree_get(tree, bus, property),
        .child_cells = node->address_cells,
        .parent_cells = tree->nodes[node->parent].address_cells,
        .size_cells = node->size_cells,
    };
    cells = out->child_cells + out->parent_cells + out->size_cells;
    if (out->value.length % (cells * 4) != 0)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "%s of its bus %s is %u bytes, not a multiple of %u", property,
                          node->name, (unsigned)out->value.length, (unsigned)(cells * 4));
    out->count = out->value.length / (cells * 4);
    if (out->count > ADDRESS_ENTRIES_MAX)
        return reason_set(reason, KERN_NOT_SUPPORTED, "%s of its bus %s has more than %u entries",
                          property, node->name, (unsigned)ADDRESS_ENTRIES_MAX);
    return KERN_SUCCESS;
}

void address_map_entry(const struct address_map *map, uint32_t i, struct bus_address *child,
                       struct bus_address *parent)
{
    uint32_t at = i * (map->child_cells + map->parent_cells + map->size_cells);

    address_read(map->value, at, map->child_cells, child);
    address_read(map->value, at + map->child_cells, map->parent_cells, parent);
    child->size =
        value_cells(map->value, at + map->child_cells + map->parent_cells, map->size_cells);
    parent->size = child->size;
}

/* *r, an address of `bus`, as an address of the bus above it. */
static kern_return_t translate_up(const struct tree *tree, uint32_t bus, struct bus_address *r,
                                  struct reason *reason)
{
    struct address_map map;
    kern_return_t result;

    if (!tree_has(tree, bus, "ranges"))
        return reason_set(reason, KERN_NOT_FOUND,
                          "the CPU does not reach it: its bus %s has no ranges",
                          tree->nodes[bus].name);
    result = address_map_open(tree, bus, "ranges", &map, reason);
    if (result != KERN_SUCCESS || map.count == 0)
        return result; /* none: the same addresses above */
    for (uint32_t i = 0; i < map.count; i++) {
        struct bus_address from, to;

        address_map_entry(&map, i, &from, &to);
        if (from.space != r->space || r->base < from.base || r->base - from.base >= from.size)
            continue;
        if (r->size > from.size - (r->base - from.base) ||
            __builtin_add_overflow(to.base, r->base - from.base, &to.base))
            break;
        *r = (struct bus_address){to.space, to.base, r->size};
        return KERN_SUCCESS;
    }
    return reason_set(reason, KERN_BAD_FORMAT,
                      "0x%llx (0x%llx bytes) is not within the ranges of its bus %s",
                      (unsigned long long)r->base, (unsigned long long)r->size,
                      tree->nodes[bus].name);
}

/* From `bus` up to the CPU. */
static kern_return_t translate(const struct tree *tree, uint32_t bus, struct bus_address *r,
                               struct reason *reason)
{
    uint64_t end;

    for (; bus != 0; bus = tree->nodes[bus].parent) {
        kern_return_t result = translate_up(tree, bus, r, reason);

        if (result != KERN_SUCCESS)
            return result;
    }
    if (__builtin_add_overflow(r->base, r->size, &end) || end > ADDRESS_LIMIT)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "0x%llx (0x%llx bytes) is beyond what a CPU can address",
                          (unsigned long long)r->base, (unsigned long long)r->size);
    return KERN_SUCCESS;
}

kern_return_t address_count(const struct tree *tree, uint32_t node, uint32_t *out,
                            struct reason *reason)
{
    struct tree_value reg = tree_get(tree, node, "reg");
    const struct tree_node *bus;
    kern_return_t result;
    uint32_t bytes;

    *out = 0;
    if (node == 0 || reg.data == NULL)
        return KERN_SUCCESS;
    result = address_check_cells(tree, tree->nodes[node].parent, reason);
    if (result != KERN_SUCCESS)
        return result;
    bus = &tree->nodes[tree->nodes[node].parent];
    bytes = (bus->address_cells + bus->size_cells) * 4;
    if (reg.length % bytes != 0)
        return reason_set(reason, KERN_BAD_FORMAT, "reg is %u bytes, not a multiple of %u",
                          (unsigned)reg.length, (unsigned)bytes);
    *out = reg.length / bytes;
    return KERN_SUCCESS;
}

kern_return_t address_range(const struct tree *tree, uint32_t node, uint32_t i,
                            struct address_range *out, struct reason *reason)
{
    uint32_t bus = tree->nodes[node].parent;
    uint32_t address_cells = tree->nodes[bus].address_cells,
             size_cells = tree->nodes[bus].size_cells;
    struct tree_value reg = tree_get(tree, node, "reg");
    struct bus_address r;
    kern_return_t result;

    address_read(reg, i * (address_cells + size_cells), address_cells, &r);
    r.size = value_cells(reg, i * (address_cells + size_cells) + address_cells, size_cells);
    result = translate(tree, bus, &r, reason);
    if (result != KERN_SUCCESS)
        return result;
    if (r.size == 0)
        return reason_set(reason, KERN_BAD_FORMAT, "entry %u of reg has size 0", (unsigned)i);
    *out = (struct address_range){r.base, r.size};
    return KERN_SUCCESS;
}

kern_return_t address_bus_windows(const struct tree *tree, uint32_t bus,
                                  struct bus_window out[ADDRESS_RANGES_MAX], uint32_t *count,
                                  struct reason *reason)
{
    struct address_map map;
    kern_return_t result;

    *count = 0;
    if (bus == 0 || !tree_has(tree, bus, "ranges"))
        return KERN_SUCCESS;
    result = address_map_open(tree, bus, "ranges", &map, reason);
    if (result != KERN_SUCCESS)
        return result;
    if (map.count > ADDRESS_RANGES_MAX)
        return reason_set(reason, KERN_NOT_SUPPORTED, "ranges has more than %u entries",
                          (unsigned)ADDRESS_RANGES_MAX);
    for (uint32_t i = 0; i < map.count; i++) {
        struct bus_address child, parent;

        address_map_entry(&map, i, &child, &parent);
        if (child.size == 0)
            continue;
        result = translate(tree, tree->nodes[bus].parent, &parent, reason);
        if (result != KERN_SUCCESS)
            return result;
        out[(*count)++] = (struct bus_window){child, parent.base};
    }
    return KERN_SUCCESS;
}

bool address_coherent(const struct tree *tree, uint32_t node)
{
    for (; node != TREE_NONE; node = tree->nodes[node].parent) {
        if (tree_has(tree, node, "dma-coherent"))
            return true;
        if (tree_has(tree, node, "dma-noncoherent"))
            return false;
    }
    return false;
}
