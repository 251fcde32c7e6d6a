/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See interrupts.h. A specifier goes from controller to controller until it is at the root: a node with interrupt-map says what it is at
 * the next one. Every hop is counted, so a circle ends.
 */
#include "interrupts.h"

#include <string.h>

static const char *const gics[] = {
    "arm,gic-400",       "arm,cortex-a15-gic", "arm,cortex-a9-gic",
    "arm,cortex-a7-gic", "qcom,msm-qgic2",     "arm,gic-v3",
};

/* An interrupt at a controller. address: that of who interrupts, for maps. */
struct specifier {
    uint32_t controller;
    uint32_t cells;
    uint32_t cell[INTERRUPTS_CELLS_MAX];
    uint32_t address_cells;
    uint32_t address[4];
};

bool interrupts_is_gic(const struct tree *tree, uint32_t node)
{
    struct tree_value compatible = tree_get(tree, node, "compatible");

    for (size_t i = 0; i < sizeof(gics) / sizeof(gics[0]); i++)
        if (value_has_string(compatible, gics[i]))
            return true;
    return false;
}

/* Who a node's interrupts go to, by itself or one above: TREE_NONE: nobody. */
static uint32_t parent_of(const struct tree *tree, uint32_t node)
{
    for (; node != TREE_NONE; node = tree->nodes[node].parent) {
        struct tree_value v = tree_get(tree, node, "interrupt-parent");

        if (v.data != NULL)
            return tree_by_phandle(tree, value_u32(v, 0));
        /* Without one it is the next one up that takes interrupts. */
        if (node != 0 && tree_has(tree, tree->nodes[node].parent, "#interrupt-cells"))
            return tree->nodes[node].parent;
    }
    return TREE_NONE;
}

uint32_t interrupts_root(const struct tree *tree)
{
    uint32_t first = TREE_NONE;

    for (uint32_t i = 0; i < tree->node_count; i++) {
        uint32_t controller;

        if (!tree->nodes[i].enabled)
            continue;
        if (first == TREE_NONE && interrupts_is_gic(tree, i))
            first = i;
        if (!value_has_string(tree_get(tree, i, "compatible"), "arm,armv8-timer"))
            continue;
        controller = parent_of(tree, i);
        if (controller != TREE_NONE && interrupts_is_gic(tree, controller))
            return controller;
    }
    return first;
}

static const char *name_of(const struct tree *tree, uint32_t node)
{
    return node == 0 ? "/" : tree->nodes[node].name;
}

static kern_return_t decode(const struct specifier *s, struct interrupt_line *out,
                            struct reason *reason)
{
    if (s->cells < 3)
        return reason_set(reason, KERN_BAD_FORMAT, "its interrupt has %u cells, not 3",
                          (unsigned)s->cells);
    if (s->cell[0] == 1)
        return reason_set(reason, KERN_NOT_SUPPORTED,
                          "its interrupt (PPI %u) is private to each CPU", (unsigned)s->cell[1]);
    if (s->cell[0] != 0 || s->cell[1] >= 988)
        return reason_set(reason, KERN_NOT_SUPPORTED,
                          "its interrupt (type %u, number %u) is none of a GIC",
                          (unsigned)s->cell[0], (unsigned)s->cell[1]);
    *out = (struct interrupt_line){.number = 32 + s->cell[1], .edge = (s->cell[2] & 3) != 0};
    return KERN_SUCCESS;
}

/* ---- Maps ---- */

struct map {
    struct tree_value value, mask;
    uint32_t address_cells, cells; /* of what is looked up */
    uint32_t length;               /* in cells */
};

/* One entry of a map. to: at the next controller. */
struct map_entry {
    uint32_t at; /* where what it is for begins: address, specifier */
    struct specifier to;
};

static kern_return_t open_map(const struct tree *tree, uint32_t node, struct map *out,
                              struct reason *reason)
{
    *out = (struct map){
        .value = tree_get(tree, node, "interrupt-map"),
        .mask = tree_get(tree, node, "interrupt-map-mask"),
        .address_cells = value_u32(tree_get(tree, node, "#address-cells"), 0),
        .cells = value_u32(tree_get(tree, node, "#interrupt-cells"), 0),
    };
    out->length = out->value.length / 4;
    if (out->address_cells > 3 || out->cells < 1 || out->cells > INTERRUPTS_CELLS_MAX ||
        out->value.length % 4 != 0)
        return reason_set(reason, KERN_BAD_FORMAT, "interrupt-map of %s makes no sense",
                          name_of(tree, node));
    if (out->mask.data != NULL && out->mask.length != (out->address_cells + out->cells) * 4)
        return reason_set(reason, KERN_BAD_FORMAT, "interrupt-map-mask of %s is %u bytes, not %u",
                          name_of(tree, node), (unsigned)out->mask.length,
                          (unsigned)((out->address_cells + out->cells) * 4));
    return KERN_SUCCESS;
}

