/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page replacement: which pages leave when frames are short (D9). A hand goes round over the records of all frames, in the order of
 * their addresses; it needs no lists, and a fault does nothing for it. At each pageable page it asks whether the page was used since
 * it last came by:
 *
 *      active ------ not used ------> INACTIVE ------ not used, again ------> leaves
 *         ^                              |
 *         '------------ used ------------'
 *
 * X1 what the kernel, the default pager and their like need is never taken: only anons' frames are PAGEABLE, and not those of a
 *    ledger that is `resident`, nor what a task of such a ledger maps, nor WIRED ones, nor PINNED.
 * X2 the hand looks at an anon only while its frame is BUSY: who destroys the anon waits for that (kernel/vm/anon.c).
 * X3 the hand moves only while frames are wanted: fewer are free than `low`, and up to `high`, those that are leaving included.
 *
 * X4 of a paged object's page the object decides: a clean one is dropped, one that was written to goes back to its pager; one that the
 *    pager does not fetch in time, or that has no pager any more, is paged out like an anonymous one. The frame says which
 *    object's it is while the object's cache has it; who takes it out, or lets go of
 *    it while its frame stays behind with page-out or the reaper, waits for BUSY, as X2 says, so that the object is there.
 *
 * X5 a task whose ledger is `resident` waits for the kernel, and for its like. A call of such a task's that another receives while frames are short is told
 *    of in the log by debug builds (kernel/vm/pageout_calls.c).
 *
 * Frames are kept back in classes, while there is anything that pages could leave for: below `user` programs get no new page, but wait; below `kernel`
 * kernel objects and page tables are not made either; the rest is for who frees memory: page-out itself, and tasks whose ledger
 * is `resident`. A reserve (host_memory.set_reserve) moves all of these marks up: it is memory to start such a task anew with.
 */
#pragma once

#include <kern/types.h>

struct frame;
struct paged_object;
struct reply;
struct thread;

struct pageout_marks {
    uint64_t kernel, user, low, high; /* frames free */
};

/** The frame holds a page of an object from here on, or again: page-out asks that what may become of it (paged_evict()). The
 *  object's lock is held. */
void pageout_tag(struct frame *frame, struct paged_object *object, uint64_t page);
/** Boot CPU, when all memory is known. */
void pageout_init(void);
/** There is something more that pages could leave for: slots, or an object. */
void pageout_enable(void);
/** The same; the SWAP lock is held. */
void pageout_enable_locked(void);
/** There no longer is. */
void pageout_disable(void);
/** Page-out's work is looked at again after a while. */
void pageout_look_again(void);
/** So many frames are to be kept back besides what always is, in all classes, for tasks whose ledger is `resident`: more than now once page-out has made
 *  them free, fewer at once. False: that is more than half of all. */
bool pageout_set_reserve(uint64_t pages);
/** That many pages are to leave, wanted or not (tests, and who knows that memory will be needed). */
void pageout_demand(uint64_t pages);
/** Free memory is above what programs may not touch. */
bool pageout_has_frames(void);
/** So many frames could be taken of which none is kept back for who frees memory. For who may take those, but should not for this. */
bool pageout_can_spare(uint64_t frames);
/** Nothing can be made free at the moment, and nobody will do anything about it (kern/pressure.h: L3). */
bool pageout_is_stuck(void);
/** Something has changed that may help. */
void pageout_retry(void);
/** Pages that were to leave did not: others may not either, for a while. */
void pageout_failed(void);
/** Some got away. */
void pageout_stored(void);
/** There is another default pager: what failed with its predecessor says nothing of it. */
void pageout_begin_anew(void);
/** A bounded piece, as part of swap_work(). True: there is more to do at once. */
bool pageout_step(void);

/** Pages that have left or come back, so far: while somebody waits this should move on. */
uint64_t pageout_progress(void);
/** Tell the log if it has not for long, although somebody waits (kernel/vm/pageout_watch.c). By the work item. */
void pageout_watch(bool awaited, nanos_t now);

/** From here on allocations on page-out's path fail as kernel/vm/pageout_failures.c says, up to `most` apart; 0: none. tasks: ids of two tasks
 *  on it. *counted, *failed: since the last call, of such. Part of every build (D16). */
void pageout_fail_allocations(uint32_t most, const uint32_t tasks[2], uint64_t *counted,
                              uint64_t *failed);

/** Of debug builds. */
void pageout_check_call(struct reply *reply, const struct thread *server);
/** The server has the reply, and works for its owner: X5. */
static inline void pageout_note_call(struct reply *reply, const struct thread *server)
{
    if (CONFIG_SLOW_CHECKS)
        pageout_check_call(reply, server);
}

struct pressure_sight;
void pageout_sight(struct pressure_sight *out);

struct pageout_facts {
    struct pageout_marks marks;
    uint64_t demanded;           /* pages that are still to leave, whatever is free */
    uint64_t scanned, activated; /* records looked at; inactive pages that were used, so far */
};
void pageout_facts(struct pageout_facts *out);
