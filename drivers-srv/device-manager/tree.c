/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a blob into a table; see tree.h.
 *
 * The structure block is gone through twice, once to count and once to fill in. libfdt is entered through fdt_check_header,
 * fdt_next_tag and fdt_offset_ptr only. What they do not check is checked here: alignment; that no sum inside fdt_next_tag can wrap round, for a
 * property that claims to be gigabytes long; that names end.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

/* A pass over the structure block. table: what is filled in, or NULL while counting. */
struct pass {
    const void *blob;
    struct reason *reason;
    struct tree *table;
    uint32_t nodes, properties; /* so far */
    uint32_t open[TREE_DEPTH_MAX];
    uint32_t depth;
    int offset, next; /* of this tag and the one after it */
    uint32_t first;   /* of the innermost node's properties */
    bool closed;      /* the root has ended */
    bool reading;     /* properties may come: no child of the innermost node has begun */
};

kern_return_t tree_check_header(const void *blob, size_t size, struct reason *reason)
{
    if ((uintptr_t)blob % 8 != 0)
        return reason_set(reason, KERN_BAD_FORMAT, "the tree is not 8-byte aligned");
    if (size < FDT_V17_SIZE)
        return reason_set(reason, KERN_BAD_FORMAT, "the tree is cut off within its header");
    if (fdt_magic(blob) != FDT_MAGIC)
        return reason_set(reason, KERN_BAD_FORMAT, "it is no device tree: its first word is 0x%x",
                          (unsigned)fdt_magic(blob));
    if (fdt_version(blob) < 17 || fdt_last_comp_version(blob) > 17)
        return reason_set(reason, KERN_NOT_SUPPORTED,
                          "the tree has version %u, only 17 is understood",
                          (unsigned)fdt_version(blob));
    if (fdt_totalsize(blob) > TREE_SIZE_MAX)
        return reason_set(reason, KERN_NOT_SUPPORTED, "the tree has %u bytes, more than %u",
                          (unsigned)fdt_totalsize(blob), (unsigned)TREE_SIZE_MAX);
    if (fdt_totalsize(blob) > size)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "the tree says it has %u bytes, but only %u are there",
                          (unsigned)fdt_totalsize(blob), (unsigned)size);
    if (fdt_check_header(blob) != 0 || fdt_off_dt_struct(blob) % 4 != 0 ||
        fdt_off_mem_rsvmap(blob) % 8 != 0)
        return reason_set(reason, KERN_BAD_FORMAT, "the tree's header contradicts itself");
    return KERN_SUCCESS;
}

static kern_return_t bad(const struct pass *p, const char *what)
{
    return reason_set(p->reason, KERN_BAD_FORMAT,
                      "the tree is malformed: %s, at offset 0x%x of its structure", what,
                      (unsigned)p->offset);
}

/* The name at offset `at` of the strings block, or NULL. */
static const char *property_name(const struct pass *p, uint32_t at)
{
    uint32_t size = fdt_size_dt_strings(p->blob), limit = size - at;
    const char *name = (const char *)p->blob + fdt_off_dt_strings(p->blob) + at;

    if (at >= size)
        return NULL;
    if (limit > TREE_NAME_MAX)
        limit = TREE_NAME_MAX;
    return memchr(name, '\0', limit) != NULL ? name : NULL;
}

static kern_return_t add_property(struct pass *p)
{
    const struct fdt_property *property = fdt_offset_ptr(p->blob, p->offset, sizeof(*property));
    const char *name;
    uint32_t length;

    if (property == NULL)
        return bad(p, "a property is cut off");
    length = fdt32_to_cpu(property->len);
    if (p->next < 0 || (((uint64_t)p->offset + sizeof(*property) + length + 3) & ~UINT64_C(3)) !=
                           (uint64_t)p->next)
        return bad(p, "a property is longer than the tree");
    if (!p->reading)
        return bad(p, "a property stands outside or behind the children of its node");
    if (p->properties - p->first == TREE_PROPERTIES_MAX)
        return reason_set(p->reason, KERN_NOT_SUPPORTED, "a node has more than %u properties",
                          (unsigned)TREE_PROPERTIES_MAX);
    name = property_name(p, fdt32_to_cpu(property->nameoff));
    if (name == NULL)
        return bad(p, "a property has no valid name");
    if (p->table != NULL) {
        p->table->properties[p->properties] =
            (struct tree_property){name, {(const uint8_t *)property->data, length}};
        p->table->nodes[p->open[p->depth - 1]].count++;
    }
    p->properties++;
    return KERN_SUCCESS;
}

