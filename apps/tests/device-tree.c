/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See device-tree.h. One walk over the structure block with the open nodes on a stack. The tree is the kernel's, so it is well formed;
 * a mistake here makes the test fail.
 */
#include "device-tree.h"

#include "vm-test.h"
#include <string.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4, FDT_END = 9 };
enum { DEPTH = 24, SPI_FIRST = 32 };

struct bytes {
    const uint8_t *at;
    uint32_t size;
};

/* An open node, and the properties of it that matter. They all come before its children. */
struct node {
    const char *name;
    uint32_t address_cells, size_cells; /* of its children */
    bool translates;                    /* children's addresses can be the CPU's */
    bool is_gic, is_reserved;
    bool done; /* its own meaning has been noted */
    struct bytes reg, ranges, compatible, device_type, interrupts;
};

struct walk {
    const uint8_t *structure, *strings;
    struct node open[DEPTH];
    unsigned depth;
    struct tree_facts *facts;
};

static uint32_t cell(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t cells(const uint8_t *at, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value << 32 | cell(at + (size_t)4 * i);
    return value;
}

static bool has(struct bytes list, const char *text)
{
    for (uint32_t i = 0; i < list.size; i += (uint32_t)strlen((const char *)list.at + i) + 1)
        if (strcmp((const char *)list.at + i, text) == 0)
            return true;
    return false;
}

/* ---- addresses ---- */

/* One address of the children of `bus` becomes one of its parent's. */
static bool translate_once(const struct node *bus, const struct node *above, uint64_t *address)
{
    unsigned step = bus->address_cells + above->address_cells + bus->size_cells;
    if (!bus->ranges.at)
        return false;
    if (bus->ranges.size == 0)
        return true; /* the same */
    for (uint32_t at = 0; at + step * 4 <= bus->ranges.size; at += step * 4) {
        const uint8_t *entry = bus->ranges.at + at;
        uint64_t child = cells(entry, bus->address_cells);
        uint64_t parent = cells(entry + (size_t)4 * bus->address_cells, above->address_cells);
        uint64_t size =
            cells(entry + (size_t)4 * (bus->address_cells + above->address_cells), bus->size_cells);
        if (*address >= child && *address - child < size) {
            *address = parent + (*address - child);
            return true;
        }
    }
    return false;
}

/* The i-th entry of the innermost node's reg, as the CPU sees it. */
static bool range_of(const struct walk *w, unsigned i, struct tree_range *out)
{
    const struct node *node = &w->open[w->depth - 1];
    if (w->depth < 2 || !node->reg.at)
        return false;
    const struct node *bus = &w->open[w->depth - 2];
    unsigned step = 4 * (bus->address_cells + bus->size_cells);
    if (bus->address_cells > 2 || step == 0 || (i + 1) * step > node->reg.size)
        return false;
    const uint8_t *entry = node->reg.at + (uint64_t)i * step;
    out->base = cells(entry, bus->address_cells);
    out->size = cells(entry + (size_t)4 * bus->address_cells, bus->size_cells);
    for (unsigned level = w->depth - 2; level > 0; level--)
        if (!translate_once(&w->open[level], &w->open[level - 1], &out->base))
            return false;
    return true;
}

/* ---- what nodes mean ---- */

static void add(struct tree_range *list, unsigned *count, struct tree_range range)
{
    if (range.size != 0 && CHECK(*count < TREE_RANGES))
        list[(*count)++] = range;
}

static bool is_memory(const struct walk *w, const struct node *node)
{
    return w->depth == 2 && has(node->device_type, "memory");
}

static bool is_gic(const struct node *node)
{
    return has(node->compatible, "arm,gic-400") || has(node->compatible, "arm,cortex-a15-gic") ||
           has(node->compatible, "arm,gic-v3") || has(node->compatible, "arm,gic-v3-its") ||
           has(node->compatible, "arm,gic-v2m-frame");
}

static void note_toy(const struct walk *w, const struct node *node, enum tree_toy toy)
{
    struct tree_facts *facts = w->facts;
    struct tree_range range;
    if (facts->toy >= toy || node->interrupts.size < 12 || !range_of(w, 0, &range))
        return;
    facts->toy = toy;
    facts->toy_range = range;
    facts->toy_line = SPI_FIRST + cell(node->interrupts.at + 4);
}

static void note(struct walk *w, struct node *node, bool banks)
{
    struct tree_facts *facts = w->facts;
    struct tree_range range;
    bool memory = is_memory(w, node), taken = node->is_reserved || is_gic(node);
    if (memory != banks)
        return;
    for (unsigned i = 0; range_of(w, i, &range); i++) {
        if (memory || taken)
            add(facts->taken, &facts->taken_count, range);
        else
            add(facts->other, &facts->other_count, range);
    }
    if (memory)
        facts->banks = facts->taken_count;
    else if (has(node->compatible, "arm,pl031"))
        note_toy(w, node, TOY_PL031);
    else if (has(node->compatible, "arm,pl011"))
        note_toy(w, node, TOY_PL011);
}

/* ---- the walk ---- */

static void open_node(struct walk *w, const char *name)
{
    struct node *node = &w->open[w->depth];
    *node = (struct node){.name = name, .address_cells = 2, .size_cells = 1};
    node->is_reserved = w->depth == 2 && strcmp(w->open[1].name, "reserved-memory") == 0;
    w->depth++;
}

static void take_property(struct walk *w, const char *name, struct bytes value)
{
    struct node *node = &w->open[w->depth - 1];
    const struct {
        const char *name;
        struct bytes *value;
    } kept[] = {
        {"reg", &node->reg},
        {"ranges", &node->ranges},
        {"compatible", &node->compatible},
        {"device_type", &node->device_type},
        {"interrupts", &node->interrupts},
    };
    if (strcmp(name, "#address-cells") == 0)
        node->address_cells = cell(value.at);
    if (strcmp(name, "#size-cells") == 0)
        node->size_cells = cell(value.at);
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (strcmp(name, kept[i].name) == 0)
            *kept[i].value = value;
}

/* A node's properties are all known when the next node begins, or it ends. */
static void settle(struct walk *w, bool banks)
{
    if (w->depth == 0 || w->open[w->depth - 1].done)
        return;
    w->open[w->depth - 1].done = true;
    note(w, &w->open[w->depth - 1], banks);
}

static bool step(struct walk *w, const uint8_t **at, bool banks, bool *ended)
{
    uint32_t tag = cell(*at), length;
    *at += 4;
    switch (tag) {
    case FDT_BEGIN_NODE:
        settle(w, banks);
        if (w->depth == DEPTH)
            return false;
        open_node(w, (const char *)*at);
        *at += (strlen((const char *)*at) + 4) & ~UINT64_C(3);
        return true;
    case FDT_END_NODE: settle(w, banks); return w->depth-- > 0;
    case FDT_PROP:
        length = cell(*at);
        take_property(w, (const char *)w->strings + cell(*at + 4), (struct bytes){*at + 8, length});
        *at += 8 + ((length + 3) & ~3u);
        return true;
    case FDT_END: *ended = true; return w->depth == 0;
    default: return tag == FDT_NOP;
    }
}

static bool walk(const uint8_t *blob, struct tree_facts *out, bool banks)
{
    struct walk w = {.structure = blob + cell(blob + 8),
                     .strings = blob + cell(blob + 12),
                     .facts = out};
    const uint8_t *at = w.structure;
    bool ended = false;
    while (!ended)
        if (!step(&w, &at, banks, &ended))
            return false;
    return true;
}

/* Reservations of the header, pairs of 64-bit numbers up to one that is zero. */
static void reservations(const uint8_t *blob, struct tree_facts *out)
{
    for (const uint8_t *at = blob + cell(blob + 16); cells(at, 2) || cells(at + 8, 2); at += 16)
        add(out->taken, &out->taken_count, (struct tree_range){cells(at, 2), cells(at + 8, 2)});
}

bool tree_read_blob(const void *blob, uint64_t size, struct tree_facts *out)
{
    *out = (struct tree_facts){0};
    if (cell(blob) != 0xd00dfeed || cell((const uint8_t *)blob + 4) != size)
        return false;
    if (!walk(blob, out, true)) /* banks come first in the list */
        return false;
    reservations(blob, out);
    return walk(blob, out, false);
}

bool tree_read(struct tree_facts *out)
{
    mach_port_name_t memory = MSG_NULL;
    uint64_t size = 0, at = 0, pages;
    OK(host_devices_tree(program_start_info->host_devices, &memory, &size));
    pages = (size + PAGE - 1) / PAGE;
    OK(vm_map(me(), 0, pages * PAGE, 0, VM_ANYWHERE, memory, VM_PROT_READ, VM_PROT_READ,
              VM_INHERIT_NONE, &at));
    FAILS(vm_map(me(), 0, (pages + 1) * PAGE, 0, VM_ANYWHERE, memory, VM_PROT_READ, VM_PROT_READ,
                 VM_INHERIT_NONE, &at),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, pages * PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE,
                 VM_INHERIT_NONE, &at),
          KERN_PROTECTION_FAILURE);
    OK(port_deallocate(me(), memory));
    bool ok = tree_read_blob((const void *)(uintptr_t)at, size, out);
    for (uint64_t i = size; i < pages * PAGE; i++) /* nothing but the blob */
        ok = ok && ((const uint8_t *)(uintptr_t)at)[i] == 0;
    OK(vm_deallocate(me(), at, pages * PAGE));
    return ok;
}
