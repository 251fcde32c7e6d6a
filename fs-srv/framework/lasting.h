/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a file server of its opens (<libsys/files/lasting.h>): records in memory of the server's, and ports at the keeper.
 *
 * Y1 A record counts while `used` is set, which is stored last when it is made and first when it ends. Then it says what the slot with its number is; the slot's port, if it
 *    is kept, has that number in its payload. A right to the port is given only while the record counts.
 * Y2 One request is carried out at a time. Before one is that must not be done twice, `now` says which, and what there was before. So what there is afterwards tells the next instance
 *    whether it was done: the offset has moved, the file has grown, or a name has changed. It is
 *    the last store of the request that makes the difference; until then the request may be carried out again as if it had never come.
 * Y3 A lock's record is made before one goes or shrinks that it takes the place of, so a kill leaves too many for a moment, and never too few.
 * Y4 In a port's queue there may be what an earlier instance was to be told of its senders. So each counts the rights that it makes from another number on.
 * Y5 What was done, and not known to be answered, is among `done`: if it comes again it is answered. The oldest goes.
 */
#pragma once

#include "framework.h"
#include <libsys/files/keep.h>
#include <libsys/files/lasting.h>

enum { LASTING_DONE = 64 };

enum lasting_kind {
    LASTING_NONE,
    LASTING_READ,
    LASTING_WRITE,
    LASTING_APPEND,
    LASTING_SEEK,
    LASTING_NAMES
};

/* A request. Of a kind NONE there is none. */
struct lasting_request {
    int64_t id;
    uint32_t slot;
    uint32_t kind;
    uint64_t before; /* offset; APPEND: size; NAMES: progress */
    uint64_t result; /* among `done`: bytes; SEEK: the offset. In `now`: at most so many bytes */
};

struct lasting_open {
    uint64_t identity;
    uint64_t offset;
    uint32_t flags;
    uint8_t kind; /* FILE_KIND_ */
    uint8_t used; /* 0: not */
    uint16_t zero;
};

/* Bytes that are locked, through the open in a slot. */
struct lasting_lock {
    uint64_t start, last;
    uint32_t slot, mark;
    uint32_t owner;          /* its number + 1; 0: the open */
    uint8_t exclusive, used; /* 0: not */
    uint16_t zero;
};

struct lasting_head {
    uint64_t magic;
    uint32_t opens;  /* records that follow; and as many of locks behind them */
    uint32_t next;   /* in done */
    uint32_t owners; /* numbers of owners of locks are, or have been, below */
    uint32_t instance;
    struct lasting_request now;
    struct lasting_request done[LASTING_DONE];
    struct lasting_open open[];
};

struct lasting {
    struct file_server_lasting by; /* as it was at the beginning */
    struct keep keep;
    struct lasting_head *head;
    bool any_done;
    uint32_t next_lock;  /* where to look for a record that is free */
    uint8_t *owner_used; /* by number */
};

/* Rights under these keys: what is above the root with a number; the owner of locks with a number. */
#define LASTING_KEY_ABOVE UINT64_C(0x100000000)
#define LASTING_KEY_OWNER UINT64_C(0x200000000)

/** Take up what an earlier instance left (restore.c). The server has a set, and nothing else yet. KERN_INVALID_ARGUMENT: the memory is too small; KERN_RESOURCE_SHORTAGE, keep_begin()'s. */
kern_return_t lasting_begin(struct file_server *server, const struct file_server_lasting *by);
/** The record of a slot; NULL: opens end with the program. */
struct lasting_open *lasting_record(const struct file_server *server, uint32_t slot);
/** It is open from here on, for the next instance, too. Errors of `identity`. */
kern_return_t lasting_open(struct file_open *open);
void lasting_close(struct file_open *open);

/** The request with this id, if it was done before; or NULL. id: 0 and FILE_CURRENT are none. The open is one that lasts, here and below. */
const struct lasting_request *lasting_was_done(const struct file_open *open, int64_t id,
                                               enum lasting_kind kind);
/** It will be. before: as above, but of NAMES, where it is found out here; most: bytes. */
void lasting_will_do(const struct file_open *open, int64_t id, enum lasting_kind kind,
                     uint64_t before, uint64_t most);

/** A change of names was done before. */
static inline bool lasting_has_changed(const struct file_open *open, int64_t id)
{
    return __builtin_expect(open->lasting != NULL, 0) &&
           lasting_was_done(open, id, LASTING_NAMES) != NULL;
}

/** It will be. */
static inline void lasting_will_change(const struct file_open *open, int64_t id)
{
    if (__builtin_expect(open->lasting != NULL, 0))
        lasting_will_do(open, id, LASTING_NAMES, 0, 0);
}

/** What is answered when a change of names is asked for again that was done. */
kern_return_t names_done(uint32_t *outcome, mach_port_name_t *elsewhere, char *rest);

/** The offset changes: the store that makes a read, a write or a seek done (Y2). */
static inline void open_set_offset(struct file_open *open, uint64_t offset)
{
    open->offset = offset;
    if (__builtin_expect(open->lasting != NULL, 0))
        __atomic_store_n(&open->lasting->offset, offset, __ATOMIC_RELEASE);
}

/* ---- locks (lasting_lock.c) ---- */

/** A record; NULL: locks end with the program. There are as many as locks. */
struct lasting_lock *lasting_lock_make(struct file_server *server);
/** The owner whose right this is gets a number, and is kept; *number: that + 1, or 0 if locks end with the program. Errors of keeper.put; KERN_LIMIT. */
kern_return_t lasting_owner_keep(struct file_server *server, mach_port_name_t right,
                                 uint32_t *number);
/** number: + 1, or 0. */
void lasting_owner_forget(struct file_server *server, uint32_t number);
/** All locks that an earlier instance has left, as lock.c makes them: opens are there. KERN_RESOURCE_SHORTAGE. */
kern_return_t lasting_locks_begin(struct file_server *server);
/** In lock.c: one of them. False: it cannot be made, and is lost. */
bool lock_restore(struct file_server *server, struct lasting_lock *record, mach_port_name_t owner);

/* ---- nodes that have not been found again (gone.c) ---- */

/** What stands for one of this kind: everything is ESTALE. With a reference. */
struct file_node *gone_node(uint32_t kind);
