/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading property values: numbers, strings, addresses, interrupts.
 *
 * Addresses have up to three cells; of three (PCI) the first is not part of the number but says
 * which address space it is in. All sums are checked, a translated range always lies wholly within
 * one entry of every ranges on the way up.
 */
#include "dt_impl.h"

enum {
    MAX_ADDRESS_CELLS = 3,
    MAX_SIZE_CELLS = 2,
    MAX_RANGES = 256,       /* of one bus; keeps the time for a hostile tree in bounds */
    PCI_SPACE = 0x03000000, /* of the first of three cells */
};

uint32_t dt_u32(struct dt_value v, uint32_t fallback)
{
    return v.data != NULL && v.length == 4 ? dt_cell(v, 0) : fallback;
}

/* `cells` (0..2) cells from cell `at` on as one number. */
static uint64_t cells_number(struct dt_value v, uint32_t at, uint32_t cells)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < cells; i++)
        number = number << 32 | dt_cell(v, at + i);
    return number;
}

bool dt_number(struct dt_value v, uint64_t *out)
{
    if (v.data == NULL || (v.length != 4 && v.length != 8))
        return false;
    *out = cells_number(v, 0, v.length / 4);
    return true;
}

bool dt_is_strings(struct dt_value v)
{
    uint32_t start = 0;

    if (v.data == NULL || v.length == 0 || v.data[v.length - 1] != '\0')
        return false;
    if (v.length <= DT_STRING_MAX)
        return true;
    for (uint32_t i = 0; i < v.length; i++) {
        if (i - start >= DT_STRING_MAX)
            return false;
        if (v.data[i] == '\0')
            start = i + 1;
    }
    return true;
}

const char *dt_string(struct dt_value v, unsigned i)
{
    const char *at = (const char *)v.data;
    const char *end = at + v.length;

    for (; at < end; at += strlen(at) + 1)
        if (i-- == 0)
            return at;
    return NULL;
}

bool dt_has_string(struct dt_value v, const char *text)
{
    if (!dt_is_strings(v))
        return false;
    for (const char *at = (const char *)v.data, *end = at + v.length; at < end;
         at += strlen(at) + 1)
        if (strcmp(at, text) == 0)
            return true;
    return false;
}

/* ---- Addresses ---- */

/* An address on some bus. */
struct bus_range {
    uint32_t space; /* of PCI, else 0 */
    uint64_t base;
    uint64_t size;
};

static kern_return_t check_cells(const struct dt_walk *w, const struct dt_level *bus)
{
    if (bus->address_cells < 1 || bus->address_cells > MAX_ADDRESS_CELLS ||
        bus->size_cells > MAX_SIZE_CELLS)
        return dt_node_fail(w, KERN_BAD_FORMAT, "its bus %s has %u address cells and %u size cells",
                            bus->name[0] != '\0' ? bus->name : "/", bus->address_cells,
                            bus->size_cells);
    return KERN_SUCCESS;
}

static void read_address(struct dt_value v, uint32_t at, uint32_t cells, struct bus_range *out)
{
    out->space = cells == 3 ? dt_cell(v, at) & PCI_SPACE : 0;
    out->base = cells == 3 ? cells_number(v, at + 1, 2) : cells_number(v, at, cells);
}

/* Translate *r, an address on `bus`, to the bus above. bus[-1] is the bus node's parent. */
static kern_return_t translate_up(const struct dt_walk *w, const struct dt_level *bus,
                                  struct bus_range *r)
{
    uint32_t child = bus->address_cells, parent = bus[-1].address_cells;
    uint32_t entry = child + parent + bus->size_cells;
    kern_return_t result = check_cells(w, &bus[-1]);

    if (result != KERN_SUCCESS)
        return result;
    if (bus->ranges.data == NULL)
        return dt_node_fail(w, KERN_BAD_FORMAT, "the CPU cannot reach it, its bus %s has no ranges",
                            bus->name);
    if (bus->ranges.length == 0)
        return KERN_SUCCESS; /* the same addresses above */
    if (bus->ranges.length % (entry * 4) != 0)
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "ranges of its bus %s is %u bytes, not a multiple "
                            "of %u",
                            bus->name, bus->ranges.length, entry * 4);
    if (bus->ranges.length / (entry * 4) > MAX_RANGES)
        return dt_node_fail(w, KERN_NOT_SUPPORTED, "its bus %s has more than %u ranges", bus->name,
                            (unsigned)MAX_RANGES);

    for (uint32_t at = 0; at < bus->ranges.length / 4; at += entry) {
        struct bus_range from, to;

        read_address(bus->ranges, at, child, &from);
        read_address(bus->ranges, at + child, parent, &to);
        from.size = cells_number(bus->ranges, at + child + parent, bus->size_cells);
        if (from.space != r->space || r->base < from.base || r->base - from.base >= from.size)
            continue;
        if (r->size > from.size - (r->base - from.base) ||
            __builtin_add_overflow(to.base, r->base - from.base, &to.base))
            break;
        *r = (struct bus_range){to.space, to.base, r->size};
        return KERN_SUCCESS;
    }
    return dt_node_fail(w, KERN_BAD_FORMAT,
                        "its address 0x%llx (0x%llx bytes) is not within the "
                        "ranges of its bus %s",
                        (unsigned long long)r->base, (unsigned long long)r->size, bus->name);
}

