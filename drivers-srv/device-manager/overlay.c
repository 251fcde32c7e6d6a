/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting an overlay on a tree. See overlay.h. */
#include "overlay.h"

#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

enum { ROOM = 4096 }; /* for labels, and what their strings take */

/* libfdt's writing functions want the blocks in the usual order, and the reservations to end. */
static kern_return_t check_order(const void *blob, struct reason *reason)
{
    int reservations = fdt_num_mem_rsv(blob);

    if (reservations < 0 ||
        fdt_off_mem_rsvmap(blob) +
                ((uint64_t)(uint32_t)reservations + 1) * sizeof(struct fdt_reserve_entry) >
            fdt_off_dt_struct(blob) ||
        (uint64_t)fdt_off_dt_struct(blob) + fdt_size_dt_struct(blob) > fdt_off_dt_strings(blob))
        return reason_set(reason, KERN_NOT_SUPPORTED,
                          "the parts of the tree are not in the usual order");
    return KERN_SUCCESS;
}

static kern_return_t check(const void *blob, size_t size, bool is_overlay, struct reason *reason)
{
    struct tree tree;
    kern_return_t result = tree_read(blob, size, &tree, reason);

    if (result != KERN_SUCCESS)
        return result;
    if (is_overlay)
        result = overlay_check(&tree, reason);
    if (result == KERN_SUCCESS)
        result = check_order(blob, reason);
    tree_free(&tree);
    return result;
}

static kern_return_t failed(int error, const char *what, struct reason *reason)
{
    kern_return_t code = error == -FDT_ERR_NOTFOUND  ? KERN_NOT_FOUND
                         : error == -FDT_ERR_NOSPACE ? KERN_RESOURCE_SHORTAGE
                                                     : KERN_BAD_FORMAT;

    return reason_set(reason, code, "%s: %s", what,
                      error == -FDT_ERR_NOTFOUND  ? "a node or label that it refers to is not there"
                      : error == -FDT_ERR_NOSPACE ? "no room"
                                                  : "it is malformed");
}

/* A label, unless the tree has it; and a phandle for the node, if it has none. */
static int add_symbol(void *blob, const struct overlay_symbol *symbol)
{
    int node = fdt_path_offset(blob, symbol->path), symbols;
    uint32_t phandle;

    if (node < 0)
        return node;
    if (fdt_get_phandle(blob, node) == 0) {
        int error = fdt_generate_phandle(blob, &phandle);

        if (error == 0)
            error = fdt_setprop_u32(blob, node, "phandle", phandle);
        if (error != 0)
            return error;
    }
    symbols = fdt_path_offset(blob, "/__symbols__");
    if (symbols == -FDT_ERR_NOTFOUND)
        symbols = fdt_add_subnode(blob, 0, "__symbols__");
    if (symbols < 0)
        return symbols;
    if (fdt_getprop(blob, symbols, symbol->label, NULL) != NULL)
        return 0;
    return fdt_setprop_string(blob, symbols, symbol->label, symbol->path);
}

/* blob: room of `size` bytes with the base in it. overlay: a copy, which is spoilt. */
static kern_return_t put_on(void *blob, void *overlay, const struct overlay_rule *rule,
                            struct reason *reason)
{
    int error;

    for (unsigned i = 0; rule != NULL && i < rule->symbols; i++) {
        error = add_symbol(blob, &rule->symbol[i]);
        if (error != 0)
            return failed(error, rule->symbol[i].path, reason);
    }
    error = fdt_overlay_apply(blob, overlay);
    if (error == 0)
        error = fdt_pack(blob);
    return error == 0 ? KERN_SUCCESS : failed(error, "the overlay", reason);
}

kern_return_t overlay_apply(const void *base, size_t base_size, const void *overlay,
                            size_t overlay_size, const struct overlay_rule *rule, void **out,
                            size_t *out_size, struct reason *reason)
{
    kern_return_t result = check(base, base_size, false, reason);
    void *blob, *copy;
    size_t size;

    if (result == KERN_SUCCESS && overlay_size > OVERLAY_SIZE_MAX)
        result = reason_set(reason, KERN_BAD_FORMAT, "the overlay has more than %u bytes",
                            (unsigned)OVERLAY_SIZE_MAX);
    if (result == KERN_SUCCESS)
        result = check(overlay, overlay_size, true, reason);
    if (result != KERN_SUCCESS)
        return result;
    /* Labels of the overlay become paths in the base, longer than they were. */
    size = fdt_totalsize(base) + 4 * (size_t)fdt_totalsize(overlay) + ROOM;
    blob = malloc(size);
    copy = malloc(fdt_totalsize(overlay));
    if (blob == NULL || copy == NULL || fdt_open_into(base, blob, (int)size) != 0) {
        free(blob);
        free(copy);
        return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory to change a tree in");
    }
    memcpy(copy, overlay, fdt_totalsize(overlay));
    result = put_on(blob, copy, rule, reason);
    free(copy);
    if (result == KERN_SUCCESS)
        result = check(blob, fdt_totalsize(blob), false, reason);
    if (result != KERN_SUCCESS) {
        free(blob);
        return result;
    }
    *out = blob;
    *out_size = fdt_totalsize(blob);
    return KERN_SUCCESS;
}
