/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between swap_*.c, pageout.c and frame_window.c. Guarded by the SWAP lock, but for what says otherwise.
 */
#pragma once

#include <kern/frame.h>
#include <kern/grace.h>
#include <kern/list.h>
#include <kern/spinlock.h>
#include <kern/swap.h>
#include <kern/work.h>
#include <stdatomic.h>

/* ---- slots; swap_slots.c ---- */

enum slot_state {
    SLOT_FREE,
    SLOT_STORING, /* a request's, on the way to it */
    SLOT_FULL,
    SLOT_LOADING, /* a request's, on the way back */
    SLOT_ORPHAN,  /* the same, and nobody wants it any more */
    SLOT_LOST,    /* it could not be loaded, or was not what it had been */
    SLOT_ALONE,   /* as FULL; it could not be loaded together with others */
    SLOT_KEPT,    /* S9 */
};

struct swap_slot {
    struct anon *anon;     /* FULL, ALONE, LOADING, LOST, KEPT: whose place it is */
    struct ledger *ledger; /* and who pays for that; the anon's reference */
    uint64_t checksum;     /* of the page, S4 */
    uint8_t state;         /* enum slot_state */
    uint8_t request;       /* LOADING, ORPHAN: its number in swap.load; KEPT: swap.pagers then */
    uint16_t flags;        /* S8 */
};
_Static_assert(sizeof(struct swap_slot) == 32, "an eighth of a percent of what it stands for");

/** A page that the ledger pays for has become OUT, or (-1) is that no more. */
static inline void swap_count_out(struct ledger *ledger, int change)
{
    uint32_t out = atomic_load_explicit(&ledger->out, memory_order_relaxed);
    atomic_store_explicit(&ledger->out, out + (uint32_t)change, memory_order_relaxed);
}

/** The slot of that number, which has been promised. */
struct swap_slot *swap_slot(uint32_t number);
bool swap_slot_exists(uint32_t number);
/** The page is out, and can be asked for. */
static inline bool swap_slot_is_full(const struct swap_slot *slot)
{
    return slot->state == SLOT_FULL || slot->state == SLOT_ALONE;
}
/** Up to `most` FREE slots in a row become STORING; returns how many, from *first on, 0: none. */
uint32_t swap_take_run(uint32_t most, uint32_t *first);
/** A slot becomes FREE; the pager will hear of it. */
void swap_put_slot(uint32_t number);
/** A run of slots that became FREE and of which the pager has not heard; it is taken for told. */
bool swap_next_freed(uint32_t *first, uint32_t *count);
/** The first slot at or after *number that is not FREE. False: none below end, or not yet (*number < end): it goes on there next time. */
bool swap_next_taken(uint32_t *number, uint32_t end);

/* ---- slots of pages that came back (S9); swap_kept.c ---- */

/** A page has come into that frame, which nobody can find yet, from a slot. That becomes KEPT: returns the flag that the frame has to have; or 0: it is not kept. */
unsigned swap_keep_slot(struct frame *frame, uint32_t number);
/** The slot of the frame's page, if that is KEPT. False: it has none. */
bool swap_kept_slot(const struct frame *frame, uint32_t *number);
/** A KEPT slot's page was stored, or loaded, by the pager that there is. */
bool swap_kept_by_pager(uint32_t number);
/** That slot becomes FREE, if there is one. */
void swap_put_kept(struct frame *frame);
/** The slot becomes FREE, if its page stays where it is now. */
void swap_put_kept_slot(uint32_t number);
/** Some KEPT slots become FREE, for there are no others. */
void swap_reclaim_kept(void);

/* ---- areas; swap_area.c ---- */

enum area_phase {
    AREA_NONE,
    AREA_GROWING,  /* slots are being made: the first `made` */
    AREA_IN_USE,   /* pages go there */
    AREA_DRAINING, /* none does; those that are there come back */
    AREA_GOING,    /* nothing is there; the first `made` slots are left */
    AREA_GONE,     /* of which the pager has not heard */
};

