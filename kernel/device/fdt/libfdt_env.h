/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libfdt needs from its environment, without a C library. It takes the place of libfdt's own
 * header of this name by defining the same include guard first: our sources include it before
 * libfdt.h, libfdt's are compiled with `-include` of this file.
 */
#ifndef LIBFDT_ENV_H
#define LIBFDT_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kern/string.h>

#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif
#ifndef INT32_MAX
#define INT32_MAX __INT32_MAX__
#endif
#ifndef UINT_MAX
#define UINT_MAX (__INT_MAX__ * 2U + 1U)
#endif

/* Big-endian numbers as they stand in the blob. */
typedef uint16_t fdt16_t;
typedef uint32_t fdt32_t;
typedef uint64_t fdt64_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WHARF_FDT_SWAP(bits, x) __builtin_bswap##bits(x)
#else
#define WHARF_FDT_SWAP(bits, x) (x)
#endif

static inline uint16_t fdt16_to_cpu(fdt16_t x)
{
    return WHARF_FDT_SWAP(16, x);
}
static inline fdt16_t cpu_to_fdt16(uint16_t x)
{
    return WHARF_FDT_SWAP(16, x);
}
static inline uint32_t fdt32_to_cpu(fdt32_t x)
{
    return WHARF_FDT_SWAP(32, x);
}
static inline fdt32_t cpu_to_fdt32(uint32_t x)
{
    return WHARF_FDT_SWAP(32, x);
}
static inline uint64_t fdt64_to_cpu(fdt64_t x)
{
    return WHARF_FDT_SWAP(64, x);
}
static inline fdt64_t cpu_to_fdt64(uint64_t x)
{
    return WHARF_FDT_SWAP(64, x);
}

#undef WHARF_FDT_SWAP

#endif
