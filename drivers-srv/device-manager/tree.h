/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flattened device tree as a table of nodes, in the order of the tree.
 *
 * T1 The tree is hostile. What stands in the table has been checked: every name and value lies inside the blob, names end, depth and
 *    counts have bounds. What a value means is checked by who reads it.
 * T2 Reading takes time and memory linear in the blob, whatever is in it.
 * T3 The table points into the blob, which stays as it is for as long.
 * Node 0 is the root. The descendants of a node follow it, up to its `end`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum {
    TREE_SIZE_MAX = 2 << 20,
    TREE_NODES_MAX = 16384,
    TREE_DEPTH_MAX = 24,        /* nested nodes, the root included */
    TREE_PROPERTIES_MAX = 4096, /* of one node */
    TREE_NAME_MAX = 128,        /* of a node or property, the NUL included */
    TREE_PATH_MAX = 256,
};

/** No node. */
#define TREE_NONE UINT32_MAX

/** The bytes of a property. data is NULL if there is none. */
struct tree_value {
    const uint8_t *data;
    uint32_t length;
};

struct tree_property {
    const char *name;
    struct tree_value value;
};

struct tree_node {
    const char *name; /* with its unit address */
    uint32_t parent;  /* of the root: TREE_NONE */
    uint32_t end;     /* number of the first node behind it that is no descendant */
    uint32_t first;   /* of its properties in tree.properties */
    uint32_t count;
    uint32_t address_cells; /* for its children; as the tree says, unchecked */
    uint32_t size_cells;
    uint32_t phandle; /* 0: none */
    bool enabled;     /* its status and that of all above */
};

struct tree {
    const void *blob;
    struct tree_node *nodes;
    uint32_t node_count;
    struct tree_property *properties;
    uint32_t property_count;
    uint64_t *by_phandle; /* phandle << 32 | node, ascending */
    uint32_t phandle_count;
};

/** Check header and size: a blob that libfdt's reading functions may be used on, tag by tag. */
kern_return_t tree_check_header(const void *blob, size_t size, struct reason *reason);

/** Read a blob. Errors: KERN_BAD_FORMAT, KERN_NOT_SUPPORTED (its version, its size), KERN_RESOURCE_SHORTAGE. */
kern_return_t tree_read(const void *blob, size_t size, struct tree *out, struct reason *reason);
void tree_free(struct tree *tree);

/** A property of a node, the first of that name. */
struct tree_value tree_get(const struct tree *tree, uint32_t node, const char *name);
static inline bool tree_has(const struct tree *tree, uint32_t node, const char *name)
{
    return tree_get(tree, node, name).data != NULL;
}

/** A child by its name, with or without unit address; the first. */
uint32_t tree_child(const struct tree *tree, uint32_t parent, const char *name, size_t length);
/** A node by its path, or by one that begins with an alias; what stands behind a ':' does not count. TREE_NONE: there is none. */
uint32_t tree_find(const struct tree *tree, const char *path);
uint32_t tree_by_phandle(const struct tree *tree, uint32_t phandle);
void tree_path(const struct tree *tree, uint32_t node, struct text *out);

/** Is it `node` or below it? */
static inline bool tree_below(const struct tree *tree, uint32_t which, uint32_t node)
{
    return which >= node && which < tree->nodes[node].end;
}

/** The child of the root that it is or is below; not for the root. */
static inline uint32_t tree_top(const struct tree *tree, uint32_t node)
{
    while (tree->nodes[node].parent != 0)
        node = tree->nodes[node].parent;
    return node;
}

/* ---- Values (tree_value.c) ---- */

/** The i-th 32-bit cell; the caller has checked the length. */
static inline uint32_t value_cell(struct tree_value v, uint32_t i)
{
    const uint8_t *p = v.data + (size_t)i * 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** `cells` (0 to 2) cells from cell `at` on as one number. */
uint64_t value_cells(struct tree_value v, uint32_t at, uint32_t cells);
/** The number in a property of one cell, or `fallback` for any other. */
uint32_t value_u32(struct tree_value v, uint32_t fallback);
/** A list of NUL-terminated printable strings, none of them empty? */
bool value_is_strings(struct tree_value v);
/** The next string of a list for which value_is_strings() holds; at NULL: the first. NULL: that was the last. */
const char *value_next_string(struct tree_value v, const char *at);
/** Is `text` one of the strings? False also if it is no list of strings. */
bool value_has_string(struct tree_value v, const char *text);
