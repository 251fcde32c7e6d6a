/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How trees and overlays are changed by the fuzzer: mostly in the value of a property, so that the structure stays whole and the values are what is tested.
 */
#include "tree.h"

#include <string.h>

#include <libfdt.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* The value of the n-th property, to be changed in place. */
static uint8_t *value_in(uint8_t *data, size_t size, unsigned n, size_t *length)
{
    struct reason why;
    struct tree tree;
    uint8_t *value = NULL;

    if (tree_read(data, size, &tree, &why) != KERN_SUCCESS)
        return NULL;
    if (tree.property_count > 0) {
        const struct tree_property *p = &tree.properties[n % tree.property_count];

        *length = p->value.length;
        value = *length > 0 ? data + (p->value.data - data) : NULL;
    }
    tree_free(&tree);
    return value;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const uint32_t words[] = {0, 1, 2, 3, 4, 9, 16, 0x1000, 0x80000000, UINT32_MAX};
    static _Alignas(8) uint8_t aligned[1 << 16];
    uint32_t word = cpu_to_fdt32(words[seed / 8 % 10]);
    uint8_t *value;
    size_t length;

    if (seed % 8 == 0 || size > sizeof(aligned))
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(aligned, data, size);
    value = value_in(aligned, size, seed / 64, &length);
    if (value == NULL)
        return LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 < 4 && length >= 4)
        memcpy(value + seed / 512 % (length / 4) * 4, &word, 4);
    else
        LLVMFuzzerMutate(value, length, length);
    memcpy(data, aligned, size);
    return size;
}
