/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over the structure block. See dt_impl.h for its invariants.
 *
 * Two things are stricter here than in libfdt, because libfdt alone would not be safe or not
 * linear on a hostile tree: the length of a property must lie within the block (libfdt adds it to
 * an int before it looks: the sum may wrap round and then not advance at all), and a property's
 * name must end within NAME_LENGTH_MAX characters (a strings block that is one long string would
 * otherwise be searched to its end for every property).
 */
#include "dt_impl.h"

enum {
    NAME_LENGTH_MAX = 128, /* the specification allows 31; some real trees have more */
    PROPERTY_HEADER = sizeof(struct fdt_property),
};

static const struct {
    const char *name;
    uint32_t length;
} property_names[DT_P_EXTRA] = {
#define X(id, text) {.name = text, .length = sizeof(text) - 1},
    DT_PROPERTIES(X)
#undef X
};

_Static_assert(DT_PROPERTY_COUNT <= 64, "dt_walk.present has a bit for each");

kern_return_t dt_check_blob(const void *blob, size_t max_size, struct dt_error *err)
{
    if (blob == NULL)
        return dt_fail(err, KERN_NOT_SUPPORTED, "the boot loader passed no device tree");
    if ((uintptr_t)blob % 8 != 0)
        return dt_fail(err, KERN_BAD_FORMAT, "the device tree is not 8-byte aligned");
    if (max_size < FDT_V17_SIZE)
        return dt_fail(err, KERN_BAD_FORMAT, "the device tree is cut off within its header");
    if (fdt_magic(blob) != FDT_MAGIC)
        return dt_fail(err, KERN_BAD_FORMAT,
                       "what the boot loader passed is not a device tree "
                       "(its first word is 0x%llx)",
                       (unsigned long long)fdt_magic(blob));
    /* Older versions do not say how long the structure block is. Nobody makes them any more. */
    if (fdt_version(blob) < 17 || fdt_last_comp_version(blob) > 17)
        return dt_fail(err, KERN_NOT_SUPPORTED,
                       "the device tree has version %u (compatible with "
                       "%u), only 17 is understood",
                       fdt_version(blob), fdt_last_comp_version(blob));
    if (fdt_totalsize(blob) > DT_MAX_BLOB)
        return dt_fail(err, KERN_NOT_SUPPORTED,
                       "the device tree says it has %u bytes, more than "
                       "the %u that are accepted",
                       fdt_totalsize(blob), (unsigned)DT_MAX_BLOB);
    if (fdt_totalsize(blob) > max_size)
        return dt_fail(err, KERN_BAD_FORMAT,
                       "the device tree says it has %u bytes, but only %u "
                       "are there",
                       fdt_totalsize(blob), (unsigned)max_size);
    if (fdt_check_header(blob) != 0 || fdt_off_dt_struct(blob) % 4 != 0 ||
        fdt_off_mem_rsvmap(blob) % 8 != 0)
        return dt_fail(err, KERN_BAD_FORMAT, "the device tree's header is inconsistent");
    return KERN_SUCCESS;
}

void dt_walk_start(struct dt_walk *w, const void *blob, struct dt_error *err)
{
    w->blob = blob;
    w->err = err;
    w->strings = (const char *)blob + fdt_off_dt_strings(blob);
    w->strings_size = fdt_size_dt_strings(blob);
    w->offset = 0;
    w->node_offset = 0;
    w->depth = 0;
    w->reading = false;
    w->closed_root = false;
    w->present = 0;
    w->extra = NULL;
    w->extra_length = 0;
    w->has_tag = false;
    memset(w->names, 0, sizeof(w->names));
}

static kern_return_t bad(const struct dt_walk *w, const char *what)
{
    return dt_fail(w->err, KERN_BAD_FORMAT,
                   "the device tree is malformed: %s at offset 0x%llx of "
                   "its structure block",
                   what, (unsigned long long)w->offset);
}

/* Which of the properties that we keep has this name? DT_PROPERTY_COUNT: none. */
static uint32_t name_id(const struct dt_walk *w, const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < DT_P_EXTRA; i++)
        if (property_names[i].length == length && memcmp(property_names[i].name, name, length) == 0)
            return i;
    if (w->extra != NULL && w->extra_length == length && memcmp(w->extra, name, length) == 0)
        return DT_P_EXTRA;
    return DT_PROPERTY_COUNT;
}

/* The same for the name at offset `at` of the strings block. False: no valid name is there. */
static bool property_id(struct dt_walk *w, uint32_t at, uint32_t *id)
{
    typeof(w->names[0]) *slot = &w->names[(at ^ at >> 6) % DT_NAME_SLOTS];
    const char *name, *end;
    uint32_t limit;

    if (at >= w->strings_size)
        return false;
    if (slot->offset_plus_1 != at + 1) {
        name = w->strings + at;
        limit = w->strings_size - at < NAME_LENGTH_MAX ? w->strings_size - at : NAME_LENGTH_MAX;
        end = memchr(name, '\0', limit);
        if (end == NULL)
            return false;
        slot->offset_plus_1 = at + 1;
        slot->id = name_id(w, name, (uint32_t)(end - name));
    }
    *id = slot->id;
    return true;
}

