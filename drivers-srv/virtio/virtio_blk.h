/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio block device: several requests at once, none of which blocks the caller. Source: VIRTIO 1.2, 5.2.
 *
 *      virtio_blk_start()
 *      loop:   virtio_blk_submit() ... until KERN_BUSY;  virtio_blk_kick()
 *              wait for the interrupt, work, or virtio_blk_deadline()
 *              virtio_blk_interrupt();  virtio_blk_collect();  past the deadline: virtio_blk_check()
 *
 * B1 Each submitted request is collected exactly once, within VIRTIO_BLK_TRIES time-outs and resets of its submission (a discard:
 *    of the beginning of its last part), whatever the device does; unless virtio_blk_check() returns KERN_TERMINATED: then nothing
 *    more is collected (B3).
 * B2 A request is collected when the device has given it back, or has been reset since: it does not touch the memory any more.
 * B3 A device that cannot be reset may touch what it was given for ever. Nothing of that is to be unpinned or answered: the
 *    driver ends, and the kernel keeps the memory in quarantine until a later driver's reset succeeds; the clients ask that one.
 *    So, too, if the device was reset and cannot be set up again.
 * B4 Requests can be carried out twice (after a reset), as in wharf/block_ring.h, R4.
 */
#pragma once

#include <libsys/device_logic.h>

#include "virtio_mmio.h"

enum {
    VIRTIO_BLK_SLOTS = VIRTQUEUE_SLOTS_MAX,
    VIRTIO_BLK_SEGMENTS = VIRTQUEUE_CHAIN_MAX - 2, /* header and status take two */
    VIRTIO_BLK_MEMORY = 8 * 4096,                  /* what to allocate for it */
    VIRTIO_BLK_TRIES = 3,
};

enum virtio_blk_operation {
    VIRTIO_BLK_READ = 0, /* the device's numbers */
    VIRTIO_BLK_WRITE = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_DISCARD = 11
};

enum virtio_blk_slot_state {
    VIRTIO_BLK_FREE,
    VIRTIO_BLK_OUT, /* the device has it, or gets it after the reset */
    VIRTIO_BLK_DONE /* has a result that was not collected */
};

struct virtio_blk_slot {
    enum virtio_blk_slot_state state;
    enum virtio_blk_operation operation;
    kern_return_t result;
    unsigned tries;
    uint64_t cookie;
    uint64_t submitted; /* moment of the last try */
    uint64_t block;     /* discard: what is left */
    uint32_t count;
    uint32_t part; /* discard: blocks of the part the device has */
    uint32_t bytes;
    unsigned segment_count;
    struct dma_segment segments[VIRTIO_BLK_SEGMENTS];
};

/** What the device is; constant but where it says so. */
struct virtio_blk_facts {
    uint32_t block_size;    /* 512 to 4096 */
    uint32_t physical_size; /* what the medium writes at once, as far as it says */
    uint64_t blocks;        /* changes: VIRTIO_BLK_RESIZED */
    uint32_t
        blocks_max; /* of one request whose segments are as bad as they can be: pages each on its own */
    unsigned segments_max;
    uint32_t segment_bytes; /* most of one segment: longer ones are divided, and count as several */
    bool read_only;
    bool volatile_cache;
    bool can_discard;
    uint32_t discard_blocks; /* most at once; longer ones are done in parts */
};

/** For who looks after it. */
struct virtio_blk_counts {
    uint64_t requests, kicks, resets, late, errors, lies;
    uint64_t lost_interrupts; /* answers found by looking */
};

struct virtio_blk {
    struct virtio_mmio mmio;
    struct virtqueue queue;
    struct dma_memory memory;
    struct virtio_blk_facts facts;
    struct virtio_blk_counts counts;
    uint32_t busy;     /* slots not VIRTIO_BLK_FREE */
    uint32_t done;     /* slots VIRTIO_BLK_DONE */
    bool unpublished;  /* offered since the last kick */
    bool trouble;      /* reset it at the next check */
    bool dead;         /* B3 */
    uint64_t progress; /* moment of its last answer, or of the first request since it had none */
    uint64_t look;     /* moment of the next look without an interrupt; answers put it off */
    uint64_t
        late; /* no request is late before this: when to look for one, whatever else is answered */
    size_t header_area; /* offset in `memory` of the slots' headers */
    struct virtio_blk_slot slots[VIRTIO_BLK_SLOTS];
};

struct virtio_blk_answer {
    uint64_t cookie;
    kern_return_t result; /* as in struct block_answer (wharf/block_ring.h) */
};

/** What virtio_blk_interrupt() and virtio_blk_check() report. */
enum virtio_blk_event {
    VIRTIO_BLK_ANSWERS = 1, /* collect */
    VIRTIO_BLK_RESIZED = 2, /* facts.blocks changed */
    VIRTIO_BLK_CHANGED =
        4, /* after a reset it was another device: all requests failed, all facts are new */
};

/** What virtio_blk_start() needs. */
struct virtio_blk_start {
    const struct device_environment *environment;
    const struct registers *registers;
    struct dma_memory memory; /* VIRTIO_BLK_MEMORY bytes */
    /** Called when the device has been reset (device.quiesced), before it is told of any memory. */
    kern_return_t (*quiesced)(void *context);
    void *context;
};

/** Reset it and set it up. KERN_NOT_FOUND: an empty slot; KERN_INVALID_VALUE: another kind of device; else as
 *  virtio_mmio_*(), quiesced(); KERN_BAD_FORMAT: it says of itself what cannot be. */
kern_return_t virtio_blk_start(struct virtio_blk *blk, const struct virtio_blk_start *start);

/** Reset it, for good: all that was submitted is lost. KERN_OPERATION_TIMED_OUT: it may still touch its memory. */
kern_return_t virtio_blk_stop(struct virtio_blk *blk);

/** Read or write. Segments are copied. KERN_BUSY: all slots are taken, collect first; KERN_INVALID_ARGUMENT: out of range, too
 *  many segments, or they are not the blocks' size together; KERN_PROTECTION_FAILURE: read-only; KERN_TERMINATED: B3. */
kern_return_t virtio_blk_submit(struct virtio_blk *blk, const struct block_transfer *transfer,
                                uint64_t cookie);

/** What was collected before is on the medium when this is collected. */
kern_return_t virtio_blk_flush(struct virtio_blk *blk, uint64_t cookie);

/** KERN_NOT_SUPPORTED; else as virtio_blk_submit(). */
kern_return_t virtio_blk_discard(struct virtio_blk *blk, uint64_t block, uint32_t count,
                                 uint64_t cookie);

/** Tell the device of what was submitted. */
void virtio_blk_kick(struct virtio_blk *blk);

/** After an interrupt, before collecting: events. 0: it was not this device. */
unsigned virtio_blk_interrupt(struct virtio_blk *blk);

/** Take up to `most` answers; fewer: there are no more. */
unsigned virtio_blk_collect(struct virtio_blk *blk, struct virtio_blk_answer *answers,
                            unsigned most);

/** When to call virtio_blk_check(); 0: at once; UINT64_MAX: not as long as nothing is submitted. To be asked for anew after
 *  whatever else was called. */
uint64_t virtio_blk_deadline(const struct virtio_blk *blk);

/** Look after the device; may wait some seconds for it. KERN_TERMINATED: B3. */
kern_return_t virtio_blk_check(struct virtio_blk *blk, unsigned *events);
