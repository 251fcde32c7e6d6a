/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How memory does, in levels (interfaces/memory_pressure.defs), and who is told.
 *
 * L1 The level rises at once, and falls when it has been lower for half a second: page-out comes and goes faster than anybody could do
 *    something about it.
 * L2 Nothing is allocated for it: watchers have places, and each its one message, which says the level that is current when it is sent. Who has not taken
 *    the last one is told when he has.
 * L3 While there is a watcher who needs a frame waits for it when nothing can leave, as for any page: watching is to promise that something is done.
 *    Without one it is told at once that there is none.
 */
#pragma once

#include <kern/types.h>

struct kright;

enum pressure_level { PRESSURE_NORMAL, PRESSURE_PAGING, PRESSURE_SCARCE, PRESSURE_FULL };

/** What page-out sees of it (pageout_sight()). */
struct pressure_sight {
    bool in_force;   /* there is what pages could leave for, or more is promised than there is */
    bool leaving;    /* the hand is to move, or pages are on their way */
    bool stuck;      /* nothing can leave, and it is nobody's turn who could change that */
    bool waits;      /* somebody waits for a frame */
    bool awaited;    /* or pages are on their way */
    bool has_frames; /* programs get frames */
    bool few_slots;  /* there are slots, and less than one part in eight is left */
};

/** Tell at this port from now on, and, unless it is NORMAL, now. Takes the right on success. KERN_INVALID_CAPABILITY, KERN_BUSY: it is told already;
 *  KERN_LIMIT. */
kern_return_t pressure_watch(struct kright *port);
/** A watcher's port is dying; its lock is held. */
void pressure_watcher_died(void);
bool pressure_is_watched(void);
/** Part of page-out's work: look at it anew, and tell. `more`: it will be called again soon. No lock held. */
void pressure_step(bool more);
/** Boot CPU. */
void pressure_init(void);
