/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a blob as a device tree, with the manifests of the tests, from the bytes to recipes and explanations. Oracle: pipeline.c.
 */
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct manifest_set manifests;
    void *copy = malloc(size == 0 ? 1 : size);

    if (manifests.count == 0)
        pipeline_manifests(WHARF_TEST_MANIFESTS, &manifests);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    (void)pipeline_run(copy, size, &manifests, size > 0 ? data[size / 2] : 0);
    free(copy);
    return 0;
}
