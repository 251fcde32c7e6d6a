/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of DMA memory (kern/device_dma.h):
 *
 *   dma.c          sessions, holds, quarantine
 *   dma_memory.c   memory that is allocated for a device
 *   dma_pin.c      pages of others that it knows
 *   dma_release.c  the work item: what goes, and what is left by a session
 */
#pragma once

#include <kern/device.h>
#include <kern/device_dma.h>
#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/memory_object.h>
#include <kern/spinlock.h>
#include <kern/work.h>

extern struct spinlock dma_lock; /* for all devices: what it guards is soon done */

static inline struct device *dma_device(struct device_dma *dma)
{
    return container_of(dma, struct device, dma);
}

enum dma_kind { DMA_MEMORY, DMA_PIN };

/*
 *   MAKING ---- the call is over ----> READY ---- nobody needs it, or it is quiesced ----> GOING
 *      '------------------------------- it failed, or the session has ended ----------------^
 */
enum dma_state { DMA_MAKING, DMA_READY, DMA_GOING };

/** H1. Guarded by the DMA lock where nothing else is said. */
struct dma_hold {
    struct rb_node node;    /* in dma->holds, until it is GOING or forgiven */
    struct list link;       /* on the work item's list, if `queued` */
    struct device_dma *dma; /* constant; a reference (H3) */
    uint64_t key;           /* session and number; constant */
    struct ledger *ledger;  /* H4; reference held */
    uint64_t pages;         /* constant */
    uint64_t
        done; /* pages that are pinned, or zeroed; of them so many are to be undone when it is GOING. Whoever makes it, then
                               the work item or who unpins it */
    const struct thread *maker; /* MAKING: whose call it is, compared only */
    uint32_t users;             /* calls that work with it */
    uint8_t kind;               /* enum dma_kind; constant */
    uint8_t state;              /* enum dma_state */
    bool queued;
};

struct dma_pin {
    struct dma_hold hold;
    struct amap *amap; /* constant; a reference (kern/pin.h: N1) */
    uint64_t first;    /* number in it of the first page; constant */
};

struct dma_memory {
    struct dma_hold hold;
    struct memory_object object; /* its references: entries, mappings, and who makes it */
    pfn_t frame; /* the first; PFN_NONE: not found yet. Who makes it, then constant */
    struct frame_search search; /* who makes it */
    bool referenced;            /* `object` is by others than who makes it */
    struct list let_go;         /* in dma->let_go: it was let go of in this session */
    bool forgiven;              /* quiesced: out of the tree, but referenced still */
    uint64_t poisoned;          /* pages. Work item, as the next */
    uint64_t checked;           /* pages that are as they were poisoned, and clean in the caches */
    bool damaged;               /* they are not: told once */
};

/** A session's calls may go on. DMA lock held. */
static inline bool dma_is_current(const struct device_dma *dma, uint32_t session)
{
    return dma->open && dma->session == session;
}
/** The hold is of the session that is open. DMA lock held. */
static inline bool dma_hold_is_current(const struct dma_hold *hold)
{
    return dma_is_current(hold->dma, (uint32_t)(hold->key >> 32));
}

/** Charge for a hold that has been made, H4, and put it into the tree, MAKING, with a use. On an error the record is as it was: KERN_LIMIT,
 *  KERN_TERMINATED. The rest is filled in. */
kern_return_t dma_hold_begin(struct dma_hold *hold, struct device_dma *dma, uint32_t session,
                             struct ledger *ledger, uint64_t pages, const struct thread *maker);
/** The session's, with a use; NULL: none of that number, kind and state. *over: the session is. */
struct dma_hold *dma_hold_find(struct device_dma *dma, uint32_t session, uint32_t number,
                               enum dma_kind kind, enum dma_state state, bool *over);
/** A use ends. */
void dma_hold_put(struct dma_hold *hold);
/** It is READY, unless its session has ended: KERN_TERMINATED. */
kern_return_t dma_hold_finish(struct dma_hold *hold);
/** Nobody may find it any more; the device does not know of it, or leaves it alone. DMA lock held. */
void dma_hold_take_out(struct dma_hold *hold);
/** The same, with a use that goes on. Takes the lock. */
void dma_hold_give_up(struct dma_hold *hold);
/** Have the work item look at it. DMA lock held. */
void dma_hold_queue(struct dma_hold *hold);
/** Nothing is left of it but the record: that is freed. No lock held. */
void dma_hold_free(struct dma_hold *hold);
/** Its charges become the kernel's. Takes the lock. */
void dma_hold_move_charge(struct dma_hold *hold);

static inline uint32_t dma_number(const struct dma_hold *hold)
{
    return (uint32_t)hold->key;
}

/** What the device calls this address, and how many bytes go on like that; DMA_NO_BUS: so many cannot be reached. */
uint64_t dma_bus(const struct device_dma *dma, paddr_t pa, uint64_t *size);

/** Undo a piece of what makes a hold that is GOING: true: there is more. */
bool dma_pin_undo(struct dma_pin *pin);
bool dma_memory_undo(struct dma_memory *memory);
/** Poison a piece of quarantined memory that nobody has: true: there is more. */
bool dma_memory_poison(struct dma_memory *memory);
/** Would there be something to be poisoned? DMA lock held. */
bool dma_memory_is_to_be_poisoned(const struct dma_memory *memory);
void dma_pin_free_record(struct dma_hold *hold, struct ledger *ledger);
void dma_memory_free_record(struct dma_hold *hold, struct ledger *ledger);
/** What a record costs. */
uint32_t dma_pin_record_size(void);
uint32_t dma_memory_record_size(void);

/** Start the work item; the list of holds, and of devices, is its. */
void dma_work_start(void);
extern struct list dma_queue;   /* struct dma_hold; DMA lock */
extern struct list dma_devices; /* struct device_dma; DMA lock */
