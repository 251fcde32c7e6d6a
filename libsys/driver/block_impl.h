/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the block server. There is one device in a driver, so there is one server; one thread runs all of it.
 */
#pragma once

#include <libsys/driver/area.h>
#include <libsys/driver/block_server.h>
#include <libsys/server.h>
#include <libsys/stub.h>

/** A client's use of a partition. `payload` of its queue port: index + 1, generation above. */
struct block_attachment {
    bool used;
    bool ended;  /* no answers any more; goes when nothing of it is in flight */
    bool untold; /* of answers, for want of memory for a message: it is told at the next tick */
    uint32_t generation;
    mach_port_name_t queue;  /* receive right */
    mach_port_name_t notify; /* send right */
    struct shared_area area; /* K1 */
    uint64_t *bus;           /* of each page of the area; BLOCK_UNREACHED */
    uint32_t medium;
    bool moved; /* K5: its partition is not there any more, or is shorter */
    uint32_t partition;
    uint64_t first, blocks;
    uint32_t taken;    /* requests, so far */
    uint32_t answered; /* the server's own count: the ring's is the client's to spoil */
    uint32_t in_flight;
    mach_port_name_t waiting; /* block_queue.run is to be answered: a send-once right, or 0 */
    uint32_t wanted;          /* requests that had been submitted when it came */
};
#define BLOCK_UNREACHED UINT64_MAX

/** A request that the device has. */
struct block_flight {
    struct block_attachment *attachment; /* NULL: free */
    struct block_request request;        /* a copy (K2) */
    bool direct; /* the device was told of the client's memory itself: its caches are seen to */
};

struct block_service {
    struct driver *driver;
    struct block_server_config config;
    struct block_device_facts facts;
    struct partition_table partitions;
    mach_port_name_t service;
    struct dma_memory bounce; /* bus BLOCK_UNREACHED: it does not move data itself */
    struct block_attachment attachments[BLOCK_ATTACHMENTS_MAX];
    unsigned places; /* of those that have ever been used: the first so many */
    struct block_flight flights[BLOCK_FLIGHTS_MAX];
    unsigned flights_used;
    uint32_t medium_read;     /* whose partitions these are */
    bool medium_there;        /* and whether there was one */
    uint64_t blocks_read;     /* and of what size */
    uint64_t poll_at;         /* when to look for another medium; 0: never */
    kern_return_t own_result; /* of block_own() */
    bool own_done;
    unsigned turn;                /* the attachment that is looked at first next time */
    struct block_statistics done; /* but for in_flight */
};
extern struct block_service block_service;

/* ---- block_attachment.c ---- */

/** Begin one; see block.attach. */
kern_return_t block_attach_client(uint32_t partition, mach_port_name_t area,
                                  mach_port_name_t notify, mach_port_name_t *queue);
/** Its client is gone, or writes nonsense. */
void block_detach(struct block_attachment *attachment);
/** If it has ended and nothing is in flight, it goes. */
void block_detach_rest(struct block_attachment *attachment);
/** The attachment whose queue port has this payload; NULL: it is gone. */
struct block_attachment *block_attachment_of(uint64_t payload);

/* ---- block_work.c ---- */

/** Take requests from all rings, as many as the device takes. */
void block_look(void);

/* ---- block_server.c ---- */

/** An operation of the server's own, to its end: before clients are served, or on a blocking device. */
kern_return_t block_own(enum block_operation operation, const struct block_transfer *transfer);

/** The medium is another than the one whose partitions are known, or of another size, or it has gone: see to it at the next tick. */
bool block_medium_is_new(void);
/** A request is over. */
void block_count(enum block_operation operation, uint64_t bytes, kern_return_t result);

/* ---- block_ring.c: no more than arithmetic and the ring; also on the host ---- */

/** Take the next request of the ring, of which `taken` have been. 1: it is in *request; 0: there is none; -1: the ring is
 *  nonsense. */
int block_ring_take(const struct block_ring *ring, uint32_t taken, uint32_t answered,
                    struct block_request *request);
/** Put an answer; *answered is counted on. True: the client wants to be told. */
bool block_ring_answer(struct block_ring *ring, uint32_t *answered, uint64_t id,
                       kern_return_t result);

/** Whether all requests up to number `wanted` have been answered, of which `taken` have been taken and `in_flight` are not answered. */
bool block_ring_is_answered(uint32_t taken, uint32_t in_flight, uint32_t wanted);

/** Whether partition `number`, which began at `first` and had `blocks`, is there as it was, or longer (K5). */
bool block_partition_stays(const struct partition_table *table, uint32_t number, uint64_t first,
                           uint64_t blocks);

/** What is held: of all partitions, and of the one that is asked for; and how many others nobody uses. */
struct block_holdings {
    uint32_t attachments, own_attachments, unused;
    uint64_t pages, own_pages;
};
/** K6: whether the partition may have one attachment more, of so many pages. KERN_LIMIT. */
kern_return_t block_may_attach(const struct block_holdings *held, uint64_t pages);

/** What a request may name. */
struct block_limits {
    uint64_t area_size;
    uint64_t blocks; /* of the partition */
    uint32_t block_size;
    uint32_t blocks_max;
    bool read_only, can_discard;
};
/** KERN_SUCCESS, or the answer to a request that asks for what is not there. */
kern_return_t block_request_check(const struct block_request *request,
                                  const struct block_limits *limits);

/** The memory [offset, offset + size) of an area as the device sees it. Returns how many segments; 0: some of it is out of reach.
 *  There is room for size / 4096 + 2. */
unsigned block_segments(const uint64_t *bus, uint64_t offset, uint64_t size,
                        struct dma_segment *segments);
