/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between kernel.c, memory.c and test_together.c (world.h).
 */
#pragma once

#include "../vm_system/office.h"

/* ---- kernel.c ---- */

/** Whoever waits for a page is served when nothing else moves. */
void together_begin(void);
void together_end(void);
/** My name of the pager's port for people; 0: there is no pager. */
uint32_t together_service(void);
/** How the kernel sees it all; that does not fail for want of memory. */
struct host_memory_swap together_facts(void);

/* ---- memory.c ---- */

void memory_begin(void);
void memory_end(void);
/** A step of somebody. */
void memory_step(void);
/** Each page is what it should be. */
void memory_check(void);
/** Pages leave. */
void memory_push(unsigned pages);
/** A card is taken into use, or not any more: what the pager says. KERN_TERMINATED: there is none. */
kern_return_t memory_swap_on(unsigned device, uint32_t priority);
kern_return_t memory_swap_off(unsigned device);
/** Pages that were read, written, and could not be had any more. */
struct memory_counts {
    uint64_t reads, writes, forks, lost;
};
extern struct memory_counts memory_counts;
