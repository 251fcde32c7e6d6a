/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects whose pages a program supplies: Mach's external pagers (D8; interfaces/memory_pager.defs is what they are told,
 * interfaces/memory_object.defs what they ask, docs/pagers.md how that goes together).
 *
 *        first vm.map            ready           last mapping gone            fetched, or too late
 *   (none) ---------> INIT -------------> READY -----------------> ENDING ---------------> DROPPING ------> GONE
 *                      ^                   ^  | <-- mapped again --'  |                    ^   |
 *                      |                   |  |            may_cache  v    trimmed, pager  |   |
 *                      |                   '----- mapped again --- CACHED -----------------'   |
 *                      |                      |                            died, destroy   |   |
 *                      |                      '--- pager died, destroy: DEAD --------------'   |
 *                      '---------------------- mapped again ------------------------------------'
 *
 * Q1 one object a port: port->object is it, from the first vm.map until GONE (or destroy). Attached and detached under
 *    the locks of port and object. Mappings are counted in object.references; who finds the object at
 *    its port may raise them from 0, unless it is GONE.
 * Q2 a page is there <=> it is in `cache`. It is found and mapped under one hold of the lock, so who takes it out and
 *    then its mappings away leaves none. Only in states READY and DEAD: in others faults find nothing.
 * Q3 a page that may be written to is WRITTEN; it is mapped so that a first write faults. A page that is to go back is
 *    RETURNING until it is fetched: who destroys one that is written to has been told to, or waited in vain. Written
 *    pages are counted, and no more than the pager's volume allows (kern/pager_volume.h).
 * Q4 nothing the kernel sends needs memory: every message lies in the object, and is `out` until it has been received or
 *    destroyed. While it is, its fellows wait. Messages go out in order, by one CPU at a time (`sending`), and
 *    without locks.
 * Q5 a thread waits for a page on the object's lock: in the request that its page is in, or, while there is none to be had,
 *    in `waiting`; or to be let write to one, in `writers`. It decides to under the lock, having found the page missing or
 *    the volume full; then it repeats its instruction or trap. A thread about to wait holds the object. It lends its priority to
 *    the pager by the request (S4 of kern/sched.h).
 * Q6 `holds`: existence (until GONE), messages out, calls in progress, threads about to wait. The last one frees the
 *    record, whose lock stays valid (W4).
 * Q7 whatever a pager does or does not, it costs the ledger of the first mapper no more than the pages that were ever
 *    mapped, and a thread no more than a deadline.
 * Q8 CACHED: nobody maps it, its pages are clean, and each is charged to the pager's task or has been dropped. There are no more
 *    such objects than PAGED_CACHED_MAX, and PAGED_CACHED_EACH of one pager; the oldest goes first.
 * Q9 who gets the port from another task may know nothing of what that one was told: init is sent, and, behind it, all that is not answered,
 *    also what is queued still. Nobody's deadline changes by it.
 */
#pragma once

#include <kern/amap.h>
#include <kern/deadline.h>
#include <kern/kmsg.h>
#include <kern/list.h>
#include <kern/memory_object.h>
#include <kern/page_wait.h>
#include <kern/pager_volume.h>
#include <kern/spinlock.h>
#include <kern/work.h>

struct port;
struct space;
struct task;
struct thread;

enum {
    PAGED_REQUESTS = 8,
    PAGED_RETURNS = 4,
    PAGED_CLUSTER_MAX = 16,
    PAGED_RETURN_MAX = 60,
    PAGED_RUN_MAX = 256,
    PAGED_CACHED_MAX = 256,
    PAGED_CACHED_EACH = 64,
};
/** An object's pages have numbers below. */
#define PAGED_PAGES_MAX (UINT64_C(1) << 36)

enum paged_state {
    PAGED_INIT,
    PAGED_READY,
    PAGED_DEAD,
    PAGED_ENDING,
    PAGED_CACHED,
    PAGED_DROPPING,
    PAGED_GONE
};

/** A message to the pager. The object's lock, but for the message while it is out. */
struct pager_message {
    struct kmsg message; /* its body follows */
    uint64_t room[KMSG_SMALL / 8];
    struct paged_object *object; /* constant */
    bool out;                    /* Q4 */
};

enum page_request_state { REQUEST_FREE, REQUEST_DUE, REQUEST_SENT, REQUEST_ANSWERED };

/** The object's lock. */
struct page_request {
    uint8_t
        state; /* enum page_request_state; ANSWERED: until all are awake and the message is back */
    uint8_t access;   /* PROT_* of who asked */
    uint8_t priority; /* the most urgent of those who have asked */
    bool waking;      /* who waits is to be woken */
    uint64_t page, count;
    uint64_t failed, failed_count; /* of these the pager said `result` */
    uint64_t result;               /* struct page_wait's */
    ticks_t until;                 /* who waits longer gets an exception */
    struct list waiters;           /* thread.wait.link */
    struct pager_message message;
};

