/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver gets: registers, lines, memory windows; and who else has registers in the same pages, since a page is the least that can be
 * mapped. See devices.h.
 */
#include "devices.h"

#include <stdlib.h>
#include <string.h>

/* ---- Who has registers where ---- */

/* Has it addresses that are no registers: memory, or numbers of CPUs? */
static bool is_no_device(const struct tree *tree, uint32_t node)
{
    const char *top = tree->nodes[tree_top(tree, node)].name;

    return strcmp(top, "cpus") == 0 || strcmp(top, "reserved-memory") == 0 ||
           value_has_string(tree_get(tree, node, "device_type"), "memory");
}

static void add_pages(struct device_set *set, uint32_t node)
{
    struct address_range range;
    struct reason ignored;
    uint32_t count;

    if (address_count(set->tree, node, &count, &ignored) != KERN_SUCCESS)
        return;
    for (uint32_t i = 0; i < count && i < ADDRESS_RANGES_MAX && set->pages_count < DEVICE_PAGES_MAX;
         i++)
        if (address_range(set->tree, node, i, &range, &ignored) == KERN_SUCCESS)
            set->pages[set->pages_count++] =
                (struct device_pages){range.base, range.base / DEVICE_PAGE,
                                      (range.base + range.size - 1) / DEVICE_PAGE, node};
}

kern_return_t device_pages_read(struct device_set *set, struct reason *reason)
{
    set->pages = calloc(DEVICE_PAGES_MAX, sizeof(*set->pages));
    if (set->pages == NULL)
        return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory for the table of registers");
    for (uint32_t node = 1; node < set->tree->node_count; node++) {
        if (is_no_device(set->tree, node))
            continue;
        add_pages(set, node);
        if (set->pages_count == DEVICE_PAGES_MAX)
            return reason_set(reason, KERN_NOT_SUPPORTED,
                              "the tree has more than %u ranges of registers",
                              (unsigned)DEVICE_PAGES_MAX);
    }
    return KERN_SUCCESS;
}

/* Another node with registers in the pages of the range. inside: descendants of the node do not count. A disabled node that begins where the range
 * does is another description of the same device, of which the tree chose one. */
static uint32_t other_in(const struct device_set *set, uint32_t node,
                         const struct address_range *range, bool inside)
{
    uint64_t first = range->base / DEVICE_PAGE,
             last = (range->base + range->size - 1) / DEVICE_PAGE;

    for (uint32_t i = 0; i < set->pages_count; i++) {
        const struct device_pages *p = &set->pages[i];

        if (p->first > last || p->last < first || p->node == node ||
            (inside && tree_below(set->tree, p->node, node)) ||
            (p->base == range->base && !set->tree->nodes[p->node].enabled))
            continue;
        return p->node;
    }
    return TREE_NONE;
}

static kern_return_t check_alone(const struct device_set *set, const struct device *device,
                                 const struct manifest *m, struct reason *reason)
{
    for (uint32_t i = 0; i < device->ranges; i++) {
        uint32_t other = other_in(set, device->node, &device->range[i], i >= device->own_ranges);
        char path[TREE_PATH_MAX];
        struct text t = text_in(path, sizeof(path));

        if (other == TREE_NONE || m->share_page)
            continue;
        tree_path(set->tree, other, &t);
        return reason_set(
            reason, KERN_DENIED,
            "registers of %.100s are in the same page as its 0x%llx, and driver %s does not "
            "say share-page",
            path, (unsigned long long)device->range[i].base, m->name);
    }
    return KERN_SUCCESS;
}

/* ---- Resources ---- */

