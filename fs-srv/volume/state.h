/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives this program when it is killed: a part of the supervisor's memory for it ("state"), or, without that, memory of its own.
 *
 * S1 It is changed in such an order that it makes sense after every single store; `used` and `active` are stored last when something begins, and first when it ends.
 * S2 A memory's record is used <=> its port is kept or about to be, so that what is in its pages can be found again.
 * S3 A file's records say the inode that it has, or `move` says how to find that out.
 * S4 While pages are fetched from the kernel, `returned` says which, and its pages tell by their first bytes whether they have been.
 */
#pragma once

#include "server.h"
#include <stdatomic.h>

enum { STAMP = 64 };

struct state_memory {
    _Atomic uint32_t used;
    uint32_t shared; /* struct memory's, likewise: */
    _Atomic uint64_t inode;
    _Atomic uint64_t size;
    _Atomic uint64_t filled;
};

struct state_returned {
    _Atomic uint32_t active;
    uint32_t pages;
    uint64_t inode, offset;
    uint8_t stamp[STAMP]; /* what no page begins with */
};

/* A node that is or was open: its number here is its identity, whatever name it gets. */
struct state_node {
    _Atomic uint32_t used;
    uint32_t zero;
    _Atomic uint64_t inode;
};

enum { STATE_NODES = 4096 /* no more than can be open */ };

/* Names are about to change so that files get other inodes (volume_ops.moved): whether they have, the volume's progress tells. Numbers + 1 of records; 0: there is none. */
struct state_move {
    _Atomic uint32_t active;
    uint32_t zero;
    uint64_t before;                 /* progress */
    uint32_t node, memory;           /* of what gets another one */
    uint32_t gone_node, gone_memory; /* of what has no name afterwards */
};

struct state {
    uint64_t magic; /* 0: nothing is here */
    uint64_t layout;
    uint64_t device, serial;
    struct state_returned returned;
    struct state_move move;
    struct state_memory memory[MEMORIES];
    struct state_node node[STATE_NODES];
};

extern struct state *state;
/** RETURN_PAGES pages. */
extern char *state_pages;
/** For the format, and for the framework's opens. */
extern struct volume_memory state_volume, state_opens;

/** serial: of the file system, which has to be the one that it was. True in *again: an earlier instance was killed. Errors: of vm.map. */
kern_return_t state_begin(uint64_t serial, bool *again);
/** Nothing of it counts any more: all is on the card. */
void state_end(void);

/** S4: pages are about to be fetched to state_pages. */
void state_fetching(const struct memory *memory, uint64_t offset, unsigned pages);
void state_fetched(void);
/** Page number n of those that an earlier instance was at: was it fetched? */
bool state_was_fetched(unsigned n);