/** Pages that the pager is to be told to fetch, in one message. */
struct paged_run {
    uint64_t page, count; /* 0: there is none */
    bool dirty, kept;     /* they were written to; they stay when they have been fetched */
};

struct [[gnu::aligned(CACHE_LINE)]] paged_object /* kern/pageout.h: X4 */
{
    struct memory_object object;            /* first */
    struct spinlock lock;                   /* rank OBJECT; guards all members without a remark */
    _Atomic uint32_t holds;                 /* Q6 */
    uint8_t state;                          /* enum paged_state */
    bool sending;                           /* Q4 */
    bool wants_turn;                        /* the work item is to run when nobody sends */
    bool init_due, terminate_due, lock_due; /* messages that are to be sent */
    bool told;         /* the pager has been sent init, and no terminate after it */
    bool wake_waiting; /* those in `waiting` are to be woken */
    bool returning;    /* pages are to be announced, from `announce` on */
    bool locking;      /* a lock_request with `notify` is under way */
    bool detached;     /* the pager has died, or destroyed it: it never begins anew */
    bool flushing;     /* DEAD: pages are being taken away */
    bool
        scanning; /* ENDING: written pages are being looked for, from `scan_page` on; CACHED: pages that are
                           charged to others */
    bool may_cache;       /* the pager said so */
    _Atomic bool evicted; /* CACHED: it is to end. Set under the lock of the list of those */
    bool moved;           /* `space` may have to change */
    bool wake_writers;    /* all in `writers` are to be woken */
    bool throttled;       /* it is on volume->throttled */
    uint32_t busy;        /* bit n: request[n] is not FREE */
    uint32_t cluster;     /* pages in a request; the allocator's while it is free */
    uint64_t why;         /* DEAD: struct page_wait's result for who touches a page */
    uint64_t announce;    /* the first page that may have to be announced */
    struct paged_run run; /* `returning`: before that page; not announced yet, it may grow */
    uint64_t
        again; /* from here on those that have been are to be announced anew, to another pager */
    uint64_t unfetched; /* pages RETURNING */
    uint64_t asked;     /* of them those that a lock_request with `notify` wants */
    uint64_t
        scan_page; /* ENDING, CACHED: `scanning`; DROPPING: pages before it name the object no more */
    uint64_t clean_page; /* while it is the volume's cleaner: how far it has got */
    uint64_t dirty;      /* WRITTEN pages, in states READY to CACHED */
    uint64_t loose;      /* of them those not RETURNING; volume lock */
    ticks_t fetch_until; /* a page that is RETURNING then has been waited for in vain */
    struct space *space; /* its volume is the pager's; a reference. NULL: the right is in none */
    struct list written_link, throttled_link; /* of that volume; its lock */
    uint32_t admitted;                        /* writers to be let through; its lock */
    const struct space *cached_for; /* CACHED: whose pages they are; the lock of that list, like: */
    struct list cached_link;        /* CACHED; the lock of that list */
    uint64_t lock_page, lock_pages; /* of the lock_request */
    ticks_t give_up;                /* ENDING: what has not been fetched by then is lost */
    struct deadline deadline;       /* for that; armed: a hold */
    struct amap *cache;             /* Q2; NULL: GONE. This object's lock is its, too */
    struct kright pager;            /* send right; constant until GONE */
    struct port *port;              /* the pager's, as in that; constant until GONE */
    struct port *control;           /* kernel object, KOBJECT_MEMORY_OBJECT; constant until GONE */
    struct list waiting, writers;   /* threads: Q5 */
    struct page_request request[PAGED_REQUESTS];
    struct pager_message init, terminate, locked, returned[PAGED_RETURNS];
    struct work work; /* wakes, announces, ends */
};

/** The requests that are not FREE, one after the other; *left is `busy` at first. NULL: there is no more. */
static inline struct page_request *paged_next_busy(struct paged_object *object, uint32_t *left)
{
    if (*left == 0)
        return NULL;
    struct page_request *request = &object->request[__builtin_ctz(*left)];
    *left &= *left - 1;
    return request;
}

static inline struct paged_object *paged_of(struct memory_object *object)
{
    return container_of(object, struct paged_object, object);
}

/* ---- life; kernel/vm/paged_object.c ---- */

/** The object behind a pager's send right, made if there is none; a reference (a mapping to be) is the caller's. `end`: the
 *  first page behind what is to be mapped. KERN_INVALID_CAPABILITY: a kernel object's port, or dead; KERN_INVALID_ARGUMENT, KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. No lock held. */
