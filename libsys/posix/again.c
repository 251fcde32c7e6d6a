/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See again.h.
 */
#include "again.h"
#include <libsys/kernel.h>
#include <libsys/thread.h>

__thread int64_t again_next;

int64_t again_begin_ids(void)
{
    const uint64_t thread =
        (uint64_t)thread_current()->id & ((UINT64_C(1) << AGAIN_THREAD_BITS) - 1);
    const uint64_t count = (kernel_clock_now() >> 6) & ((UINT64_C(1) << AGAIN_COUNT_BITS) - 1);

    return INT64_MIN | (int64_t)(thread << AGAIN_COUNT_BITS | count | 1);
}