static kern_return_t take_ranges(const struct device_set *set, struct device *device,
                                 const struct manifest *m, struct reason *reason)
{
    uint32_t count;
    kern_return_t result =
        m->ranges.most == 0 ? KERN_SUCCESS : address_count(set->tree, device->node, &count, reason);

    device->ranges = 0;
    if (m->ranges.most == 0 || result != KERN_SUCCESS)
        return result;
    if (count < m->ranges.least)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "it has %u ranges of registers, driver %s needs %u", (unsigned)count,
                          m->name, (unsigned)m->ranges.least);
    for (; device->ranges < count && device->ranges < m->ranges.most; device->ranges++) {
        result = address_range(set->tree, device->node, device->ranges,
                               &device->range[device->ranges], reason);
        if (result != KERN_SUCCESS)
            return result;
    }
    return KERN_SUCCESS;
}

static kern_return_t take_windows(const struct device_set *set, struct device *device,
                                  struct reason *reason)
{
    struct bus_window window[ADDRESS_RANGES_MAX];
    uint32_t count;
    kern_return_t result = address_bus_windows(set->tree, device->node, window, &count, reason);

    if (result != KERN_SUCCESS)
        return result;
    if (count > ADDRESS_RANGES_MAX - device->ranges)
        return reason_set(reason, KERN_NOT_SUPPORTED, "it has more than %u ranges and windows",
                          (unsigned)ADDRESS_RANGES_MAX);
    for (uint32_t i = 0; i < count; i++)
        device->range[device->ranges++] =
            (struct address_range){window[i].base, window[i].bus.size};
    return KERN_SUCCESS;
}

static kern_return_t take_lines(const struct device_set *set, struct device *device,
                                const struct manifest *m, struct reason *reason)
{
    kern_return_t result = KERN_SUCCESS;

    device->lines = 0;
    if (m->lines.most > 0)
        result = interrupts_lines(set->tree, set->root, device->node, m->lines.most, device->line,
                                  &device->lines, reason);
    if (result == KERN_SUCCESS && m->bus) {
        struct interrupt_routes *routes = calloc(1, sizeof(*routes));

        if (routes == NULL)
            return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory for an interrupt-map");
        result = interrupts_routes(set->tree, set->root, device->node, device->line, &device->lines,
                                   routes, reason);
        free(routes);
    }
    if (result == KERN_SUCCESS && device->lines < m->lines.least)
        result = reason_set(reason, KERN_BAD_FORMAT, "it has %u interrupts, driver %s needs %u",
                            (unsigned)device->lines, m->name, (unsigned)m->lines.least);
    return result;
}

static kern_return_t take_dma(const struct device_set *set, struct device *device,
                              const struct manifest *m, struct reason *reason)
{
    uint32_t from =
        m->bus || device->node == 0 ? device->node : set->tree->nodes[device->node].parent;
    kern_return_t result;

    device->dma = false;
    device->windows = 0;
    device->coherent = false;
    if (m->dma == MANIFEST_DMA_NO)
        return KERN_SUCCESS;
    result = address_dma_windows(set->tree, from, device->window, &device->windows, reason);
    if (result == KERN_SUCCESS && !address_dma_clip(device->window, &device->windows, m->dma_bits))
        result = reason_set(reason, KERN_NOT_SUPPORTED,
                            "no memory has an address of %u bits for it", m->dma_bits);
    if (result != KERN_SUCCESS) {
        device->windows = 0;
        return m->dma == MANIFEST_DMA_YES ? result : KERN_SUCCESS;
    }
    device->dma = true;
    device->coherent = address_coherent(set->tree, device->node);
    return KERN_SUCCESS;
}

kern_return_t device_resources(const struct device_set *set, struct device *device,
                               const struct manifest *manifest, struct reason *reason)
{
    kern_return_t result = take_ranges(set, device, manifest, reason);

    device->own_ranges = device->ranges;
    device->strict = manifest->strict;
    if (result == KERN_SUCCESS && manifest->bus)
        result = take_windows(set, device, reason);
    if (result == KERN_SUCCESS)
        result = check_alone(set, device, manifest, reason);
    if (result == KERN_SUCCESS)
        result = take_lines(set, device, manifest, reason);
    if (result == KERN_SUCCESS)
        result = take_dma(set, device, manifest, reason);
    return result;
}