/* Read the entry at *at and go on to the next. */
static kern_return_t next_entry(const struct tree *tree, const struct map *map, uint32_t *at,
                                struct map_entry *out, struct reason *reason)
{
    uint32_t from = map->address_cells + map->cells, left = map->length - *at, address_cells, cells,
             phandle;

    if (left < from + 1)
        return reason_set(reason, KERN_BAD_FORMAT, "an interrupt-map is cut off");
    phandle = value_cell(map->value, *at + from);
    *out = (struct map_entry){.at = *at, .to = {.controller = tree_by_phandle(tree, phandle)}};
    if (out->to.controller == TREE_NONE)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "an interrupt-map names a controller (phandle 0x%x) that is not there",
                          (unsigned)phandle);
    address_cells = value_u32(tree_get(tree, out->to.controller, "#address-cells"), 0);
    cells = value_u32(tree_get(tree, out->to.controller, "#interrupt-cells"), 0);
    if (address_cells > 3 || cells < 1 || cells > INTERRUPTS_CELLS_MAX ||
        left - from - 1 < address_cells + cells)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "an interrupt-map is cut off, or its controller makes no sense");
    out->to.address_cells = address_cells;
    out->to.cells = cells;
    for (uint32_t i = 0; i < address_cells; i++)
        out->to.address[i] = value_cell(map->value, *at + from + 1 + i);
    for (uint32_t i = 0; i < cells; i++)
        out->to.cell[i] = value_cell(map->value, *at + from + 1 + address_cells + i);
    *at += from + 1 + address_cells + cells;
    return KERN_SUCCESS;
}

static uint32_t mask_cell(const struct map *map, uint32_t i)
{
    return map->mask.data != NULL ? value_cell(map->mask, i) : UINT32_MAX;
}

static bool is_for(const struct map *map, const struct map_entry *entry, const struct specifier *s)
{
    for (uint32_t i = 0; i < map->address_cells; i++) {
        uint32_t own = i < s->address_cells ? s->address[i] : 0;

        if ((own & mask_cell(map, i)) !=
            (value_cell(map->value, entry->at + i) & mask_cell(map, i)))
            return false;
    }
    for (uint32_t i = 0; i < map->cells; i++) {
        uint32_t own = i < s->cells ? s->cell[i] : 0, at = map->address_cells + i;

        if ((own & mask_cell(map, at)) !=
            (value_cell(map->value, entry->at + at) & mask_cell(map, at)))
            return false;
    }
    return true;
}

static kern_return_t through_map(const struct tree *tree, struct specifier *s,
                                 struct reason *reason)
{
    struct map_entry entry = {0};
    struct map map;
    uint32_t at = 0;
    kern_return_t result = open_map(tree, s->controller, &map, reason);

    if (result != KERN_SUCCESS)
        return result;
    for (unsigned n = 0; at < map.length && n < INTERRUPTS_MAP_MAX; n++) {
        result = next_entry(tree, &map, &at, &entry, reason);
        if (result != KERN_SUCCESS)
            return result;
        if (is_for(&map, &entry, s)) {
            *s = entry.to;
            return KERN_SUCCESS;
        }
    }
    return reason_set(reason, KERN_BAD_FORMAT, "its interrupt is not in the interrupt-map of %s",
                      name_of(tree, s->controller));
}

/* All the way to the root. */
static kern_return_t resolve(const struct tree *tree, uint32_t root, struct specifier *s,
                             struct interrupt_line *out, struct reason *reason)
{
    for (unsigned hops = 0; hops < INTERRUPTS_HOPS_MAX; hops++) {
        struct tree_value compatible;
        kern_return_t result;

        if (s->controller == root)
            return decode(s, out, reason);
        if (!tree_has(tree, s->controller, "interrupt-map")) {
            compatible = tree_get(tree, s->controller, "compatible");
            return reason_set(reason, KERN_NOT_SUPPORTED,
                              "its interrupt goes to %s (%s), which the kernel does not drive",
                              name_of(tree, s->controller),
                              value_is_strings(compatible) ? (const char *)compatible.data
                                                           : "of no kind");
        }
        result = through_map(tree, s, reason);
        if (result != KERN_SUCCESS)
            return result;
    }
    return reason_set(reason, KERN_BAD_FORMAT, "its interrupt goes through more than %u maps",
                      (unsigned)INTERRUPTS_HOPS_MAX);
}

/* ---- Nodes ---- */

static void own_address(const struct tree *tree, uint32_t node, struct specifier *s)
{
    struct tree_value reg = tree_get(tree, node, "reg");
    uint32_t cells = node == 0 ? 0 : tree->nodes[tree->nodes[node].parent].address_cells;

    s->address_cells = 0;
    if (cells > 3 || reg.data == NULL || reg.length / 4 < cells)
        return;
    s->address_cells = cells;
    for (uint32_t i = 0; i < cells; i++)
        s->address[i] = value_cell(reg, i);
}