kern_return_t dt_reg_count(const struct dt_walk *w, uint32_t *out)
{
    struct dt_value reg = dt_get(w, DT_P_REG);
    uint32_t entry;
    kern_return_t result;

    if (w->depth < 2 || reg.data == NULL) {
        *out = 0;
        return KERN_SUCCESS;
    }
    result = check_cells(w, dt_parent(w));
    if (result != KERN_SUCCESS)
        return result;
    entry = (dt_parent(w)->address_cells + dt_parent(w)->size_cells) * 4;
    if (reg.length % entry != 0)
        return dt_node_fail(w, KERN_BAD_FORMAT, "reg is %u bytes, not a multiple of %u", reg.length,
                            entry);
    *out = reg.length / entry;
    return KERN_SUCCESS;
}

kern_return_t dt_reg(const struct dt_walk *w, uint32_t i, struct dt_range *out)
{
    const struct dt_level *parent = dt_parent(w);
    struct dt_value reg = dt_get(w, DT_P_REG);
    uint32_t at = i * (parent->address_cells + parent->size_cells);
    struct bus_range r;
    uint64_t end;

    read_address(reg, at, parent->address_cells, &r);
    r.size = cells_number(reg, at + parent->address_cells, parent->size_cells);
    for (const struct dt_level *bus = parent; bus > w->level; bus--) {
        /* The addresses of reserved-memory are the CPU's whether it says so (ranges) or not. */
        bool identity = bus->place == DT_PLACE_RESERVED_MEMORY && bus->ranges.data == NULL;
        kern_return_t result = identity ? KERN_SUCCESS : translate_up(w, bus, &r);

        if (result != KERN_SUCCESS)
            return result;
    }
    if (__builtin_add_overflow(r.base, r.size, &end) || end > DT_PADDR_LIMIT)
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "address 0x%llx, size 0x%llx is beyond what a CPU "
                            "can address",
                            (unsigned long long)r.base, (unsigned long long)r.size);
    *out = (struct dt_range){r.base, r.size};
    return KERN_SUCCESS;
}

kern_return_t dt_device_reg(const struct dt_walk *w, uint32_t i, struct dt_range *out)
{
    struct dt_range range = {0};
    uint32_t count = 0;
    kern_return_t result = dt_reg_count(w, &count);

    if (result != KERN_SUCCESS)
        return result;
    if (i >= count)
        return dt_node_fail(w, KERN_BAD_FORMAT, "reg has %u entries, but at least %u are needed",
                            count, i + 1);
    result = dt_reg(w, i, &range);
    if (result != KERN_SUCCESS)
        return result;
    if (range.size == 0)
        return dt_node_fail(w, KERN_BAD_FORMAT, "entry %u of reg has size 0", i);
    *out = range;
    return KERN_SUCCESS;
}

/* ---- Interrupts ---- */

bool dt_gic_interrupt(struct dt_value v, uint32_t at, uint32_t cells, struct board_irq *out)
{
    /* By type: shared (SPI), private (PPI), extended SPI. How many, and the first INTID. */
    static const struct {
        uint32_t count, first;
    } types[] = {{988, 32}, {16, 16}, {1024, 4096}};
    uint32_t type, number, flags;

    if (cells < 3 || v.length / 4 < at || v.length / 4 - at < cells)
        return false;
    type = dt_cell(v, at);
    number = dt_cell(v, at + 1);
    flags = dt_cell(v, at + 2) & 0xf;
    if (type >= array_count(types) || number >= types[type].count)
        return false;
    out->intid = types[type].first + number;
    out->trigger = (flags & 3) != 0 ? BOARD_TRIGGER_EDGE : BOARD_TRIGGER_LEVEL;
    out->active_low = flags == 2 || flags == 8;
    return true;
}

struct dt_interrupts dt_interrupts(const struct dt_walk *w)
{
    struct dt_interrupts result = {
        .list = dt_get(w, DT_P_INTERRUPTS_EXTENDED),
        .names = dt_get(w, DT_P_INTERRUPT_NAMES),
        .parent = dt_here(w)->interrupt_parent,
        .extended = true,
    };

    if (result.list.data != NULL && result.list.length >= 4) {
        result.parent = dt_cell(result.list, 0);
        return result;
    }
    result.extended = false;
    result.list = dt_get(w, DT_P_INTERRUPTS);
    return result;
}

bool dt_interrupt(const struct dt_interrupts *list, uint32_t i, uint32_t phandle, uint32_t cells,
                  struct board_irq *out)
{
    uint32_t stride = cells + list->extended;
    uint32_t total = list->list.length / 4;

    if (list->list.data == NULL || list->parent != phandle || i > total / stride)
        return false;
    /* In an extended list another controller's specifiers may have another length: give up. */
    for (uint32_t k = 0; list->extended && k <= i; k++)
        if (k * stride >= total || dt_cell(list->list, k * stride) != phandle)
            return false;
    return dt_gic_interrupt(list->list, i * stride + list->extended, cells, out);
}