static bool is_node_name(const char *name, bool root)
{
    size_t length = strnlen(name, TREE_NAME_MAX);

    if (length == TREE_NAME_MAX || (length == 0) != root)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/')
            return false;
    return true;
}

static kern_return_t open_node(struct pass *p)
{
    /* fdt_next_tag has seen the NUL. */
    const char *name = fdt_offset_ptr(p->blob, p->offset + FDT_TAGSIZE, 1);

    if (p->closed)
        return bad(p, "there is a second root");
    if (name == NULL || p->next < 0)
        return bad(p, "a node is cut off");
    if (!is_node_name(name, p->depth == 0))
        return bad(p, "a node's name is no name");
    if (p->depth == TREE_DEPTH_MAX)
        return reason_set(p->reason, KERN_NOT_SUPPORTED, "the tree is deeper than %u levels",
                          (unsigned)TREE_DEPTH_MAX);
    if (p->nodes == TREE_NODES_MAX)
        return reason_set(p->reason, KERN_NOT_SUPPORTED, "the tree has more than %u nodes",
                          (unsigned)TREE_NODES_MAX);
    if (p->table != NULL)
        p->table->nodes[p->nodes] = (struct tree_node){
            .name = name,
            .parent = p->depth == 0 ? TREE_NONE : p->open[p->depth - 1],
            .first = p->properties,
        };
    p->open[p->depth++] = p->nodes++;
    p->first = p->properties;
    p->reading = true;
    return KERN_SUCCESS;
}

static kern_return_t close_node(struct pass *p)
{
    if (p->depth == 0)
        return bad(p, "a node ends that has not begun");
    p->depth--;
    if (p->table != NULL)
        p->table->nodes[p->open[p->depth]].end = p->nodes;
    p->closed = p->depth == 0;
    p->reading = false;
    return KERN_SUCCESS;
}

/* If a property is next, is it one that may lie inside the block? fdt_next_tag adds its length to an int before it looks. */
static bool length_fits(const struct pass *p)
{
    const fdt32_t *tag = fdt_offset_ptr(p->blob, p->offset, 2 * FDT_TAGSIZE);

    return tag == NULL || fdt32_to_cpu(tag[0]) != FDT_PROP ||
           fdt32_to_cpu(tag[1]) <= fdt_size_dt_struct(p->blob);
}

static kern_return_t run_pass(struct pass *p)
{
    kern_return_t result = KERN_SUCCESS;

    for (; result == KERN_SUCCESS; p->offset = p->next) {
        if (!length_fits(p))
            return bad(p, "a property is longer than the tree");
        switch (fdt_next_tag(p->blob, p->offset, &p->next)) {
        case FDT_PROP: result = add_property(p); break;
        case FDT_BEGIN_NODE: result = open_node(p); break;
        case FDT_END_NODE: result = close_node(p); break;
        case FDT_NOP: break;
        default:
            if (p->next < 0)
                return bad(p, "it is cut off, or has an unknown element");
            return p->closed ? KERN_SUCCESS : bad(p, "it ends within a node");
        }
    }
    return result;
}

/* What of a node others ask for all the time. Its parent has been settled. */
static void settle(struct tree *tree, uint32_t number)
{
    struct tree_node *node = &tree->nodes[number];
    struct tree_value status = tree_get(tree, number, "status");

    node->address_cells = value_u32(tree_get(tree, number, "#address-cells"), 2);
    node->size_cells = value_u32(tree_get(tree, number, "#size-cells"), 1);
    node->phandle = value_u32(tree_get(tree, number, "phandle"), 0);
    if (node->phandle == 0)
        node->phandle = value_u32(tree_get(tree, number, "linux,phandle"), 0);
    node->enabled = (number == 0 || tree->nodes[node->parent].enabled) &&
                    (status.data == NULL ||
                     (value_is_strings(status) && (strcmp((const char *)status.data, "okay") == 0 ||
                                                   strcmp((const char *)status.data, "ok") == 0)));
}

