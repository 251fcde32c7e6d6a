/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymous pages that are out: slots, and the requests that carry pages to them and back (D8, D9; interfaces/default_pager.defs is
 * what the default pager is told, interfaces/swap.defs what it asks, docs/paging.md how that goes together).
 *
 * A slot is a place for a page in what the default pager has promised to keep; what kind of place is its business. The kernel
 * chooses slots, in runs, so that a run of pages can be written in one go; the pager keeps nothing for a page but the page.
 *
 * S1 a slot is FREE, or one anon's (or, LOADING and ORPHAN, a request's): STORING while a request carries the page to it; FULL, ALONE,
 *    LOADING, LOST exactly while the anon is OUT with this slot's number; KEPT: S9.
 * S2 between the choice of a page and the freeing of its frame nothing is allocated (D9): requests, with their messages and lists
 *    of pages, are there from the start, slots since they were promised. Debug builds look (alloc_forbid()): at all that the work item does but the
 *    fetching of pages, and at the pager's calls that show pages and end requests.
 * S3 a page that is stored has not changed since its checksum was computed, or is not taken for stored: it was not mapped and nobody
 *    could find its frame (kern/anon.h: A4), or it has been RESCUED.
 * S4 a page comes back with the checksum it left with, or it is LOST: an exception of who touches it, for as long as it has the slot.
 * S5 a request is answered once: its number has a generation.
 * S6 loads have requests of their own: a page that is wanted never waits for one that is to leave.
 * S7 the windows show a request's frames only while it is SENT (kernel/vm/frame_window.c).
 * S8 the flags that a frame's owner keeps in its record (FRAME_FLAG_OWNER and on) go to the slot with the page, and come back.
 * S9 a page that has come back may have its slot still, KEPT, exactly while its frame says so (FRAME_FLAG_KEPT, `prev` is the slot's number): if its sum is the
 *    slot's when it leaves again, it is there already. So no note is needed of who writes to it. Slots are kept while there are others.
 * S10 where there are slots, page-out is enabled: who sees them may demand that pages leave (pageout_demand()).
 *
 * One lock, SWAP, for slots, requests, and who waits; it is held for short pieces, and never when memory is mapped or sent.
 */
#pragma once

#include <kern/anon.h>
#include <kern/kmsg.h>
#include <kern/types.h>

struct thread;
struct task;
struct port;

/** The most pages of one request. */
enum { SWAP_RUN_MAX = 16 };
/** As interfaces/swap.defs has them (kernel/kobj/swap_calls.c compares). */
enum { SWAP_AREA_COUNT = 8, SWAP_LABEL_BYTES = 64 };

/* ---- for who meets a page that is away; locks of ranks below SWAP may be held ---- */

/** The page at va is LEAVING or OUT, and `self` (NULL: nobody can wait) needs it. KERN_SUCCESS: it was LEAVING, and has been
 *  rescued. KERN_RETRY: as paged_need() says (kern/paged_object.h). KERN_MEMORY_ERROR: it is LOST, or nobody can wait;
 *  KERN_OPERATION_TIMED_OUT: it did not come, which is told once. */
kern_return_t swap_need(struct thread *self, struct anon *anon, vaddr_t va);
/** A LEAVING page stays. True: it is usable now; false: it is OUT. */
bool swap_rescue(struct anon *anon);
/** The last reference has gone, and the anon was not HERE. True: it has been freed, or will be; false: it is HERE. */
bool swap_anon_gone(struct anon *anon);
/** The most anons of one swap_try_anons_gone(). */
enum { ANONS_GONE_MOST = 8 };
/** As swap_anon_gone(), for several, if nobody else is at the slots just now. *count: then, how many are HERE, the first of the list as it is then. False: nothing has
 *  happened. */
bool swap_try_anons_gone(struct anon *anon[], unsigned *count);
/** S8, of a page that is LEAVING or OUT. */
unsigned swap_owner_flags(const struct anon *anon);
void swap_change_owner_flags(struct anon *anon, unsigned clear, unsigned set);
/** anon_hide_frame() for one that was not HERE, if it has a frame still. */
void swap_hide_frame(struct anon *anon);
/** Who pays for such a page from now on; returns who did. */
struct ledger *swap_set_payer(struct anon *anon, struct ledger *ledger);
/** Its slot is given up, if it has one: the page goes, or nobody may take it out any more (S9). No lock held. */
void swap_forget_kept(struct frame *frame);
/** There was no frame for a page of this thread. True: frames are on their way; KERN_RETRY is to be returned. */
bool swap_want_frame(struct thread *self, vaddr_t va);
/** What to return for kr, which may say that there was none: KERN_RETRY where frames are on their way. */
static inline kern_return_t swap_wait_if_short(struct thread *self, vaddr_t va, kern_return_t kr)
{
    return unlikely(kr == KERN_RESOURCE_SHORTAGE) && swap_want_frame(self, va) ? KERN_RETRY : kr;
}
/** For paged_wait(): the thread waits for what it was told to. No lock held. */
void swap_wait(struct thread *self);
/** What page_wait.object says of a thread that waits for this service. */
#define PAGE_WAIT_SWAP ((struct paged_object *)8)

/* ---- the default pager ---- */

/** The task that serves `pager`, a send right, becomes the default pager; *control is for it. Its memory stays where it is from
 *  here on. KERN_INVALID_CAPABILITY, KERN_BUSY: there is one; KERN_LIMIT, KERN_RESOURCE_SHORTAGE. Takes the right
 *  on success. */
kern_return_t swap_set_pager(struct task *task, struct kright *pager, struct kright *control);
/** Its port is dying; that port's lock is held. */
void swap_pager_died(void);
/** A message to it has been received, or destroyed. No lock held. */
void swap_message_done(struct kmsg *message);

/** An area of so many slots more, a piece: *progress, 0 at first, tells how far that is. KERN_RETRY, KERN_LIMIT: too many, KERN_RESOURCE_SHORTAGE,
 *  KERN_NOT_FOUND: `task` is not the default pager. */
kern_return_t swap_add_area(struct task *task, uint32_t count, uint32_t priority,
                            const uint8_t *label, uint32_t label_size, uint64_t *progress,
                            uint32_t *first);
/** Pages of the area that begins there are to come back, and then it goes; or not, after all. KERN_NOT_FOUND; of the first: KERN_RESOURCE_SHORTAGE: more has been
 *  promised than there would be. */
kern_return_t swap_drain(uint32_t first);
kern_return_t swap_keep(uint32_t first);
struct swap_area_facts {
    uint32_t first, count, used, priority;
    bool draining;
    uint8_t label_size;
    uint8_t label[SWAP_LABEL_BYTES];
};
/** False: no area has that number now. */
bool swap_area_facts(uint32_t number, struct swap_area_facts *out);
/** All programs have ended: no successor of the default pager will come for the areas that it left. */
void swap_expect_nobody(void);
/** The request has been carried out, or, !ok, has not. KERN_INVALID_ARGUMENT: there is no such request. */
kern_return_t swap_request_done(uint32_t request, bool ok);

/** The first window of `pages` pages is made in the default pager's memory, at *address, for good. KERN_BUSY: it is there; errors of
 *  map_enter(). */
kern_return_t swap_window_create(struct task *task, uint32_t pages, vaddr_t *address);
/** Show the frames of `count` pages of a request in pages of the window. KERN_INVALID_ARGUMENT; KERN_NOT_FOUND: the window is not there. */
kern_return_t swap_window_show(uint32_t request, uint32_t index, uint32_t count, uint32_t page);

struct swap_facts {
    uint64_t pagers;        /* 1: there is one */
    uint64_t slots, used;   /* promised; with pages that are out or on their way */
    uint64_t kept;          /* of pages that are in (S9) */
    uint64_t stores, loads; /* pages that went, and came, so far */
    uint64_t rescues, lost; /* pages so far */
    uint64_t unchanged;     /* of those that went: pages that were there already */
    uint64_t ahead;         /* of those that came: pages that nobody waited for */
    uint64_t in_flight;     /* pages that are LEAVING or coming */
};
void swap_facts(struct swap_facts *out);
/** Boot CPU, when frames can be had. */
void swap_init(void);
