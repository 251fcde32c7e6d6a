/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a block device (interfaces/block.defs), for file systems, pagers and tests.
 *
 *      block_client_open(&disk, "block.sd0", 1, 64 * 1024);
 *      memcpy(disk.data, ...);
 *      block_client_do(&disk, BLOCK_WRITE, 7, 8, 0);
 *
 * J1 Memory, ring and the table of what has not been answered are the client's. When the driver ends, the client attaches to the
 *    next one and asks again for all of that: whoever uses it sees a pause. If the partition is of another shape then, the medium is another
 *    one: all is answered with an error, for good.
 * J2 A request that was answered is not asked again; one whose data is being read must not be changed until it has been answered.
 * J3 One thread uses a client at a time.
 * J4 Who waits for more than one client (block_client_listen) waits for none of them: it is told at `notify`, and has the client attach anew
 *    where it may take its time, in another thread for instance.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/block_ring.h>
#include <wharf/error.h>
#include <wharf/if/block_types.h>
#include <wharf/message.h>

struct block_client_request {
    bool used, answered;
    kern_return_t result;
    struct block_request
        request; /* its id: high half the client's generation, low half the place in this table */
};

struct block_client {
    mach_port_name_t service; /* send right: survives the driver */
    mach_port_name_t queue;   /* send right: does not */
    mach_port_name_t
        notify; /* receive right: block_events; unless it `listens` nobody receives, waiting is block_queue.run */
    mach_port_name_t entry; /* the area */
    uint32_t partition;
    uint32_t generation; /* of the attachment: answers of earlier ones count for nothing */
    struct block_ring *ring;
    char *data; /* behind the ring */
    size_t data_size;
    uint32_t submitted, seen; /* counts of the ring */
    struct block_client_request table[BLOCK_RING_ENTRIES];
    struct block_facts facts;
    uint64_t replays; /* times that it attached anew */
    bool
        silent; /* nothing is asked any more: it was not answered in time, or there is another medium */
    bool listens; /* J4 */
    bool away; /* J4: the driver has ended, as far as is known, and it has not been attached anew */
    uint64_t
        patience; /* nanoseconds that one call of a driver may take; 0: any. By block_client_open_patient() */
};

/** Attach to a partition of the service with that name (service.look_up), with data_size bytes for data. Errors: those of
 *  service.look_up and block.attach; nothing is left then. */
kern_return_t block_client_open(struct block_client *client, const char *service,
                                uint32_t partition, size_t data_size);
/** The same for who has a send right to the service already; it is the client's then, after an error, too: it is given up. */
kern_return_t block_client_open_at(struct block_client *client, mach_port_name_t service,
                                   uint32_t partition, size_t data_size);
/** The same for who cannot wait for ever: a driver that does not answer for `patience` nanoseconds, in attaching or in a request, is asked no more:
 *  KERN_OPERATION_TIMED_OUT then, and for all later requests. */
kern_return_t block_client_open_patient(struct block_client *client, mach_port_name_t service,
                                        uint32_t partition, size_t data_size, uint64_t patience);
void block_client_close(struct block_client *client);

/** Ask, and wait for the answer: `count` blocks from `block` on, to or from data + offset (a multiple of 512). The answer's error;
 *  KERN_TERMINATED: nobody serves the device any more. Other requests may be in flight. More blocks than one request may have become
 *  several, at the same time. KERN_BUSY: BLOCK_RING_ENTRIES are in flight. */
kern_return_t block_client_do(struct block_client *client, enum block_operation operation,
                              uint64_t block, uint32_t count, size_t offset);

/** Ask, for at most facts.blocks_max blocks. *ticket names the request until block_client_wait. KERN_BUSY: BLOCK_RING_ENTRIES are in flight. */
kern_return_t block_client_submit(struct block_client *client, enum block_operation operation,
                                  uint64_t block, uint32_t count, size_t offset, unsigned *ticket);
/** Have the driver begin with what has been submitted, and go on with something else. False: there is no memory to tell it; who waits tells it anyway,
 *  who listens (J4) has to try again. */
bool block_client_start(struct block_client *client);
/** Wait for its answer, and forget it. KERN_FAILURE: drivers say that they have answered, and have not. */
kern_return_t block_client_wait(struct block_client *client, unsigned ticket);
/** Has it been answered? Looks, does not wait. */
bool block_client_is_done(struct block_client *client, unsigned ticket);

/** J4, for good: from here on block_events.completed comes to client->notify when something has been answered, and MSG_ID_DEAD_NAME when the driver has
 *  ended. block_client_wait() and block_client_do() must not be used, and nothing but block_client_attach_anew() attaches.
 *  Errors: port.request_notification; KERN_TERMINATED. */
kern_return_t block_client_listen(struct block_client *client);
/** What has been answered before the driver's end is known; requests that are submitted from here on wait for the next driver. */
void block_client_lost(struct block_client *client);
/** Attach once more, to whatever driver there is, for as long as that takes, and ask again for all that has not been answered (J1);
 *  block_client_start() begins with it. After an error, which may be any of block.attach, it is still asked for. */
kern_return_t block_client_attach_anew(struct block_client *client);
/** The answer to a request that is done; it is forgotten. */
kern_return_t block_client_take(struct block_client *client, unsigned ticket);
