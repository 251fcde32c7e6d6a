/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices may write to (D10, D12; interfaces/device.defs: dma_*). There is no IOMMU: a device writes wherever it was told. So all that its
 * driver was told an address of is held until somebody who knows says that the device leaves it alone.
 *
 * H1 a hold is memory that was allocated for a device (kernel/device/dma_memory.c) or a pin of somebody's pages (dma_pin.c). It is in
 *    its device's tree as long as the device may know of it.
 * H2 it goes when its driver says so: unpins it, or gives up the memory's entry and mappings. What is there when its session ends is
 *    quarantined: nothing of it is freed or used again, and pinned pages stay pinned, until the driver of a later session says `quiesced`. Memory
 *    that is mapped by others then is theirs to keep, and goes with that.
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

enum { DMA_WINDOWS_MAX = 8 };
/** What an address is that a device cannot reach. */
#define DMA_NO_BUS UINT64_MAX

/** [memory, memory + size) is [bus, bus + size) to the device; neither wraps. */
struct dma_window {
    paddr_t memory;
    uint64_t bus, size;
};

/** A device's part in this. */
struct device_dma {
    struct dma_window window[DMA_WINDOWS_MAX]; /* whole pages; constant, as is all to `name` */
    struct frame_range range[DMA_WINDOWS_MAX]; /* the same */
    unsigned windows;
    bool moves;               /* it moves data itself: else nothing is allocated for it, and it reaches nothing */
    bool coherent;            /* it looks into the caches */
    const char *name;         /* for reports */
    struct rb_tree holds;     /* H1, by key: those of earlier sessions first. DMA lock, as is all below */
    struct list link;         /* in the work item's list, with a reference: a session has ended */
    uint64_t moved;           /* for it: what is below has been charged to the kernel */
    uint32_t session, number; /* how many there have been; the last hold's number in it */
    bool open;                /* the last one has not ended */
    uint64_t limit, pages;    /* the most that this one may hold; what it does */
    uint64_t quarantined;     /* pages */
};

/** The record is in a device's, zeroed. Windows have been checked; they are ignored unless it `moves` data itself. */
void device_dma_init(struct device_dma *dma, bool moves, bool coherent,
                     const struct dma_window *windows, unsigned count, const char *name);
/** A session begins; none is open. At most `pages` may be held in it. Returns its number, for the calls below. */
uint32_t device_dma_session_began(struct device_dma *dma, uint64_t pages);
/** It has ended, if it is open: calls for it fail with KERN_TERMINATED from now on. Bounded; locks of ranks below DMA may be held. */
void device_dma_session_ended(struct device_dma *dma);
/** Nobody can open the device any more, and no session is open. H3. */
void device_dma_abandoned(struct device_dma *dma);
/** Lowest and highest bus address that it can name. False: none. */
bool device_dma_reach(const struct device_dma *dma, uint64_t *first, uint64_t *last);
struct device_dma_facts {
    uint64_t pages, quarantined;
};
void device_dma_facts(struct device_dma *dma, struct device_dma_facts *out);
/** Pages that are kept for ever. */
uint64_t device_dma_lost_pages(void);
/** Nothing is on its way to be freed (tests). */
bool device_dma_is_idle(void);

/** Whose record it is in: one reference more, or less, by which it may go. The latter with no lock held. By who defines the record. */
void device_dma_owner_ref(struct device_dma *dma);
void device_dma_owner_unref(struct device_dma *dma);

/** The last reference to memory that was allocated for a device has gone. */
void device_dma_unreferenced(struct memory_object *object);

struct device_run;

/* ---- the calls (interfaces/device.defs), of session `session` ---- */

kern_return_t device_dma_allocate(struct kcall *call, struct device_dma *dma, uint32_t session,
                                  uint64_t size, struct kright *memory, uint64_t *bus);
kern_return_t device_dma_pin(struct kcall *call, struct device_dma *dma, uint32_t session,
                             const struct kright *memory, uint64_t offset, uint64_t size,
                             uint32_t *pin);
kern_return_t device_dma_runs(struct device_dma *dma, uint32_t session, uint32_t pin,
                              uint64_t offset, uint64_t *next, struct device_run *runs,
                              uint32_t *count);
kern_return_t device_dma_unpin(struct device_dma *dma, uint32_t session, uint32_t pin);
kern_return_t device_dma_sync(struct kcall *call, struct device_dma *dma, uint32_t session,
                              uint32_t pin, uint64_t offset, uint64_t size, uint32_t direction);
kern_return_t device_dma_quiesced(struct kcall *call, struct device_dma *dma, uint32_t session);
