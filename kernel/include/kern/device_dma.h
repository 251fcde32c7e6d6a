/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a device reads and writes by itself: what kernel/device/ calls of it. All of these are called without a lock.
 */
#pragma once

#include <kern/types.h>

/** Memory the device reaches: [memory, memory + size) is [bus, bus + size) to it. */
struct device_window {
    paddr_t memory;
    uint64_t bus;
    uint64_t size;
};

enum { DEVICE_WINDOWS = 8 };

struct device_dma {
    struct device_window window[DEVICE_WINDOWS]; /* constant */
    uint32_t windows; /* constant; 0 if the device moves no data itself */
    bool coherent;    /* constant */
};

static inline void device_dma_init(struct device_dma *dma, const struct device_window *windows,
                                   unsigned count, bool coherent)
{
    for (unsigned i = 0; i < count; i++)
        dma->window[i] = windows[i];
    dma->windows = count;
    dma->coherent = coherent;
}

/** A session begins, which may have so many pages. */
static inline void device_dma_session_begins(struct device_dma *dma, uint64_t pages)
{
    (void)dma, (void)pages;
}

/** The session has ended: what it gave to the device is quarantined. A bounded piece; true: there is more. From a work item, or from
 *  the call that closes the device. */
static inline bool device_dma_session_ended(struct device_dma *dma)
{
    (void)dma;
    return false;
}

/** The device touches nothing of what it was told before: a bounded piece; true: there is more. */
static inline bool device_dma_quiesced(struct device_dma *dma)
{
    (void)dma;
    return false;
}

/** Pages now pinned or allocated; and those in quarantine. */
static inline uint64_t device_dma_pages(const struct device_dma *dma)
{
    (void)dma;
    return 0;
}
static inline uint32_t device_dma_quarantined(const struct device_dma *dma)
{
    (void)dma;
    return 0;
}

/** Nobody can open the device any more, and no session is left. True: nothing stands in the way of its being freed. False: device_unref()
 *  is called, once, when that is so: the reference is the DMA's until then. */
static inline bool device_dma_may_go(struct device_dma *dma)
{
    (void)dma;
    return true;
}
