/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations that fail: what failed for that is done again.
 */
#include "player.h"

#include <kern/frame.h>

static bool on, was_on, came;
static unsigned pauses; /* one in another */
static uint64_t nth;    /* the one that fails, of all; 0: here and there one fails */

static bool has_failed(void)
{
    return atomic_load(&alloc_count.counted) >= nth;
}

void trouble_nth(uint64_t n)
{
    nth = n;
    came = false;
    (void)alloc_fail_nth(n);
}

bool trouble_came(void)
{
    bool failed = came || (nth > 0 && has_failed());
    nth = 0;
    (void)alloc_fail_nth(0);
    return failed;
}

void trouble_pause(void)
{
    if (pauses++ > 0)
        return;
    uint64_t counted = alloc_fail_nth(0);
    if (nth == 0)
        return;
    came |= counted >= nth;
    nth = came ? UINT64_MAX : nth - counted;
}

void trouble_go_on(void)
{
    if (--pauses == 0 && nth > 0)
        (void)alloc_fail_nth(nth);
}

void trouble_begin(void)
{
    if (nth > 0)
        return;
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
    if (nth == 0)
        (void)alloc_fail_nth(0);
    CHECK(on || nth > 0 || !is_shortage(kr));
    on = false;
    return is_shortage(kr);
}

bool trouble_reaches(kern_return_t kr)
{
    CHECK(was_on || nth > 0 || !is_shortage(kr));
    return is_shortage(kr);
}

void trouble_step_ends(void)
{
    if (nth == 0)
        (void)alloc_fail_nth(0);
    on = was_on = false;
}
