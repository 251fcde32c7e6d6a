/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our additions to trees: which overlay belongs to which machine (dts/overlays/overlays.conf), and putting one on.
 *
 * O1 A tree is replaced as a whole or stays as it is: an overlay that does not fit changes nothing.
 * O2 libfdt's writing functions trust their arguments, and its overlay code reads and writes wherever the tables of an overlay point. So both
 *    trees are read (tree_read) and those tables checked before it is called, and the result is read again.
 */
#pragma once

#include "tree.h"

enum {
    OVERLAY_SIZE_MAX = 64 << 10,
    OVERLAY_CONDITIONS_MAX = 8,
    OVERLAY_SYMBOLS_MAX = 8,
    OVERLAYS_MAX = 16,
    OVERLAYS_TEXT_MAX = 8192,
};

/** A label that an overlay refers to, for trees that were made without labels. */
struct overlay_symbol {
    const char *label;
    const char *path;
};

/** When an overlay applies: the root is compatible with one of these, and nodes are there, or are not. */
struct overlay_rule {
    const char *file;
    const char *compatible[OVERLAY_CONDITIONS_MAX];
    unsigned compatibles;
    const char *node[OVERLAY_CONDITIONS_MAX];
    unsigned nodes;
    const char *without[OVERLAY_CONDITIONS_MAX];
    unsigned withouts;
    struct overlay_symbol symbol[OVERLAY_SYMBOLS_MAX];
    unsigned symbols;
};

struct overlay_rules {
    struct overlay_rule rule[OVERLAYS_MAX];
    unsigned count;
    char text[OVERLAYS_TEXT_MAX + 1]; /* what the pointers point into */
};

/** Read the text. KERN_BAD_FORMAT: with the line's number. */
kern_return_t overlay_rules_read(const char *text, size_t size, struct overlay_rules *out,
                                 struct reason *reason);

bool overlay_applies(const struct overlay_rule *rule, const struct tree *tree);

/** Put an overlay on a tree. rule: for its labels, may be NULL. *out is a new blob, to be given back by free(). The blobs that come in stay as
 *  they are. Errors: KERN_BAD_FORMAT, KERN_NOT_FOUND (a target or label that is not there), KERN_RESOURCE_SHORTAGE. */
kern_return_t overlay_apply(const void *base, size_t base_size, const void *overlay,
                            size_t overlay_size, const struct overlay_rule *rule, void **out,
                            size_t *out_size, struct reason *reason);

/** Do the tables of an overlay point into it? (overlay_check.c) */
kern_return_t overlay_check(const struct tree *overlay, struct reason *reason);
