/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbol table in the kernel's image, as tools/ksyms.py writes it.
 */
#pragma once

#include <kern/types.h>

struct ksyms {
    uint64_t base;     /* address of the first symbol */
    uint32_t size;     /* of the text from there on */
    uint32_t count;    /* of symbols */
    uint32_t offset[]; /* from base, ascending; then the names in the same order, NUL-terminated */
};

extern const struct ksyms kernel_symbols;
