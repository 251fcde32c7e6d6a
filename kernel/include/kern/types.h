/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scalar types of the kernel, one for each domain of numbers that must not be mixed up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>

#ifndef static_assert
#define static_assert _Static_assert /* a keyword only from gcc 13 and clang 16 on */
#endif

typedef uint64_t paddr_t; /* physical address, bytes */
typedef uint64_t vaddr_t; /* virtual address, bytes; a user's or the kernel's */
typedef uint64_t
    ticks_t; /* a reading of, or a distance on, the machine's counter (arch_counter()) */
typedef uint64_t nanos_t; /* nanoseconds since boot, as programs see time */
typedef uint32_t pfn_t;   /* number of a physical frame: address / PAGE_SIZE; machines to 16 TiB */

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)
#define PFN_NONE   UINT32_MAX

#define TICKS_NEVER UINT64_MAX
#define NANOS_NEVER UINT64_MAX

/* Objects that different CPUs write on the message path begin a cache line: no two of them share one. */
#define CACHE_LINE 64

#define MAX_CPUS \
    8 /* as many as a GICv2 can address; more CPUs in the tree are reported and left alone */

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

static inline uint64_t round_down(uint64_t x, uint64_t power_of_two)
{
    return x & ~(power_of_two - 1);
}

/** Round up; the caller has made sure that x + power_of_two - 1 does not overflow. */
static inline uint64_t round_up(uint64_t x, uint64_t power_of_two)
{
    return (x + power_of_two - 1) & ~(power_of_two - 1);
}

#define array_count(a) (sizeof(a) / sizeof((a)[0]))

/** The structure that `member`, at address `ptr`, is a part of. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/** Keep the compiler's layout advice readable. */
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