/* The property that the walk stands on. */
static kern_return_t read_property(struct dt_walk *w)
{
    const struct fdt_property *p = fdt_offset_ptr(w->blob, w->offset, PROPERTY_HEADER);
    uint32_t length, id;

    if (p == NULL)
        return bad(w, "a property is cut off");
    length = fdt32_to_cpu(p->len);
    if (w->next < 0 ||
        round_up((uint64_t)w->offset + PROPERTY_HEADER + length, 4) != (uint64_t)w->next)
        return bad(w, "a property is longer than the tree");
    if (!w->reading)
        return bad(w, "a property stands after the node's subnodes");
    if (!property_id(w, fdt32_to_cpu(p->nameoff), &id))
        return bad(w, "a property has no valid name");
    if (id < DT_PROPERTY_COUNT && !(w->present >> id & 1)) { /* the first of that name counts */
        w->property[id] = (struct dt_value){(const uint8_t *)p->data, length};
        w->present |= UINT64_C(1) << id;
    }
    return KERN_SUCCESS;
}

static enum dt_place place_of(const struct dt_walk *w, const char *name)
{
    if (w->depth == 1)
        return DT_PLACE_ROOT;
    if (w->depth == 2) {
        if (strcmp(name, "chosen") == 0)
            return DT_PLACE_CHOSEN;
        if (strcmp(name, "aliases") == 0)
            return DT_PLACE_ALIASES;
        if (strcmp(name, "cpus") == 0)
            return DT_PLACE_CPUS;
        if (strcmp(name, "reserved-memory") == 0)
            return DT_PLACE_RESERVED_MEMORY;
        return DT_PLACE_TOP;
    }
    if (w->depth == 3 && dt_parent(w)->place == DT_PLACE_CPUS)
        return DT_PLACE_CPU;
    if (w->depth == 3 && dt_parent(w)->place == DT_PLACE_RESERVED_MEMORY)
        return DT_PLACE_RESERVATION;
    return DT_PLACE_BELOW;
}

static kern_return_t open_node(struct dt_walk *w)
{
    const char *name = fdt_offset_ptr(w->blob, w->offset + FDT_TAGSIZE, 1);

    if (w->closed_root)
        return bad(w, "a second root");
    if (w->depth == DT_MAX_DEPTH)
        return dt_node_fail(w, KERN_NOT_SUPPORTED,
                            "has subnodes beyond the %u levels that are "
                            "understood",
                            (unsigned)DT_MAX_DEPTH);
    w->node_offset = w->offset;
    w->present = 0;
    w->reading = true;
    w->depth++;
    w->level[w->depth - 1].name = name;
    w->level[w->depth - 1].place = place_of(w, name);
    return KERN_SUCCESS;
}

/* All properties of the innermost node are known: settle what its descendants will ask for. */
static kern_return_t settle_node(struct dt_walk *w)
{
    struct dt_level *level = &w->level[w->depth - 1];
    const struct dt_level *parent = w->depth > 1 ? level - 1 : NULL;
    struct dt_value status = dt_get(w, DT_P_STATUS);

    w->reading = false;
    level->ranges = dt_get(w, DT_P_RANGES);
    level->address_cells = dt_u32(dt_get(w, DT_P_ADDRESS_CELLS), 2);
    level->size_cells = dt_u32(dt_get(w, DT_P_SIZE_CELLS), 1);
    level->interrupt_parent =
        dt_u32(dt_get(w, DT_P_INTERRUPT_PARENT), parent != NULL ? parent->interrupt_parent : 0);
    level->available = parent == NULL || parent->available;
    if (status.data != NULL) {
        if (!dt_is_strings(status))
            return dt_node_fail(w, KERN_BAD_FORMAT, "status is not a string");
        level->available = level->available && (strcmp(dt_string(status, 0), "okay") == 0 ||
                                                strcmp(dt_string(status, 0), "ok") == 0);
    }
    return KERN_SUCCESS;
}

static kern_return_t close_node(struct dt_walk *w)
{
    if (w->depth == 0)
        return bad(w, "a node ends that has not begun");
    w->depth--;
    w->closed_root = w->depth == 0;
    return KERN_SUCCESS;
}

/* What kind of FDT_END is it? */
static enum dt_step end_of_walk(struct dt_walk *w)
{
    if (w->next >= 0 && w->closed_root)
        return DT_STEP_END;
    if (w->next == -FDT_ERR_TRUNCATED)
        w->result = bad(w, "it is cut off");
    else if (w->next >= 0)
        w->result = bad(w, "it ends within a node");
    else
        w->result = bad(w, "an unknown or incomplete element");
    return DT_STEP_BAD;
}

/* If a property is next, is it one that may lie inside the block? */
static bool length_fits(const struct dt_walk *w)
{
    const fdt32_t *tag = fdt_offset_ptr(w->blob, w->offset, 2 * FDT_TAGSIZE);

    return tag == NULL || fdt32_to_cpu(tag[0]) != FDT_PROP ||
           fdt32_to_cpu(tag[1]) <= fdt_size_dt_struct(w->blob);
}

enum dt_step dt_walk_next(struct dt_walk *w)
{
    for (;;) {
        w->result = KERN_SUCCESS;
        if (!w->has_tag && !length_fits(w)) {
            w->result = bad(w, "a property is longer than the tree");
            return DT_STEP_BAD;
        }
        if (!w->has_tag)
            w->tag = fdt_next_tag(w->blob, w->offset, &w->next);
        w->has_tag = false;
        if (w->reading && w->tag != FDT_PROP && w->tag != FDT_NOP) {
            w->has_tag = true; /* for the next call */
            w->result = settle_node(w);
            return w->result == KERN_SUCCESS ? DT_STEP_NODE : DT_STEP_BAD;
        }
        switch (w->tag) {
        case FDT_PROP: w->result = read_property(w); break;
        case FDT_BEGIN_NODE: w->result = open_node(w); break;
        case FDT_END_NODE: w->result = close_node(w); break;
        case FDT_NOP: break;
        default: return end_of_walk(w);
        }
        if (w->result != KERN_SUCCESS)
            return DT_STEP_BAD;
        w->offset = w->next;
    }
}
