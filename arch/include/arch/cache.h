/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache maintenance by address. Ranges are kernel virtual addresses of Normal memory; each function
 * completes (its own barrier included) before it returns. Costs one operation a line: callers chunk
 * long ranges (see D1).
 */
#pragma once

#include <kern/types.h>

/** Make instructions just written to [va, va+size) visible to instruction fetch of all CPUs (point
 *  of unification). */
void arch_cache_sync_code(const void *va, size_t size);

/** Write dirty lines back to memory so that a device, or a CPU with caches off, sees them (point
 *  of coherency). */
void arch_cache_clean(const void *va, size_t size);

/** Write back and drop: after a device wrote memory, or before it does. Lines that straddle the
 *  ends are kept correct. */
void arch_cache_clean_invalidate(const void *va, size_t size);

/** Zero one page, by the fastest means (no read of the old content). */
void arch_zero_page(void *page);
/** `count` of them, in a row. */
void arch_zero_pages(void *pages, size_t count);

/** Zero `size` bytes, a multiple of 64, as is their address, of Normal memory. */
void arch_zero_lines(void *at, size_t size);

/** Copy one page. */
void arch_copy_page(void *restrict dst, const void *restrict src);
/** A multiple of 64 bytes, not 0, in Normal memory, at any address. */
void arch_copy_lines(void *restrict dst, const void *restrict src, size_t size);