kern_return_t paged_object_find(struct ledger *ledger, const struct kright *pager, uint64_t end,
                                struct memory_object **out);
/** A reference goes: memory_object_unref(). */
void paged_object_unref(struct paged_object *object);
/** The pager's port is dying; its lock is held. */
void paged_object_pager_died(struct paged_object *object);
/** The pager's receive right has come to a space; the port's lock is held. What another pager had been told is told anew. */
void paged_object_moved(struct paged_object *object);
void paged_hold(struct paged_object *object);
void paged_unhold(struct paged_object *object);
/** destroy(). */
void paged_object_destroy(struct paged_object *object, uint32_t reason);
/** The pager changes its mind; the lock is held. */
void paged_set_may_cache(struct paged_object *object, bool may_cache);
/** It is CACHED from now on; another one may have to go for it. The lock is held, like for: it is no longer. kernel/vm/paged_cache.c */
void paged_cache_add(struct paged_object *object);
void paged_cache_remove(struct paged_object *object);
/** Memory is short: the oldest object that is only CACHED ends, and its pages are free soon. False: there is none. */
bool paged_object_trim(void);
/** No object is about to end (tests). */
bool paged_object_is_idle(void);

/* ---- pages; kernel/vm/paged_pages.c. The lock is held unless it says otherwise ---- */

/** The page, without a reference; NULL: it is not there, or may not be mapped (Q2). */
struct anon *paged_lookup(const struct paged_object *object, uint64_t page);
/** Q3: it is about to be written to. */
void paged_note_write(struct paged_object *object, struct anon *anon);
bool paged_is_written(const struct anon *anon);
/** Its return was announced, or should have been, and the pager has fetched nothing for so long that it is not to be waited for: for
 *  who needs the frame. The one place that says so. */
bool paged_is_unanswered(const struct paged_object *object, const struct anon *anon);
/** Put a page there, whose reference is taken, unless there is one; the object's ledger pays for it from now on. Takes the lock. KERN_LIMIT, KERN_RESOURCE_SHORTAGE: the page is the
 *  caller's still; KERN_TERMINATED. */
kern_return_t paged_put(struct paged_object *object, uint64_t page, struct anon *anon);
/** lock_request() for one page at or after *page and before end; *page: the next to be looked at. Takes the lock. */
kern_return_t paged_lock_page(struct paged_object *object, uint64_t *page, uint64_t end,
                              unsigned what, bool flush, bool notify);
/** The page that is to be fetched, with a reference, and clean from here on. Takes the lock. KERN_NOT_FOUND, KERN_TERMINATED, and
 *  swap_need()'s: after KERN_RETRY `self` does what it says there. */
kern_return_t paged_collect_begin(struct paged_object *object, struct thread *self, uint64_t page,
                                  struct anon **out);
/** It has been fetched, or not. Takes the reference and the lock. */
void paged_collect_end(struct paged_object *object, uint64_t page, struct anon *anon, bool fetched);
/** Every written page is to be returned, from *page on, and, `goes`, dropped then. A bounded piece; false: all have been looked at. */
bool paged_return_all(struct paged_object *object, uint64_t *page, bool goes);
/** The pages, from scan_page on, are charged to this ledger, or go. A bounded piece; false: all are. */
bool paged_recharge_some(struct paged_object *object, struct ledger *ledger);
/** What is WRITTEN counts no more: it will be dropped. */
void paged_forget_written(struct paged_object *object);
/** Drop pages, which nothing maps, a bounded piece; false: none is left. Takes the lock. */
bool paged_drop_some(struct paged_object *object);
/** The same for pages that may be mapped. */
bool paged_flush_some(struct paged_object *object);
/** What became of a page that nobody has used for a while. */
enum paged_evicted {
    PAGED_STAYS,
    PAGED_AWAITED,   /* its pager has been told to fetch it */
    PAGED_FREE,      /* it was clean, and is gone */
    PAGED_GOES_BACK, /* its pager is told to fetch it */
    PAGED_TO_SWAP, /* there is no pager that fetches it, or can be asked for it again: it can only be paged out as it is */
};
/** All that are to be fetched are announced anew. */
void paged_return_again(struct paged_object *object);
/** Page-out wants the frame of that page. Takes the lock. */
enum paged_evicted paged_evict(struct paged_object *object, uint64_t page,
                               const struct frame *frame);
/** A run of pages that have to be announced; false: there is none, or none yet: the work item goes on. */
bool paged_next_return(struct paged_object *object, struct paged_run *out);

/* ---- the pager's volume; kernel/vm/paged_volume.c. The lock is held ---- */

