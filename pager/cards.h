/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager's cards: the partitions that are its areas (interfaces/block.defs), each with a client that is never waited for.
 *
 * P1 The main thread asks and takes answers; what may take a driver's time, to open a card and to attach to the next driver, is done by the card's
 *    attendant, a thread of its own. The clients are the attendant's from attendant_begin() until it is seen to rest.
 * P2 A card that has been away is used again when its header has the same uuid, and the client's medium is the one that it was read from.
 * P3 A request that failed for want of a medium, or because of another one, is asked for again when the card is back; others have failed.
 */
#pragma once

#include "pager.h"
#include "swap_header.h"
#include <libsys/block_client.h>
#include <libsys/driver/driver.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <wharf/if/swap_areas_types.h>
#include <wharf/if/swap_types.h>

enum card_state {
    CARD_NONE,
    CARD_OPENING, /* its attendant reads the header */
    CARD_READY,
    CARD_AWAY,   /* its attendant looks for it */
    CARD_ENDING, /* its slots are gone */
};

enum card_work { CARD_REST, CARD_OPEN, CARD_FIND, CARD_END };

/* What a successor finds with the kernel: where the area is, and which. */
struct card_label {
    char device[SWAP_AREAS_NAME_MAX];
    uint32_t partition;
    uint32_t zero;
    uint8_t uuid[SWAP_UUID];
};
_Static_assert(sizeof(struct card_label) <= SWAP_LABEL_MAX);

struct card {
    enum card_state state;
    bool restored; /* a predecessor's: it is waited for, however long */
    bool drained;  /* its slots are gone */
    bool changed;  /* something was asked for, or answered */
    struct card_label label;
    struct swap_header header;
    uint32_t first, priority;
    struct block_client client; /* of the pages */
    struct block_client probe;  /* of the header */
    struct pager_io io[BLOCK_RING_ENTRIES];
    uint64_t in_flight, again; /* a bit a ticket */
    mach_port_name_t on, off;  /* who waits for an answer */

    /* P1 */
    struct thread thread;
    _Atomic uint32_t work; /* a futex: enum card_work; the attendant sets it to REST */
    kern_return_t result;
};

struct pager_program {
    struct driver driver;
    struct pager pager;
    struct tier tier;
    void *tier_own;           /* the tier's own memory */
    bool tier_is_made;        /* of the state: there is, or was, an area */
    mach_port_name_t control; /* swap.defs */
    mach_port_name_t service;
    mach_port_name_t events; /* here attendants say that they rest */
    uint64_t reattached;
    struct card card[PAGER_AREAS];
};
extern struct pager_program program;

/* ---- attendant.c ---- */

/** Start the card's thread. Errors: thread_start(). */
kern_return_t attendant_start(struct card *card);
/** Have it do that; the main thread is told at program.events. */
void attendant_begin(struct card *card, enum card_work work);
static inline bool attendant_rests(struct card *card)
{
    return atomic_load_explicit(&card->work, memory_order_acquire) == CARD_REST;
}

/* ---- cards.c ---- */

/** For struct pager_world. */
bool cards_begin(void *context, unsigned number, const struct pager_io *io);
void cards_commit(void *context, unsigned number);
/** What drivers and attendants have done since. */
void cards_look(void);
/** A driver's queue has died. */
void cards_lost(mach_port_name_t queue);
/** A card for a predecessor's area. */
void cards_restore(const struct swap_area *area);
/** A new card is to be opened. KERN_LIMIT, errors of attendant_start(). */
kern_return_t cards_open(const char *device, uint32_t partition, uint32_t priority,
                         struct card **out);
struct card *cards_find(const char *device, uint32_t partition);
struct card *cards_find_slot(uint32_t first);

/* ---- main.c ---- */

/** The tier, as the arguments have it, if it is not there yet; what it may hold is for areas of a predecessor, which are added next. Errors:
 *  vm_map(). */
kern_return_t pager_program_make_tier(void);

/* ---- service.c ---- */

/** An attendant has opened it, or not. */
void service_opened(struct card *card);
/** Its slots are gone, and so is the card. */
void service_closed(mach_port_name_t off);
/** Its area is not drained after all: there were no frames for what is in it. */
void service_refused(struct card *card);
/** There was no memory to tell a card's driver of what is to be done: it is tried again in a moment. */
void service_look_soon(void);
/** The loop's: what drivers have not been told; whether those who wait for swapoff are there, and who is not takes it back; slots that are free, when nothing else is to do. */
driver_tick_t service_tick;
struct server_interface pager_service_interface(void);
struct server_interface pager_kernel_interface(void);
/** The port of the kernel's messages has this payload. */
#define SERVICE_KERNEL_PAYLOAD UINT64_C(1)
