/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): all allocations are counted, and the n-th can be made to fail. Frames
 * and objects share one count, so a test that walks n from 1 upwards until nothing fails has taken
 * every error path once. Where only some are to fail, somebody else says which.
 */
#include <kern/frame.h>
#include <stdatomic.h>

struct alloc_count alloc_count;

static _Atomic(alloc_fails_t *) others;

void alloc_fail_when(alloc_fails_t *fails)
{
    atomic_store(&others, fails);
    atomic_store(&alloc_count.wanted, true);
}

bool alloc_count_one(bool brings_page)
{
    uint64_t number = atomic_fetch_add_explicit(&alloc_count.counted, 1, memory_order_relaxed) + 1;
    alloc_fails_t *fails = atomic_load_explicit(&others, memory_order_relaxed);

    return number == atomic_load_explicit(&alloc_count.fail_at, memory_order_relaxed) ||
           (fails && fails(brings_page));
}

uint64_t alloc_fail_nth(uint64_t n)
{
    atomic_store(&alloc_count.wanted, true);
    atomic_store(&alloc_count.fail_at, 0);
    uint64_t before = atomic_exchange(&alloc_count.counted, 0);
    atomic_store(&alloc_count.fail_at, n);
    return before;
}
