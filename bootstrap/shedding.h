/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done when memory is full: programs get no page, none can leave, and who needs one waits (interfaces/memory_pressure.defs, docs/memory-pressure.md).
 * Then programs are ended, in the order that the description gives, until it is not full any more.
 *
 * D1 Nobody is ended in whose recipe `expendable` does not stand; the highest number goes first, of equal ones the last of the description.
 * D2 One at a time, and a second before the first and after each: what it had has to be given back first.
 * D3 A program that `sheds` is not ended, but asked to end something of its own; if that has been of no use three times, it is the next one's turn.
 */
#pragma once

#include <stdint.h>

struct server_message;

/** After reserve_begin(). */
void shedding_begin(void);
/** The kernel has told the level. */
void shedding_told(const struct server_message *message);
/** Moments, as restart_due() and restart_next(). */
void shedding_due(uint64_t now);
uint64_t shedding_next(void);
