/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): all allocations are counted, and the n-th can be made to fail. Frames
 * and objects share one count, so a test that walks n from 1 upwards until nothing fails has taken
 * every error path once.
 */
#include <kern/frame.h>
#include <stdatomic.h>

struct alloc_count alloc_count;

uint64_t alloc_fail_nth(uint64_t n)
{
    atomic_store(&alloc_count.fail_at, 0);
    uint64_t before = atomic_exchange(&alloc_count.counted, 0);
    atomic_store(&alloc_count.fail_at, n);
    return before;
}
