/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager of test_areas.c: an actor that keeps pages of several areas, and its calls. One thread plays all.
 */
#pragma once

#include "office.h"

#include <wharf/if/swap.h>

enum { SLOTS = 256, CHUNK = 2048, AREAS = SWAP_AREAS_MAX };
static_assert(SLOTS <= CHUNK, "an area is a chunk of slots");

/** How it is to behave, and what it has seen. */
struct areas_pager {
    uint64_t window;
    bool deaf;
    bool parts;                      /* it loads no several pages at a time */
    bool damages;                    /* what it loads is wrong */
    unsigned loads, single, in_vain; /* requests; of them for one page, and refused */
    unsigned stores[AREAS];          /* pages */
    uint32_t drained[AREAS];         /* what it heard */
    unsigned drains;
    unsigned refused; /* areas that were not given up after all */
};
extern struct areas_pager pager;
extern struct office office;

/** Where it keeps the page of a slot. */
uint8_t *areas_place(uint32_t slot);
/** It does what it has been told, if it is not deaf. True: there was something. For rest(). */
bool areas_serve(void);
/** Calls of the holder's own in between: it hears nothing meanwhile. */
void areas_begin_calls(void);
void areas_end_calls(void);
/** It takes its office with an area of SLOTS slots, and leaves it, after which nothing is out. */
void areas_begin_pager(void);
void areas_end_pager(void);
/** swap.add_area without a label; the other one succeeds, and returns the first slot. */
kern_return_t areas_add(uint32_t count, uint32_t priority, uint32_t *first);
uint32_t areas_added(uint32_t count, uint32_t priority);
kern_return_t areas_drain(uint32_t first);
kern_return_t areas_keep(uint32_t first);
/** The area that begins there. False: there is none. */
bool areas_see(uint32_t first, struct swap_area *out);
/** Slots of it that are used, and how many areas there are. */
unsigned areas_used(uint32_t first);
unsigned areas_count(void);
