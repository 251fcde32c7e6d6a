/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the bombs of ipc-bombs take, one more at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/vm_types.h>
#include <wharf/message.h>

#include <stdatomic.h> /* newlib's, with clang, wants <stdint.h> before it */

/* Kinds of ledgers, as calls name them. */
enum {
#define LEDGER(symbol, name, unit, what) BOMB_##symbol,
#include <wharf/abi/ledgers.def>
#undef LEDGER
};

#define BOMB_READ_WRITE (VM_PROT_READ | VM_PROT_WRITE)

/* A page that all tasks share. */
struct bomb_shared {
    _Atomic uint64_t calls, failures; /* of the neighbour */
    _Atomic bool stop;                /* told to it, and taken back when it has */
    _Atomic bool done;                /* the bomb has been refused */
    kern_return_t error;              /* why */
    uint64_t count;                   /* how often it got what it wanted before */
};
extern struct bomb_shared *bomb_shared;

/** Another task's port, to which a bomb has a send right. */
extern mach_port_name_t bomb_victim;

struct bomb {
    const char *name;
    kern_return_t (*one_more)(uint64_t so_far);
    uint32_t kind; /* of the ledger's limit */
    uint64_t limit;
    kern_return_t wanted;
    uint64_t least, most;    /* refused after at least, and fewer than */
    kern_return_t or_wanted; /* what it may also be refused with; 0: nothing else */
};
extern const struct bomb bombs[];
extern const unsigned bomb_count;
