/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations that fail: what failed for that is done again.
 */
#include "player.h"

#include <kern/frame.h>

static bool on, was_on;

void trouble_begin(void)
{
    on = one_in(6);
    was_on |= on;
    if (on)
        (void)alloc_fail_nth(1 + below(6));
}

static bool is_shortage(kern_return_t kr)
{
    return kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER || kr == MACH_RCV_NO_SPACE ||
           kr == MIG_SERVER_DIED;
}

bool trouble_end(kern_return_t kr)
{
    (void)alloc_fail_nth(0);
    CHECK(on || !is_shortage(kr));
    on = false;
    return is_shortage(kr);
}

bool trouble_reaches(kern_return_t kr)
{
    CHECK(was_on || !is_shortage(kr));
    return is_shortage(kr);
}

void trouble_step_ends(void)
{
    (void)alloc_fail_nth(0);
    on = was_on = false;
}
