/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that use memory of pagers all at once, on simulated CPUs that change places anywhere, or on host threads for
 * ThreadSanitizer. No write is lost, whatever comes and goes: each has a word of its own in every page.
 */
#pragma once

#include "../kobj/kobj_world.h"

enum { STORM_PAGES = 24, PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

/** Own thread only, but for what is said. */
struct storm_pager {
    struct actor *actor;
    uint32_t port, own_task;
    uint64_t store, random;
    _Atomic bool stop; /* by the controller: nobody needs it any more */
    bool began;
    uint32_t called; /* what it awaits the answer of; 0: it listens */
    uint32_t control;
    bool tells_ready, drops; /* due */
    unsigned collect, collects, supply, supplies;
    unsigned inits, requests, returns, ends;
};

bool storm_pager_program(struct actor *self, struct host_action *next);
