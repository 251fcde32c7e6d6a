/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager's logic: where pages are while they are out (docs/swap.md). It knows nothing of the system, so that the same source
 * runs in the pager and, against a simulated kernel and simulated cards, on the host.
 *
 * G1 Slot s of an area is page s - first + 1 of its partition: a run of slots is a run of blocks.
 * G2 What a slot holds is in the tier if the tier has it, else on the card.
 * G3 A store is answered when each of its pages is in the tier or on the card. What has been answered outlives the pager.
 * G4 Two requests to a card that are under way never concern the same page, unless both read it.
 * G5 Loads do not wait for stores: there are buffers that no store gets.
 * G6 Nothing is allocated, but by who begins and adds areas.
 * G7 A card is told of slots that nobody needs when nothing else is to be done; what is stored there meanwhile waits (G4).
 */
#pragma once

#include "tier.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    PAGER_PAGE = TIER_PAGE,
    PAGER_AREAS = 8,
    PAGER_RUN = 16,   /* most pages of a request */
    PAGER_WINDOW = 8, /* pages of the kernel's that can be seen at a time */
    PAGER_BUFFERS = 8,
    PAGER_BUFFERS_LOADS = 2, /* of them: for loads alone */
    PAGER_JOBS = 36,
    PAGER_FREED = 64, /* runs of slots that the cards have not been told of */
    PAGER_MEMORY = PAGER_BUFFERS * PAGER_RUN * PAGER_PAGE /* of an area */
};

enum pager_operation { PAGER_READ, PAGER_WRITE, PAGER_DISCARD };

/** What a card is asked for. */
struct pager_io {
    enum pager_operation operation;
    uint32_t page; /* of the partition */
    uint32_t count;
    uint32_t offset; /* of the data, in the area's memory */
    uint32_t ticket;
};

/** The world around it. */
struct pager_world {
    void *context;
    /** Show `count` pages of a request of the kernel's, from `index` on, in the window's first pages (swap.show). */
    void (*show)(void *context, uint32_t request, uint32_t index, uint32_t count);
    /** swap.done. */
    void (*done)(void *context, uint32_t request, bool ok);
    /** Have a card do that; pager_card_done() tells when it has. False: it takes nothing now; pager_continue() when it does. */
    bool (*begin)(void *context, unsigned area, const struct pager_io *io);
    /** That is all for the moment. */
    void (*commit)(void *context, unsigned area);
};

struct pager_counts {
    uint64_t stores_same, stores_compressed, stores_card, written_back;
    uint64_t loads_same, loads_compressed, loads_card;
    uint64_t bytes_written, writes, bytes_read, reads, bytes_discarded;
    uint64_t failures;
};

enum pager_job_kind { JOB_NONE, JOB_LOAD, JOB_STORE, JOB_WRITE_BACK, JOB_DISCARD, JOB_KINDS };

/* What is being done for the kernel, or for the tier. Bits are pages, from the first on. */
struct pager_job {
    enum pager_job_kind kind;
    uint32_t request; /* the kernel's */
    uint32_t slot, count;
    uint32_t card;   /* what the card is needed for */
    uint32_t asked;  /* of that, what it has been asked for */
    uint32_t stale;  /* WRITE_BACK: what has been replaced meanwhile */
    uint32_t pieces; /* that it has not answered */
    uint64_t order;
    uint8_t area;
    int8_t buffer; /* -1: it has none */
    bool failed;
};

struct pager_run {
    uint32_t first, count; /* slots; 0: none */
};

struct pager_area {
    bool used;
    bool can_discard; /* set by who adds it */
    uint32_t first, count;
    char *memory;     /* PAGER_MEMORY bytes; NULL: the card has not been found yet */
    uint32_t buffers; /* those that are in use */
    uint32_t failures;
};

struct pager {
    struct pager_world world;
    char *window; /* PAGER_WINDOW pages */
    char *page;   /* one, of its own */
    struct tier *tier;
    struct pager_area area[PAGER_AREAS];
    struct pager_job job[PAGER_JOBS];
    uint64_t jobs[JOB_KINDS]; /* a bit a job, by what it is */
    uint64_t order;
    struct pager_run freed[PAGER_FREED];
    uint64_t asked; /* requests of the kernel so far */
    bool rests;     /* until the next */
    struct pager_counts counts;
};

/** Begin. window, page: memory as above. */
void pager_begin(struct pager *pager, const struct pager_world *world, struct tier *tier,
                 char *window, char *page);
/** Slots [first, first + count) are kept on card number `area` from here on. fresh: nothing is in them. */
void pager_add_area(struct pager *pager, unsigned area, uint32_t first, uint32_t count,
                    char *memory, bool fresh);
/** All areas that the predecessor had have been added: what the tier has for other slots is nobody's. */
void pager_areas_are_known(struct pager *pager);
/** Its slots are gone. False: a card still works at it; to be asked again when it has done something. */
bool pager_end_area(struct pager *pager, unsigned area);

/** What the kernel asks for (interfaces/default_pager.defs). */
void pager_store(struct pager *pager, uint32_t request, uint32_t slot, uint32_t count);
void pager_load(struct pager *pager, uint32_t request, uint32_t slot, uint32_t count);
void pager_freed(struct pager *pager, uint32_t slot, uint32_t count);

/** There are slots that a card may be told of. */
bool pager_can_discard(struct pager *pager);
/** The kernel has asked for nothing for a while: tell the cards of such slots, until it does. */
void pager_rest(struct pager *pager);

/** The card has answered. */
void pager_card_done(struct pager *pager, uint32_t ticket, bool ok);
/** Begin with what can be begun: after answers, or when a card takes requests again. */
void pager_continue(struct pager *pager);

/** Requests of the kernel that have not been answered. */
unsigned pager_waiting(const struct pager *pager);
