/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): all allocations are counted, and the n-th can be made to fail. Frames
 * and objects share one count, so a test that walks n from 1 upwards until nothing fails has taken
 * every error path once.
 */
#include <kern/frame.h>
#include <stdatomic.h>

struct alloc_count alloc_count;

bool alloc_count_one(void)
{
    uint64_t number = atomic_fetch_add_explicit(&alloc_count.counted, 1, memory_order_relaxed) + 1;

    return unlikely(number == atomic_load_explicit(&alloc_count.fail_at, memory_order_relaxed));
}

uint64_t alloc_fail_nth(uint64_t n)
{
    atomic_store(&alloc_count.wanted, true);
    atomic_store(&alloc_count.fail_at, 0);
    uint64_t before = atomic_exchange(&alloc_count.counted, 0);
    atomic_store(&alloc_count.fail_at, n);
    return before;
}
