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
};

struct swap_slot {
    struct anon *anon;     /* FULL, LOADING, LOST: whose place it is */
    struct ledger *ledger; /* and who pays for that; the anon's reference */
    uint64_t checksum;     /* of the page, S4 */
    uint8_t state;         /* enum slot_state */
    uint8_t request;       /* LOADING, ORPHAN: its number in swap.load */
    uint16_t flags;        /* S8 */
};
_Static_assert(sizeof(struct swap_slot) == 32, "an eighth of a percent of what it stands for");

/** The slot of that number, which has been promised. */
struct swap_slot *swap_slot(uint32_t number);
bool swap_slot_exists(uint32_t number);
/** Up to `most` FREE slots in a row become STORING; returns how many, from *first on, 0: none. */
uint32_t swap_take_run(uint32_t most, uint32_t *first);
/** A slot becomes FREE; the pager will hear of it. */
void swap_put_slot(uint32_t number);
/** A run of slots that became FREE and of which the pager has not heard; it is taken for told. */
bool swap_next_freed(uint32_t *first, uint32_t *count);
/** The pager is gone, and no slot is used: all of them go. A piece; no lock held. True: there are more. */
bool swap_drop_slots(void);

/* ---- requests; swap_request.c ---- */

enum request_state {
    REQ_FREE,
    REQ_GATHERING, /* a store that page-out collects pages for */
    REQ_GRACE,     /* until nobody can be using the frames (A4) */
    REQ_CLEANING,  /* pages are unmapped, and sums made; `at` is how far */
    REQ_DUE,       /* to be sent */
    REQ_SENT,
    REQ_ENDING /* answered; pages get their new places; `at` is how far */
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
};

struct swap_request {
    uint8_t state; /* enum request_state */
    bool load, ok;
    bool waking; /* who waits for it is to be woken */
    uint8_t count,
        at; /* pages; `at` and the pages: by the work item alone in GRACE to DUE and ENDING */
    uint8_t taken;       /* GATHERING: slots */
    uint32_t first;      /* slot */
    uint32_t generation; /* S5 */
    ticks_t until;       /* of a load: when who waits gives up */
    struct list waiters; /* threads (wait.link) */
    struct grace grace;
    struct swap_page page[SWAP_RUN_MAX];
    struct swap_message message;
};

enum { SWAP_STORES = 8, SWAP_LOADS = 8, SWAP_NOTICES = 2 };
enum {
    SWAP_REQUEST_BITS = 8
}; /* of a request's number: which one it is; the rest is the generation */

struct swap {
    struct spinlock lock;
    struct work work;
    bool sending;            /* one CPU sends at a time */
    bool dropping;           /* slots are being given up */
    bool died;               /* the pager has; the work item takes it off when nobody sends */
    struct kright pager;     /* send right; null: there is none */
    struct port *port;       /* that port */
    struct task *task;       /* the default pager; reference held */
    uint32_t slots, used;    /* promised, not FREE */
    uint32_t in_flight;      /* pages of requests from GRACE on */
    struct list waiting;     /* threads for which there was no request */
    struct list want_frames; /* threads that need a frame */
    bool wake_waiting;
    struct swap_request store[SWAP_STORES], load[SWAP_LOADS];
    struct swap_message freed[SWAP_NOTICES];
    _Atomic uint64_t stores, loads, rescues, lost; /* counts */
};
extern struct swap swap;

/** A store request that is FREE, with slots for at least a page, becomes GATHERING. NULL: there is none. Takes the lock. */
struct swap_request *swap_begin_store(void);
/** Page-out has put in all pages that it will: they leave; none: it is FREE again. Takes the lock. */
void swap_launch(struct swap_request *request);
/** Fetch the page of a FULL slot into a frame, which is the request's then; the lock is held. NULL: no request is FREE. */
struct swap_request *swap_begin_load(uint32_t slot, struct frame *frame);
/** Nobody wants the page any more: a load that is only DUE ends, for there may be no pager to whom it could ever be sent. The lock is held. */
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
/** Send what is due. No lock held. */
void swap_send(void);

/* ---- waits; swap_wait.c ---- */
/** Wake some of those who are to be woken. The lock is held. True: there are more. */
bool swap_wake_some(void);

/* ---- windows; frame_window.c ---- */
/** KERN_RESOURCE_SHORTAGE. */
kern_return_t swap_window_init(void);
/** No window shows a frame of the request any more. No lock held. */
void swap_window_hide(const struct swap_request *request);
/** The pager has gone, and its window with it. No lock held. */
void swap_window_forget(void);