static int compare_phandles(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static kern_return_t fill(struct tree *tree, struct pass *p)
{
    kern_return_t result;

    /* One more than needed: none of them is an allocation of 0 bytes. */
    tree->nodes = calloc(p->nodes + 1, sizeof(*tree->nodes));
    tree->properties = calloc(p->properties + 1, sizeof(*tree->properties));
    tree->by_phandle = calloc(p->nodes + 1, sizeof(*tree->by_phandle));
    if (tree->nodes == NULL || tree->properties == NULL || tree->by_phandle == NULL)
        return reason_set(p->reason, KERN_RESOURCE_SHORTAGE, "no memory for a tree of %u nodes",
                          (unsigned)p->nodes);
    *p = (struct pass){.blob = p->blob, .reason = p->reason, .table = tree};
    result = run_pass(p);
    if (result != KERN_SUCCESS)
        return result; /* not if the blob has stayed as it was */
    tree->node_count = p->nodes;
    tree->property_count = p->properties;
    for (uint32_t i = 0; i < tree->node_count; i++) {
        settle(tree, i);
        if (tree->nodes[i].phandle != 0)
            tree->by_phandle[tree->phandle_count++] = (uint64_t)tree->nodes[i].phandle << 32 | i;
    }
    qsort(tree->by_phandle, tree->phandle_count, sizeof(*tree->by_phandle), compare_phandles);
    return KERN_SUCCESS;
}

kern_return_t tree_read(const void *blob, size_t size, struct tree *out, struct reason *reason)
{
    struct pass p = {.blob = blob, .reason = reason};
    kern_return_t result = tree_check_header(blob, size, reason);

    *out = (struct tree){.blob = blob};
    if (result == KERN_SUCCESS)
        result = run_pass(&p);
    if (result == KERN_SUCCESS)
        result = fill(out, &p);
    if (result != KERN_SUCCESS)
        tree_free(out);
    return result;
}

void tree_free(struct tree *tree)
{
    free(tree->nodes);
    free(tree->properties);
    free(tree->by_phandle);
    *tree = (struct tree){0};
}

/* ---- Looking things up ---- */

struct tree_value tree_get(const struct tree *tree, uint32_t node, const char *name)
{
    const struct tree_property *p = &tree->properties[tree->nodes[node].first];

    for (uint32_t i = 0; i < tree->nodes[node].count; i++)
        if (strcmp(p[i].name, name) == 0)
            return p[i].value;
    return (struct tree_value){0};
}

uint32_t tree_child(const struct tree *tree, uint32_t parent, const char *name, size_t length)
{
    for (uint32_t i = parent + 1; i < tree->nodes[parent].end; i = tree->nodes[i].end) {
        const char *own = tree->nodes[i].name;

        if (strncmp(own, name, length) == 0 &&
            (own[length] == '\0' || (own[length] == '@' && memchr(name, '@', length) == NULL)))
            return i;
    }
    return TREE_NONE;
}

static uint32_t find_from(const struct tree *tree, uint32_t node, const char *path)
{
    while (node != TREE_NONE && *path == '/') {
        size_t length = strcspn(++path, "/:");

        if (length == 0)
            break; /* "/" at the end */
        node = tree_child(tree, node, path, length);
        path += length;
    }
    return *path == '\0' || *path == ':' ? node : TREE_NONE;
}

uint32_t tree_find(const struct tree *tree, const char *path)
{
    size_t length = strcspn(path, "/:");
    uint32_t aliases;

    if (*path == '/')
        return find_from(tree, 0, path);
    aliases = tree_child(tree, 0, "aliases", 7);
    if (length == 0 || aliases == TREE_NONE)
        return TREE_NONE;
    for (uint32_t i = 0; i < tree->nodes[aliases].count; i++) {
        const struct tree_property *p = &tree->properties[tree->nodes[aliases].first + i];
        uint32_t node;

        if (strncmp(p->name, path, length) != 0 || p->name[length] != '\0')
            continue;
        /* An alias is a path: aliases of aliases there are none, so this ends. */
        if (!value_is_strings(p->value) || p->value.data[0] != '/')
            return TREE_NONE;
        node = find_from(tree, 0, (const char *)p->value.data);
        return node == TREE_NONE ? TREE_NONE : find_from(tree, node, path + length);
    }
    return TREE_NONE;
}

uint32_t tree_by_phandle(const struct tree *tree, uint32_t phandle)
{
    uint32_t low = 0, high = tree->phandle_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (tree->by_phandle[middle] >> 32 < phandle)
            low = middle + 1;
        else
            high = middle;
    }
    if (phandle == 0 || low == tree->phandle_count || tree->by_phandle[low] >> 32 != phandle)
        return TREE_NONE;
    return (uint32_t)tree->by_phandle[low];
}

void tree_path(const struct tree *tree, uint32_t node, struct text *out)
{
    uint32_t up[TREE_DEPTH_MAX], depth = 0;

    for (; node != 0; node = tree->nodes[node].parent)
        up[depth++] = node;
    if (depth == 0)
        text_add(out, "/");
    while (depth > 0)
        text_add(out, "/%s", tree->nodes[up[--depth]].name);
}
