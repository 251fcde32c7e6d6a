/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as a device reaches it: dma-ranges. See address.h.
 *
 * Windows begin as the entries of the nearest dma-ranges, in addresses of the bus above, and are cut to what each dma-ranges further up
 * lets through. Where a bus says nothing, addresses stay as they are.
 */
#include "address.h"
#include "address_impl.h"

#include <string.h>

static kern_return_t too_many(struct reason *reason)
{
    return reason_set(reason, KERN_NOT_SUPPORTED, "it reaches memory in more than %u pieces",
                      (unsigned)ADDRESS_WINDOWS_MAX);
}

static kern_return_t first_windows(const struct address_map *map, struct address_window *out,
                                   uint32_t *count, struct reason *reason)
{
    *count = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        struct bus_address device, memory;
        uint64_t end;

        address_map_entry(map, i, &device, &memory);
        if (device.size == 0)
            continue;
        if (__builtin_add_overflow(device.base, device.size - 1, &end) ||
            __builtin_add_overflow(memory.base, device.size - 1, &end))
            return reason_set(reason, KERN_BAD_FORMAT,
                              "entry %u of dma-ranges goes beyond all addresses", (unsigned)i);
        if (*count == ADDRESS_WINDOWS_MAX)
            return too_many(reason);
        out[(*count)++] = (struct address_window){memory.base, device.base, device.size};
    }
    return KERN_SUCCESS;
}

/* What of `w`, whose memory is in the bus's addresses, one entry lets through. False: nothing. */
static bool cut(const struct address_window *w, const struct bus_address *child,
                const struct bus_address *parent, struct address_window *out)
{
    uint64_t first = w->memory > child->base ? w->memory : child->base;
    uint64_t w_last = w->memory + (w->size - 1), last, memory;

    if (child->size == 0 || __builtin_add_overflow(child->base, child->size - 1, &last))
        return false;
    last = last < w_last ? last : w_last;
    if (first > last || __builtin_add_overflow(parent->base, first - child->base, &memory) ||
        memory + (last - first) < memory || last - first == UINT64_MAX)
        return false;
    *out = (struct address_window){memory, w->bus + (first - w->memory), last - first + 1};
    return true;
}

static kern_return_t through(const struct address_map *map, struct address_window *windows,
                             uint32_t *count, struct reason *reason)
{
    struct address_window result[ADDRESS_WINDOWS_MAX] = {0};
    uint32_t results = 0;

    for (uint32_t w = 0; w < *count; w++) {
        for (uint32_t i = 0; i < map->count; i++) {
            struct bus_address child, parent;
            struct address_window piece;

            address_map_entry(map, i, &child, &parent);
            if (!cut(&windows[w], &child, &parent, &piece))
                continue;
            if (results == ADDRESS_WINDOWS_MAX)
                return too_many(reason);
            result[results++] = piece;
        }
    }
    memcpy(windows, result, results * sizeof(result[0]));
    *count = results;
    return KERN_SUCCESS;
}

/* To what a CPU can address. */
static void clip_to_memory(struct address_window *windows, uint32_t *count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *count; i++) {
        if (windows[i].memory >= ADDRESS_LIMIT)
            continue;
        if (windows[i].size > ADDRESS_LIMIT - windows[i].memory)
            windows[i].size = ADDRESS_LIMIT - windows[i].memory;
        windows[kept++] = windows[i];
    }
    *count = kept;
}

kern_return_t address_dma_windows(const struct tree *tree, uint32_t from,
                                  struct address_window out[ADDRESS_WINDOWS_MAX], uint32_t *count,
                                  struct reason *reason)
{
    bool found = false;

    for (uint32_t bus = from; bus != 0; bus = tree->nodes[bus].parent) {
        struct address_map map;
        kern_return_t result;

        if (tree_get(tree, bus, "dma-ranges").length == 0)
            continue;
        result = address_map_open(tree, bus, "dma-ranges", &map, reason);
        if (result == KERN_SUCCESS)
            result =
                found ? through(&map, out, count, reason) : first_windows(&map, out, count, reason);
        if (result != KERN_SUCCESS)
            return result;
        found = true;
    }
    if (!found) {
        out[0] = (struct address_window){0, 0, ADDRESS_LIMIT};
        *count = 1;
    }
    clip_to_memory(out, count);
    if (*count == 0)
        return reason_set(reason, KERN_NOT_FOUND, "its dma-ranges lead to no memory");
    return KERN_SUCCESS;
}

bool address_dma_clip(struct address_window windows[ADDRESS_WINDOWS_MAX], uint32_t *count,
                      unsigned bits)
{
    uint64_t limit = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1; /* the last address */
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *count; i++) {
        if (windows[i].bus > limit)
            continue;
        if (windows[i].size - 1 > limit - windows[i].bus)
            windows[i].size = limit - windows[i].bus + 1;
        windows[kept++] = windows[i];
    }
    *count = kept;
    return kept > 0;
}
