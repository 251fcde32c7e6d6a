/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is short for a moment, for who makes tasks: where pages leave for swap, what there is not now, or not in one piece, is there a moment later, and a shell is not to end for
 * that. What failed has left nothing behind, and is done again:
 *
 *      unsigned refusals = 0;
 *      do
 *          kr = ...;
 *      while (is_short(kr, &refusals));
 */
#pragma once

#include <stdbool.h>
#include <wharf/error.h>

/** A pause, longer each time, a second in all. `refusals`: how many there were before. False: there were enough. */
[[gnu::cold]] bool patience_pause(unsigned refusals);

/** It was refused for memory that is short, and may not be if it is tried again now. */
static inline bool is_short(kern_return_t kr, unsigned *refusals)
{
    return __builtin_expect(kr == KERN_RESOURCE_SHORTAGE, 0) && patience_pause((*refusals)++);
}
