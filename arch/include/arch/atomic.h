/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two things the compiler's atomics cost too much for on the shortest paths.
 *
 * machine/atomic_md.h supplies them.
 *
 *   relaxed_load(object), relaxed_store(object, value)
 *       One access of an object of at most 8 bytes, single-copy atomic, in no order to others, like
 *       C11's relaxed order. Compilers of today compute the address apart for those. `object` is an
 *       lvalue, _Atomic or not.
 *
 *   void arch_fence()
 *       Everything before it is seen by other CPUs before anything behind it is done: between publishing
 *       something and looking whether somebody asked for something else meanwhile. ThreadSanitizer knows no
 *       fences, hence a function of the machine's.
 *
 *   bool arch_ticket_try(uint32_t *word, uint32_t *taken)
 *       A ticket lock's word is {serving: low half, next: high half}. If nobody has the lock
 *       (halves equal): take a ticket, acquire order, *taken = the word as it is now. Else false.
 */
#pragma once

#include <kern/types.h>
#include <machine/atomic_md.h>