struct slot_area {
    uint8_t phase; /* enum area_phase */
    uint8_t label_size;
    bool asked;            /* to be drained, by the pager, which is told */
    bool refused;          /* that came to nothing: the pager is to be told */
    bool enabled;          /* page-out counts on it: pageout_enable() */
    uint32_t first, count; /* slots; the first is the first of a chunk */
    uint32_t made, used;   /* not FREE */
    uint32_t lost;         /* of them, LOST: they stay used, and are no reason to wait */
    uint32_t priority;
    uint32_t cursor;       /* where to look for free slots first */
    uint32_t freed_cursor; /* the same for slots of which the pager has not heard */
    uint32_t drain_cursor; /* and for pages to be fetched */
    uint8_t label[SWAP_LABEL_BYTES];
};

/** The area of a slot that exists. */
struct slot_area *swap_area_of(uint32_t number);
/** The pages of an area that is to be drained are fetched, a piece; no lock held. True: there is more to do at once. */
bool swap_drain_some(void);
/** Slots that nothing needs go, a piece; no lock held. True: there are more. */
bool swap_drop_slots(void);
/** The first slot of an area that is gone; it is taken for told. */
bool swap_next_drained(uint32_t *first);
/** An area that was not drained after all, of which the pager has not heard; it is taken for told. The lock is held. */
bool swap_next_refused(uint32_t *first);
/** There is an area for swap_keep_all(). No lock held. */
bool swap_can_keep(void);
/** Areas that are being drained are in use again, for pages that could leave for nothing else. False: there are none. No lock held. */
bool swap_keep_all(void);

/* chunks of slots, for swap_area.c and swap_slots.c */
enum {
    CHUNK_SLOTS = 2048,
    CHUNK_WORDS = CHUNK_SLOTS / 64,
    CHUNKS_MAX = 2048,
};
/** Make the chunk with that number, whose slots are FREE, `count` of them. KERN_RESOURCE_SHORTAGE. No lock held. */
kern_return_t swap_make_chunk(uint32_t number, uint32_t count);
/** Free it: none of its slots is used. No lock held; nobody can find it. */
void swap_free_chunk(uint32_t number);

/* ---- requests; swap_request.c ---- */

enum request_state {
    REQ_FREE,
    REQ_GATHERING, /* a store that page-out collects pages for */
    REQ_GRACE,     /* until nobody can be using the frames (A4) */
    REQ_CLEANING,  /* pages are unmapped, and sums made; `at` is how far */
    REQ_DUE,       /* to be sent */
    REQ_SENT,
    REQ_ENDING, /* answered; pages get their new places; `at` is how far */
    REQ_STATES
};

struct swap_message {
    struct kmsg message; /* its body follows */
    uint64_t room[KMSG_SMALL / 8];
    bool out; /* sent, and not yet received or destroyed */
};

struct swap_page {
    struct anon *anon;   /* a store's; constant while it is not FREE or GATHERING */
    struct frame *frame; /* likewise, and of loads */
    uint64_t checksum;
    uint32_t slot; /* where it goes, or comes from; of a store: from DUE on */
};

struct swap_request {
    uint32_t bit;  /* in swap.in_state; constant */
    uint8_t state; /* enum request_state; set by swap_set_state() */
    bool load, ok;
    bool refused; /* of a store: by the pager that there is */
    bool waking;  /* who waits for it is to be woken */
    uint8_t count,
        at; /* pages; `at` and the pages: by the work item alone in GRACE to DUE and ENDING */
    uint8_t taken;       /* GATHERING: slots */
    uint8_t sent;        /* from DUE on: pages that the pager is to see, the first ones */
    uint32_t first;      /* slot */
    uint32_t generation; /* S5 */
    ticks_t until;       /* of a load: when who waits gives up */
    struct list waiters; /* threads (wait.link) */
    struct grace grace;
    struct swap_page page[SWAP_RUN_MAX];
    struct swap_message message;
};

/* Bits of requests: loads come first. */
enum {
    SWAP_STORES = 8,
    SWAP_LOADS = 8,
    SWAP_NOTICES = 2,
    SWAP_LOAD_BITS = (1 << SWAP_LOADS) - 1,
    SWAP_STORE_BITS = ((1 << SWAP_STORES) - 1) << SWAP_LOADS,
};
enum {
    SWAP_REQUEST_BITS = 8
}; /* of a request's number: which one it is; the rest is the generation */

