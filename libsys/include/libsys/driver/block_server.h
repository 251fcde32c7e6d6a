/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server side of block devices (interfaces/block.defs, <wharf/block_ring.h>): attachments, rings, partitions, the way from a
 * client's memory to addresses the device knows. A driver brings the device: operations on blocks of the whole of it.
 *
 * K1 Clients' memory is pinned while it is attached (device.dma_pin): no access to it faults, and it is nobody's pager's.
 * K2 What a client writes into its ring is copied before it is looked at; a ring that makes no sense ends its attachment.
 * K3 Where the device reaches the memory no byte is copied. What it does not reach goes through `bounce`, in pieces.
 * K4 A client gets at its partition's blocks and no others.
 * K5 When a medium grows or shrinks its partitions are read again. Who uses a partition that is where it was, and not shorter, goes on; all others
 *    attach anew, as after a change of the medium.
 * K6 Nothing tells clients of one port apart. So what one can hold is bounded by what can be held of a partition, and something is kept for
 *    each partition that nobody uses (block_may_attach).
 * K7 What clients that have ended asked for does not come after what the next client of a partition asks: none is attached while the device has some of it.
 */
#pragma once

#include <libsys/driver/driver.h>
#include <libsys/driver/partition.h>
#include <wharf/block_ring.h>
#include <wharf/if/block_types.h>

enum {
    BLOCK_ATTACHMENTS_MAX = 40, /* one for each partition, and 8 */
    BLOCK_PAGES_MAX =
        4000, /* of all clients' memory; manifests say 4096 (dma-pages), for the driver's own, too */
    BLOCK_PAGES_KEPT = 64,        /* for each partition that nobody uses */
    BLOCK_FLIGHTS_MAX = 64,       /* requests that the device has at a time */
    BLOCK_TRANSFER_MAX = 1 << 20, /* bytes of one request */
    BLOCK_SEGMENTS_MAX = BLOCK_TRANSFER_MAX / 4096 + 1,
    BLOCK_BOUNCE_SIZE = 1 << 16,
};

/** What the device can do. Changes with the medium. */
struct block_device_facts {
    uint32_t block_size; /* a power of two, 512 to 4096 */
    uint64_t blocks;     /* 0: there is no medium */
    uint32_t blocks_max; /* of one request */
    uint32_t
        medium; /* another number, another medium; the same with other `blocks`: it has grown or shrunk (K5) */
    bool read_only, removable, volatile_cache, can_discard;
};

struct block_device_ops {
    /** Begin with an operation; `transfer` is gone when this returns, the memory it names is not. block_server_done() is called when it is
     *  finished, maybe before this returns. KERN_BUSY: the device has as many as it takes; anything else but KERN_SUCCESS is the
     *  operation's result. FLUSH: transfer is NULL; DISCARD: only block and count are set. */
    kern_return_t (*start)(void *device, enum block_operation operation,
                           const struct block_transfer *transfer, uint32_t flight);
    /** Some start() are over: let the device begin. NULL: it has begun. */
    void (*commit)(void *device);
    /** When check() is to be called next, UINT64_MAX: not as it is now; and that. KERN_TERMINATED: the device is lost, with all it was
     *  given: the driver has to end. Both NULL: the device needs no looking after. */
    uint64_t (*deadline)(void *device);
    kern_return_t (*check)(void *device);
    /** Whether it is the medium it was; *facts: as it is now. Called before requests are taken, and now and then. NULL: it stays. */
    void (*look)(void *device, struct block_device_facts *facts);
    /** It has one operation at a time, and is done with it when start() returns. Needed for memory out of its reach. */
    bool blocking;
};

struct block_service;

/** Serve `device` for good. The driver's lines are bound as the device wants them while partitions are read (`read`: into memory
 *  of the server's, blocking, block by block). Does not return. */
struct block_server_config {
    const struct block_device_ops *ops;
    void *device;
    struct block_device_facts facts;
    /** Called once, when nothing has to be read by waiting any more: interrupts may go to the loop (driver_serve_line). NULL: nothing
     *  to do. */
    void (*ready)(void *device);
    /** Wait until operations have been finished, before `ready`: for devices that are not blocking. */
    kern_return_t (*wait)(void *device);
};
[[gnu::noreturn]] void block_server_run(struct driver *driver,
                                        const struct block_server_config *config);

/** The operation is finished: KERN_SUCCESS; KERN_MEMORY_ERROR, KERN_MEMORY_FAILURE, ... (<wharf/block_ring.h>). */
void block_server_done(uint32_t flight, kern_return_t result);
/** The device takes more again: look into the rings. */
void block_server_continue(void);
