/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory is promised to programs: LEDGER_COMMITMENT of kernel_ledger (kern/ledger.h). Its limit is what there is, in frames but for a
 * part that is kept back (kernel/boot/main.c) and in slots, and what is promised beyond (host_memory.set_overcommit).
 */
#pragma once

#include <kern/types.h>

struct ledger;

/** There is so much more, or less, to promise. */
void commitment_add(int64_t pages);
/** The limit of this ledger is all that may be promised but for so many pages, from here on, whatever becomes of that; 0: of no ledger. There is
 *  one such ledger, which the kernel has a reference on: the one of the last call. */
void commitment_keep_from(struct ledger *ledger, uint64_t pages);
/** So many pages more than there are may be promised; before, too, but not as many. Then there may be no frame for what was promised, and
 *  page-out is in force although there may be nothing to page out to: who needs a frame has to wait for it (kern/pressure.h). */
void commitment_set_excess(uint64_t pages);
