/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of descriptors: which open file a number is. An open file is a port (file.defs); what it was opened for and its offset are the server's.
 *
 * D1 A row is one word, read without a lock. Who reads it may find the port closed when he uses it: names are not used again, so the call fails (EBADF) and reaches nobody else.
 * D2 Rows change under the lock. Each row that is open has one user reference of its port's name.
 * D3 For fork, exec and spawn there are the functions in process.h. Fork copies the table as it is, with the references: the child's names are the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/message.h>

enum { DESCRIPTORS_MAX = 1024 };

/** Flags of a row. */
enum {
    DESCRIPTOR_OPEN = 1,
    DESCRIPTOR_CLOEXEC = 2,
    DESCRIPTOR_LOG = 4,       /* no port: what is written goes to the log, nothing can be read */
    DESCRIPTOR_WAITS = 8,     /* it had nothing to read the last time: ask for that first */
    DESCRIPTOR_RESERVED = 16, /* taken, but not open yet */
    DESCRIPTOR_AWAITS =
        32, /* with WAITS: what it has may be awaited (file.await), as far as is known */
    DESCRIPTOR_COPIES = 64, /* it is not read where it is mapped (file.claim) */
};

struct descriptor {
    mach_port_name_t port;
    uint32_t flags; /* 0: not open */
};

/** What a number is. */
struct descriptor descriptor_get(int number);
/** Its port; MSG_NULL and errno EBADF: it is not open, or (errno from the second) the log. */
mach_port_name_t descriptor_port(int number, int if_log);
/** The lowest free number from `lowest` on becomes this one's; the reference is the table's from then on. -1: EMFILE, EINVAL; the reference is
 *  the caller's. */
int descriptor_add(struct descriptor descriptor, int lowest);
/** A number that nobody else gets: to be filled or given back. Before something is done that cannot be undone. */
int descriptor_reserve(int lowest);
void descriptor_fill(int number, struct descriptor descriptor);
void descriptor_unreserve(int number);
/** Another number, or exactly that (`exact`), for the same open file. */
int descriptor_copy(int from, int to, bool exact, uint32_t flags);
/** -1: EBADF. */
int descriptor_remove(int number);
/** Set and clear flags of one that is still the same file. */
void descriptor_mark(int number, mach_port_name_t port, uint32_t set, uint32_t clear);
/** How many numbers there may be (RLIMIT_NOFILE). */
extern _Atomic uint32_t descriptors_limit;