/* The specifier at cell *at of interrupts or interrupts-extended; goes on to the next. */
static kern_return_t next_specifier(const struct tree *tree, struct tree_value list, bool extended,
                                    uint32_t *at, struct specifier *s, struct reason *reason)
{
    if (extended) {
        uint32_t phandle = value_cell(list, (*at)++);

        s->controller = tree_by_phandle(tree, phandle);
        if (s->controller == TREE_NONE)
            return reason_set(reason, KERN_BAD_FORMAT,
                              "it interrupts a controller (phandle 0x%x) that is not there",
                              (unsigned)phandle);
    }
    s->cells = value_u32(tree_get(tree, s->controller, "#interrupt-cells"), 0);
    if (s->cells < 1 || s->cells > INTERRUPTS_CELLS_MAX)
        return reason_set(reason, KERN_BAD_FORMAT, "its interrupt controller %s takes %u cells",
                          name_of(tree, s->controller), (unsigned)s->cells);
    if (list.length / 4 - *at < s->cells)
        return reason_set(reason, KERN_BAD_FORMAT, "its interrupts are cut off");
    for (uint32_t i = 0; i < s->cells; i++)
        s->cell[i] = value_cell(list, (*at)++);
    return KERN_SUCCESS;
}

kern_return_t interrupts_lines(const struct tree *tree, uint32_t root, uint32_t node, uint32_t most,
                               struct interrupt_line out[INTERRUPTS_MAX], uint32_t *count,
                               struct reason *reason)
{
    struct tree_value list = tree_get(tree, node, "interrupts-extended");
    bool extended = list.data != NULL;
    struct specifier s = {0};
    uint32_t at = 0;

    *count = 0;
    if (!extended)
        list = tree_get(tree, node, "interrupts");
    if (list.data == NULL)
        return KERN_SUCCESS;
    if (list.length % 4 != 0)
        return reason_set(reason, KERN_BAD_FORMAT, "its interrupts are %u bytes",
                          (unsigned)list.length);
    while (at < list.length / 4 && *count < most && *count < INTERRUPTS_MAX) {
        kern_return_t result;

        if (!extended && (s.controller = parent_of(tree, node)) == TREE_NONE)
            return reason_set(reason, KERN_BAD_FORMAT,
                              "it does not say which controller it interrupts");
        result = next_specifier(tree, list, extended, &at, &s, reason);
        if (result != KERN_SUCCESS)
            return result;
        own_address(tree, node, &s);
        result = resolve(tree, root, &s, &out[*count], reason);
        if (result != KERN_SUCCESS)
            return result;
        ++*count;
    }
    return KERN_SUCCESS;
}

/* Its place among the lines; appended if it is new. */
static kern_return_t line_index(const struct interrupt_line *line, struct interrupt_line *lines,
                                uint32_t *count, uint32_t *out, struct reason *reason)
{
    for (*out = 0; *out < *count; ++*out)
        if (lines[*out].number == line->number)
            return KERN_SUCCESS;
    if (*count == INTERRUPTS_MAX)
        return reason_set(reason, KERN_NOT_SUPPORTED, "it has more than %u interrupts",
                          (unsigned)INTERRUPTS_MAX);
    lines[(*count)++] = *line;
    return KERN_SUCCESS;
}

kern_return_t interrupts_routes(const struct tree *tree, uint32_t root, uint32_t node,
                                struct interrupt_line lines[INTERRUPTS_MAX], uint32_t *count,
                                struct interrupt_routes *out, struct reason *reason)
{
    struct map map;
    kern_return_t result = open_map(tree, node, &map, reason);
    uint32_t at = 0;

    *out = (struct interrupt_routes){0};
    if (!tree_has(tree, node, "interrupt-map"))
        return KERN_SUCCESS;
    if (result == KERN_SUCCESS && (map.address_cells != 3 || map.cells != 1))
        result = reason_set(reason, KERN_BAD_FORMAT, "its interrupt-map is none of a PCI host");
    if (result != KERN_SUCCESS)
        return result;
    out->address_mask = mask_cell(&map, 0);
    out->pin_mask = mask_cell(&map, 3);
    while (at < map.length) {
        struct interrupt_route *route = &out->route[out->count];
        struct map_entry entry = {0};
        struct interrupt_line line = {0};

        if (out->count == INTERRUPTS_ROUTES_MAX)
            return reason_set(reason, KERN_NOT_SUPPORTED,
                              "its interrupt-map has more than %u entries",
                              (unsigned)INTERRUPTS_ROUTES_MAX);
        result = next_entry(tree, &map, &at, &entry, reason);
        if (result == KERN_SUCCESS)
            result = resolve(tree, root, &entry.to, &line, reason);
        if (result == KERN_SUCCESS)
            result = line_index(&line, lines, count, &route->line, reason);
        if (result != KERN_SUCCESS)
            return result;
        route->address = value_cell(map.value, entry.at) & out->address_mask;
        route->pin = value_cell(map.value, entry.at + 3) & out->pin_mask;
        out->count++;
    }
    return KERN_SUCCESS;
}
