/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world_failures.h.
 */
#include "world_failures.h"

static unsigned fail_at, allocations;
static bool failed;

void world_fail_at(unsigned n)
{
    fail_at = n;
    allocations = 0;
    failed = false;
}

bool world_has_failed(void)
{
    return failed;
}

bool world_fails(void)
{
    if (fail_at != 0 && ++allocations == fail_at) {
        failed = true;
        return true;
    }
    return false;
}
