/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices may write to (D10, D12; interfaces/device.defs: dma_*). There is no IOMMU: a device writes wherever it was told. So all that its
 * driver was told an address of is held until somebody who knows says that the device leaves it alone.
 *
 * H1 a hold is memory that was allocated for a device (kernel/device/dma_memory.c) or a pin of somebody's pages (dma_pin.c). It is in
 *    its device's tree as long as the device may know of it.
 * H2 it goes when its driver says so: unpins it, or gives up the memory's entry and mappings, and goes on. A driver that ends loses
 *    those as well, perhaps before its session ends: so memory that nobody has goes only with the next call of the session, which no
 *    task makes that has begun to lose anything. What is there when the session ends is quarantined: nothing of it is freed or used
 *    again, and pinned pages stay pinned, until the driver of a later session says `quiesced`. Memory that is mapped by others then is
 *    theirs to keep, and goes with that.
 * H3 a device whose last right goes while something is quarantined can be told by nobody: what it may write to is kept for ever, with
 *    the device's record, for every hold has a reference on that. It is counted, and the log says so.
 * H4 the task that made the call pays: WIRED for the pages, FRAMES for memory, KMEM for the record; from the session's end on the
 *    kernel, so that nothing of a driver that has died has to stay. Pages that are pinned are their owner's charge throughout.
 * H5 the frames of memory are no other's: they have no reverse mappings, and no owner but the hold. What is mapped not cached, for
 *    devices that do not look into caches, the kernel does not touch through its own mapping, which is cached, as long as anybody may
 *    write to it: lines that the CPU fetches there by speculation are never dirty, so nothing is written back over what CPUs and
 *    devices wrote past them. Lines are cleaned and invalidated when the frames have been zeroed, before they are handed out, and
 *    again before the kernel looks (poison), or the allocator gets them back.
 */
#pragma once

#include <kern/frame.h>
#include <kern/port.h>
#include <kern/rbtree.h>
#include <kern/types.h>

struct kcall;
struct memory_object;

enum { DEVICE_WINDOWS = 8 };
/** What an address is that a device cannot reach. */
#define DMA_NO_BUS UINT64_MAX

/** Memory the device reaches: [memory, memory + size) is [bus, bus + size) to it; neither wraps. */
struct device_window {
    paddr_t memory;
    uint64_t bus;
    uint64_t size;
};

/** A device's part in this. */
struct device_dma {
    struct device_window
        window[DEVICE_WINDOWS];               /* whole pages; constant, as is all to `coherent` */
    struct frame_range range[DEVICE_WINDOWS]; /* the same */
    uint32_t windows;                         /* 0: it reaches nothing */
    bool coherent;                            /* it looks into the caches */
    struct rb_tree
        holds;          /* H1, by key: those of earlier sessions first. DMA lock, as is all below */
    struct list let_go; /* memory that nobody has any more; of former sessions, perhaps, too (H2) */
    struct list link;   /* in the work item's list, with a reference: a session has ended */
    uint64_t moved;     /* for it: what is below has been charged to the kernel */
    uint32_t session, number; /* how many there have been; the last hold's number in it */
    bool open;                /* the last one has not ended */
    uint64_t limit, pages;    /* the most that this one may hold; what it does */
    uint64_t quarantined;     /* pages */
};

/** Of a device's record, which is zeroed. */
void device_dma_init(struct device_dma *dma, const struct device_window *windows, unsigned count,
                     bool coherent);
/** A session begins, in which at most so many pages may be held; there is none. dma->session is its number, for the calls below. The device's
 *  lock is held, as it is for the next two. */
void device_dma_session_begins(struct device_dma *dma, uint64_t pages);
/** It has ended: what it holds is quarantined (H2), and calls for it fail with KERN_TERMINATED. A piece; true: there is more. */
bool device_dma_session_ended(struct device_dma *dma);
/** Nobody can open the device any more, and no session is left: what is quarantined is lost, counted and told (H3). Once. */
void device_dma_given_up(struct device_dma *dma);
/** Pages pinned or allocated in the session; and those in quarantine. */
uint64_t device_dma_pages(struct device_dma *dma);
uint32_t device_dma_quarantined(struct device_dma *dma);
/** Pages that are kept for ever. */
uint64_t device_dma_lost_pages(void);
/** Nothing is on its way to be freed (tests). */
bool device_dma_is_idle(void);

/** The session's driver has made a call: what it had let go of before, a few at a time, goes (H2). */
void device_dma_go_on(struct device_dma *dma, uint32_t session);
/** The last reference to memory that was allocated for a device has gone. */
void device_dma_unreferenced(struct memory_object *object);

struct device_run;

/* ---- the calls (interfaces/device.defs), of session `session` ---- */

kern_return_t dma_memory_allocate(struct kcall *call, struct device_dma *dma, uint32_t session,
                                  uint64_t size, struct kright *memory, uint64_t *bus);
kern_return_t dma_pin_pages(struct kcall *call, struct device_dma *dma, uint32_t session,
                            const struct kright *memory, uint64_t offset, uint64_t size,
                            uint32_t *pin);
kern_return_t dma_pin_runs(struct device_dma *dma, uint32_t session, uint32_t pin, uint64_t offset,
                           uint64_t *next, struct device_run *runs, uint32_t *count);
kern_return_t dma_unpin_pages(struct device_dma *dma, uint32_t session, uint32_t pin);
kern_return_t dma_pin_sync(struct kcall *call, struct device_dma *dma, uint32_t session,
                           uint32_t pin, uint64_t offset, uint64_t size, uint32_t direction);
kern_return_t dma_quiesced(struct kcall *call, struct device_dma *dma, uint32_t session);
