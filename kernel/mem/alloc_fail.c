/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failure on demand (D16): all allocations are counted, and the n-th can be made to fail. Frames
 * and objects share one count, so a test that walks n from 1 upwards until nothing fails has taken
 * every error path once.
 */
#include <kern/frame.h>
#include <stdatomic.h>

static _Atomic uint64_t counted; /* allocations since the last alloc_fail_nth() */
static _Atomic uint64_t fail_at; /* value of `counted` that fails; 0: none */

uint64_t alloc_fail_nth(uint64_t n)
{
    atomic_store(&fail_at, 0);
    uint64_t before = atomic_exchange(&counted, 0);
    atomic_store(&fail_at, n);
    return before;
}

bool alloc_must_fail(void)
{
    uint64_t number = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;

    return unlikely(number == atomic_load_explicit(&fail_at, memory_order_relaxed));
}
