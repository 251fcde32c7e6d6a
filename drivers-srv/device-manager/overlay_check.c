/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of an overlay before libfdt sees it. /__local_fixups__ mirrors the overlay: a property there holds offsets into the property of the same
 * name of the mirrored node. /__fixups__ has a property for each label, with strings "PATH:PROPERTY:OFFSET". At each such offset libfdt changes
 * four bytes, so they have to lie inside. Nodes and properties are looked up as libfdt does: the first that fits.
 */
#include "overlay.h"

#include <string.h>

static kern_return_t check_offset(struct tree_value value, uint32_t offset, const char *name,
                                  struct reason *reason)
{
    if (value.data == NULL)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "the overlay refers to its property %s, which is not there", name);
    if (value.length < 4 || offset > value.length - 4)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "the overlay refers to byte %u of its property %s, which has %u",
                          (unsigned)offset, name, (unsigned)value.length);
    return KERN_SUCCESS;
}

/* ---- Local fix-ups ---- */

static kern_return_t check_node(const struct tree *t, uint32_t fixups, uint32_t mirrored,
                                struct reason *reason)
{
    for (uint32_t i = 0; i < t->nodes[fixups].count; i++) {
        const struct tree_property *p = &t->properties[t->nodes[fixups].first + i];
        struct tree_value value = tree_get(t, mirrored, p->name);

        if (p->value.length % 4 != 0)
            return reason_set(reason, KERN_BAD_FORMAT, "the overlay has fix-ups of %u bytes",
                              (unsigned)p->value.length);
        for (uint32_t k = 0; k < p->value.length / 4; k++) {
            kern_return_t result = check_offset(value, value_cell(p->value, k), p->name, reason);

            if (result != KERN_SUCCESS)
                return result;
        }
    }
    return KERN_SUCCESS;
}

static kern_return_t check_local(const struct tree *t, struct reason *reason)
{
    uint32_t root = tree_child(t, 0, "__local_fixups__", 16), mirrors[TREE_DEPTH_MAX],
             nodes[TREE_DEPTH_MAX], depth = 0;

    if (root == TREE_NONE)
        return KERN_SUCCESS;
    /* The nodes below come in the order of the tree: a stack of the open ones, and what each mirrors. */
    for (uint32_t node = root; node < t->nodes[root].end; node++) {
        kern_return_t result;

        while (depth > 0 && node >= t->nodes[nodes[depth - 1]].end)
            depth--;
        nodes[depth] = node;
        mirrors[depth] = depth == 0 ? 0
                                    : tree_child(t, mirrors[depth - 1], t->nodes[node].name,
                                                 strlen(t->nodes[node].name));
        if (mirrors[depth] == TREE_NONE)
            return reason_set(reason, KERN_BAD_FORMAT,
                              "the overlay has fix-ups for a node %s that is not there",
                              t->nodes[node].name);
        result = check_node(t, node, mirrors[depth], reason);
        if (result != KERN_SUCCESS)
            return result;
        depth++;
    }
    return KERN_SUCCESS;
}

/* ---- Fix-ups by label ---- */

static bool read_offset(const char *text, uint32_t *out)
{
    uint64_t number = 0;

    if (*text == '\0' || strlen(text) > 9)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned)(*text - '0');
    }
    *out = (uint32_t)number;
    return true;
}

static kern_return_t check_fixup(const struct tree *t, const char *fixup, struct reason *reason)
{
    const char *property = strchr(fixup, ':'),
               *offset = property == NULL ? NULL : strchr(property + 1, ':');
    char path[TREE_PATH_MAX], name[TREE_NAME_MAX];
    uint32_t node, number;

    if (offset == NULL || !read_offset(offset + 1, &number) || fixup[0] != '/' ||
        (size_t)(property - fixup) >= sizeof(path) || (size_t)(offset - property) > sizeof(name))
        return reason_set(reason, KERN_BAD_FORMAT, "the overlay has a fix-up that is none: %.100s",
                          fixup);
    memcpy(path, fixup, (size_t)(property - fixup));
    path[property - fixup] = '\0';
    memcpy(name, property + 1, (size_t)(offset - property - 1));
    name[offset - property - 1] = '\0';
    node = tree_find(t, path);
    if (node == TREE_NONE)
        return reason_set(reason, KERN_BAD_FORMAT,
                          "the overlay has a fix-up for a node %.100s that is not there", path);
    return check_offset(tree_get(t, node, name), number, name, reason);
}

static kern_return_t check_labels(const struct tree *t, struct reason *reason)
{
    uint32_t root = tree_child(t, 0, "__fixups__", 10);

    if (root == TREE_NONE)
        return KERN_SUCCESS;
    for (uint32_t i = 0; i < t->nodes[root].count; i++) {
        struct tree_value list = t->properties[t->nodes[root].first + i].value;

        if (!value_is_strings(list))
            return reason_set(reason, KERN_BAD_FORMAT,
                              "the overlay has fix-ups that are no strings");
        for (const char *s = value_next_string(list, NULL); s != NULL;
             s = value_next_string(list, s)) {
            kern_return_t result = check_fixup(t, s, reason);

            if (result != KERN_SUCCESS)
                return result;
        }
    }
    return KERN_SUCCESS;
}

kern_return_t overlay_check(const struct tree *overlay, struct reason *reason)
{
    kern_return_t result = check_local(overlay, reason);

    return result == KERN_SUCCESS ? check_labels(overlay, reason) : result;
}
