/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a blob as an overlay on a good tree; and as a tree under a good overlay. Oracle: the sanitizers; what comes out can be read; what is
 * refused is told why.
 */
#include "overlay.h"
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct overlay_rule rule = {.symbol = {{"label", "/bus/dev@1"},
                                                    {"provider", "/provider"}},
                                         .symbols = 2};

static void put_on(const void *base, size_t base_size, const void *overlay, size_t overlay_size)
{
    struct reason why = {{0}};
    struct tree tree;
    void *changed;
    size_t size;

    if (overlay_apply(base, base_size, overlay, overlay_size, &rule, &changed, &size, &why) !=
        KERN_SUCCESS) {
        if (why.text[0] == '\0')
            abort();
        return;
    }
    if (tree_read(changed, size, &tree, &why) != KERN_SUCCESS)
        abort();
    tree_free(&tree);
    free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *base, *good;
    static size_t base_size, good_size;
    void *copy = malloc(size == 0 ? 1 : size); /* aligned, and ends where it ends */

    if (base == NULL) {
        base = pipeline_load(WHARF_TREES "/base.dtb", &base_size);
        good = pipeline_load(WHARF_TREES "/good.dtbo", &good_size);
    }
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    put_on(base, base_size, copy, size);
    put_on(copy, size, good, good_size);
    free(copy);
    return 0;
}
