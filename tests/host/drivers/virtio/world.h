/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver's life around the block device's logic: the loop of drivers-srv/virtio/virtio_blk.h, a clock that jumps to what happens
 * next, clients whose blocks describe themselves, and restarts.
 *
 * A block that was written says which it is, of which generation, and has a checksum. The world knows the generation each block
 * must have, and compares whatever is read.
 */
#pragma once

#include <virtio_blk.h>

#include "sim.h"

enum {
    WORLD_SECTORS = 2048,
    WORLD_BUFFERS = 32,
    WORLD_BUFFER_PAGES = 32, /* of a client's request, in pages that are apart to the device */
    WORLD_MEMORY_BUS = 0x40000000,
    WORLD_CLIENT_BUS = 0x80000000,
};

enum request_kind { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_DISCARD };

struct request {
    bool used;
    bool submitted; /* the driver has it */
    bool answered;
    enum request_kind kind;
    kern_return_t result;
    uint64_t block;
    uint32_t count;
    uint32_t generation; /* write: of all its blocks */
};

struct world {
    struct sim sim;
    struct device_environment environment;
    struct virtio_blk blk;
    bool alive;          /* the driver is */
    uint64_t memory_bus; /* of the driver's memory; each one has its own */
    char *memory;
    char *old_memory; /* of the one before, until the device is quiet */
    uint64_t old_memory_bus;
    bool in_quarantine;
    char *client;
    struct request requests[WORLD_BUFFERS];
    unsigned spread; /* a client's page n of a buffer lies at page n * spread */
    uint32_t
        expected[WORLD_SECTORS]; /* generation by sector; 0: never written; UINT32_MAX: unknown */
    uint32_t generation;
    bool tolerant; /* errors are answers, too: what failed is unknown then */
    unsigned events;
    uint64_t answered, failed, failed_flushes, restarts, logged;
    char last_log[256];
};

void world_make(struct world *world, uint32_t version);
void world_destroy(struct world *world);

/** Start a driver: the first, or a new one after the last was killed. */
kern_return_t world_start(struct world *world);

/** One thing happens: false: nothing will. */
bool world_step(struct world *world);

/** Submit; false: the driver takes no more now, or is dead: later. */
bool world_ask(struct world *world, unsigned number);
/** A new request in a free place, not touching any other's blocks: -1: there is none. */
int world_request(struct world *world, enum request_kind kind, uint64_t block, uint32_t count);

/** Random requests, `count` in all, verified, until all are answered. False: the driver died meanwhile. */
bool world_work(struct world *world, unsigned count);
/** Ask again for whatever was not answered: after a restart. */
void world_replay(struct world *world);
/** All blocks are what they should be, read through the driver. */
void world_verify(struct world *world);
/** No request is anywhere; the driver's books say so, too. */
void world_check_idle(const struct world *world);