struct swap {
    struct spinlock lock;
    struct work work;
    bool sending;         /* one CPU sends at a time */
    bool dropping;        /* slots are being given up */
    bool died;            /* the pager has; the work item takes it off when nobody sends */
    struct kright pager;  /* send right; null: there is none */
    struct port *port;    /* that port */
    struct task *task;    /* the default pager; reference held */
    uint32_t slots, used; /* of areas in use; not FREE, in all */
    uint32_t kept;        /* KEPT */
    uint8_t pagers;       /* those that died so far, modulo 256 */
    _Atomic uint32_t
        changes; /* of pagers and areas: another pager, an area more, or one that is to go. Written with the lock, read by anybody */
    ticks_t
        vacant_until; /* while there is no pager: when nobody waits for its successor any more */
    struct slot_area area[SWAP_AREA_COUNT];
    _Atomic uint32_t in_flight; /* pages of requests from GRACE on; page-out reads it without */
    struct list waiting;        /* threads for which there was no request */
    struct list want_frames;    /* threads that need a frame */
    struct list want_kept;      /* the same, of tasks that may use what is kept back */
    bool wake_waiting;
    struct swap_request store[SWAP_STORES], load[SWAP_LOADS];
    uint32_t in_state[REQ_STATES]; /* a bit each */
    struct swap_message freed[SWAP_NOTICES], drained;
    _Atomic uint64_t stores, loads, rescues, lost, unchanged, ahead; /* counts */
};
extern struct swap swap;

static inline struct swap_request *swap_request(unsigned number)
{
    return number < SWAP_LOADS ? &swap.load[number] : &swap.store[number - SWAP_LOADS];
}
/** The first of these requests, which is taken off. NULL: there is none. */
static inline struct swap_request *swap_next_request(uint32_t *bits)
{
    if (*bits == 0)
        return NULL;
    const unsigned number = (unsigned)__builtin_ctz(*bits);
    *bits &= *bits - 1;
    return swap_request(number);
}
void swap_requests_init(void);
/** The lock is held. */
void swap_set_state(struct swap_request *request, enum request_state state);

/** A store request that is FREE, with slots for at least a page, becomes GATHERING. NULL: there is none. Takes the lock. */
struct swap_request *swap_begin_store(void);
/** Page-out has put in all pages that it will: they leave; none: it is FREE again. Takes the lock. */
void swap_launch(struct swap_request *request);
/** Fetch the page of a FULL slot into a frame, which is the request's then, and up to `ahead` pages that lie behind it as far as there are
 *  frames. The lock is held. NULL: no more than `spare` requests are FREE. */
struct swap_request *swap_begin_load(uint32_t slot, struct frame *frame, unsigned ahead,
                                     unsigned spare);
/** How many pages to fetch with that of a slot which somebody waits for. The lock is held. */
unsigned swap_ahead_of(uint32_t slot);
/** Nobody wants a page of it any more: a load that is only DUE ends, if that is so of all, for there may be no pager to whom it could ever be sent. The lock
 *  is held. */
void swap_load_unwanted(struct swap_request *request);
/** The request that a number stands for, if it is SENT. The lock is held. */
struct swap_request *swap_find_request(uint32_t number);
/** Its number. */
uint32_t swap_request_number(const struct swap_request *request);
/** What the work item does with requests, a bounded piece. True: there is more. No lock held. */
bool swap_work_requests(void);
/** The pager has died: what it was asked for will be asked of the next, or fails. The lock is held. */
void swap_abandon_requests(void);

/** The flags that the frame's owner keeps in it. */
static inline uint16_t frame_owner_flags(const struct frame *frame)
{
    return atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_FLAGS_OWNER;
}

/* ---- messages; swap_send.c ---- */
void swap_messages_init(void);
void swap_message_init(struct swap_message *message);
/** Send what is due. No lock held. */
void swap_send(void);

/* ---- waits; swap_wait.c ---- */
/** Wake some of those who are to be woken. The lock is held. True: there are more. */
bool swap_wake_some(void);
/** Somebody waits for a frame. No lock held. */
bool swap_somebody_waits(void);

/* ---- windows; frame_window.c ---- */
/** KERN_RESOURCE_SHORTAGE. */
kern_return_t swap_window_init(void);
/** No window shows a frame of the request any more. No lock held. */
void swap_window_hide(const struct swap_request *request);
/** The pager has gone, and its window with it. No lock held. */
void swap_window_forget(void);

/* ---- the pager; swap.c ---- */
/** There is no pager, pages are out, and the next one may come any moment: nobody is told yet that nothing can leave. No lock held. */
bool swap_awaits_successor(void);