/** In pages; before any program runs. */
void paged_volume_set_limit(uint64_t pages);
/** Pages have been written to, or are no longer; so many are loose, or no longer. */
void paged_volume_count(struct paged_object *object, int64_t dirty, int64_t loose);
bool paged_volume_is_full(const struct paged_object *object);
/** Is it full still? Then a writer waits from now on. */
bool paged_volume_wait(struct paged_object *object);
/** How many writers may be let through now, at most `most`. */
unsigned paged_volume_admitted(struct paged_object *object, unsigned most);
/** So many were there to be let through, and more or none are waiting: others' turn. True: come again. */
bool paged_volume_let_through(struct paged_object *object, unsigned left);
/** It is this object's turn to be cleaned. */
bool paged_volume_is_cleaner(const struct paged_object *object);
void paged_volume_cleaned(struct paged_object *object);
/** It counts in another space, or (NULL) in none. Returns the one before, whose reference is the caller's to drop. */
struct space *paged_volume_move(struct paged_object *object, struct space *space);
/** The first page at or after *page and before end that is to be fetched, or how far it has been looked: true if there is one. */
bool paged_next_returning(struct paged_object *object, uint64_t *page, uint64_t end);

/* ---- what its users want returned; kernel/vm/paged_sync.c. Both take the lock ---- */

/** Have pages of [*page, end) returned that were written to, and with `invalidate` all of them taken away; *page: the next to be looked at. KERN_RETRY:
 *  a piece is done. When the pager is gone, or the object: paged_need()'s. */
kern_return_t paged_sync(struct paged_object *object, uint64_t *page, uint64_t end,
                         bool invalidate);
/** Wait until none of them is to be fetched any more. KERN_RETRY, and the errors, of paged_need(). */
kern_return_t paged_sync_wait(struct paged_object *object, struct thread *self, uint64_t *page,
                              uint64_t end, vaddr_t va);
/** The page is to be fetched, and may be still. The lock is held. */
bool paged_is_returning(struct paged_object *object, uint64_t page);

/* ---- messages; kernel/vm/paged_send.c ---- */
void paged_message_init(struct paged_object *object, struct pager_message *message);
/** Send what is due. No lock held; the caller holds the object. */
void paged_send(struct paged_object *object);
/** init, and all that is not answered, is due anew: there is another pager, which has made no lock_request. The lock is held. */
void paged_tell_again(struct paged_object *object);
/** A message has been received, or destroyed. No lock held. */
void paged_message_done(struct kmsg *message);

/* ---- requests and waits; kernel/vm/paged_wait.c ---- */

/** The time that pagers have, in nanoseconds; before any program runs. */
void paged_object_set_patience(uint64_t nanoseconds);
ticks_t paged_patience_ends(void);
/** The page at va is missing, and the current thread (NULL: nobody) needs it: see that the pager is asked, for as much as `pages` pages. The lock is held. KERN_RETRY:
 *  paged_wait() is to follow, without locks, when the trap has been set to be repeated, and the caller unwinds to there; else
 *  it will not come: KERN_MEMORY_ERROR (the pager said so), KERN_OPERATION_TIMED_OUT, KERN_MEMORY_FAILURE (the pager died),
 *  KERN_TERMINATED (the object was destroyed). */
kern_return_t paged_need(struct paged_object *object, struct thread *self, uint64_t page,
                         uint64_t pages, vaddr_t va, unsigned access);
/** The page is there, and the current thread is about to write to it: noted, if the pager's volume allows it. Else as paged_need();
 *  KERN_OPERATION_TIMED_OUT: the pager has not fetched enough in time. The lock is held. */
kern_return_t paged_begin_write(struct paged_object *object, struct thread *self, uint64_t page,
                                vaddr_t va, struct anon *anon);
/** The current thread, whose registers say what is to be repeated, waits unless the page has come. */
void paged_wait(struct thread *self);
/** It does not wait, after all: forget about it. */
void paged_forget(struct thread *self);
/** For kern/wait.h: the wait is ended with this; the lock is held. */
void paged_wait_ended(struct thread *thread, kern_return_t result);
/** The pager has answered for these pages; result: struct page_wait's. Takes the lock. */
void paged_answer(struct paged_object *object, uint64_t page, uint64_t count, uint64_t result);
/** All are to be woken. The lock is held; paged_wake_some() follows. */
void paged_wake_all(struct paged_object *object);
/** Wake a few of those who are to be woken, and free what requests are over. The lock is held. True: there are more. */
bool paged_wake_some(struct paged_object *object);
/** Nobody waits here. The lock is held. */
bool paged_has_no_waiters(const struct paged_object *object);
/** What the pager was asked for and has not answered it is asked for anew: there is another one. The lock is held. */
void paged_ask_again(struct paged_object *object);
/** A request's message is back. The lock is held. True: paged_wake_some() has something to do. */
bool paged_request_back(struct paged_object *object, struct pager_message *message);
