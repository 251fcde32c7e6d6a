/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory to start drivers again with, when others have all there is. Programs that are not `reserved`, `reclaim`, `wired` or `essential` are made below one ledger, which
 * may promise them all memory but the reserve; so what a driver that has died gives back, and what its successor needs, can be nobody else's.
 *
 * V1 The limit is on COMMITMENT, of which the kernel promises no more than there is (kernel/boot/main.c:limit_memory): who has a page
 *    promised finds a frame.
 * V2 It is all that can be promised but for the reserve, and follows that, which grows when there is somewhere to page out to
 *    (host_memory.keep_commitment).
 * V3 Where there is, a promise is no frame. So as many frames as the reserve's programs have not been promised yet are kept back from all
 *    others (host_memory.set_reserve). It is set with each start, and when a program is ready, but not when one ends: others may have what it gave
 *    back by then, and to get it back by page-out may take the very driver that has ended.
 */
#pragma once

#include "description.h"
#include <wharf/message.h>

/** After system_begin(). Where it cannot be, the log says so, and nothing is kept. */
void reserve_begin(void);
void reserve_end(void);
/** What is kept is reckoned anew (V3). */
void reserve_renew(void);

/** The task below whose ledger a program is made; MSG_NULL: our own. */
mach_port_name_t reserve_parent(const struct recipe *recipe);
