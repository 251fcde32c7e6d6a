/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A census of everything that messages are made of, for tests: every right is followed from the
 * tasks' names, threads and messages to the object it denotes, and what the objects say of themselves
 * is compared with what was found. Verifies P1 to P6 (kern/port.h), N1 to N5 (kern/space.h), Y1 to Y4
 * (kern/reply.h), M1 and M3 (kern/kmsg.h).
 *
 * Nothing may run meanwhile: the machine stands still between two user actions, no lock is held.
 */
#pragma once

#include <kern/types.h>

struct task;

/** What was found of one object. */
struct ipc_found {
    const void *object;
    uint8_t kind;        /* enum ipc_kind, or IPC_FOUND_MESSAGE */
    uint32_t rights;     /* send rights to a port; of anything else: the places it is in */
    uint32_t receives;   /* receive rights of a port, the kernel's included */
    uint32_t sonces;     /* send-once rights of a port */
    uint32_t references; /* on a port or set; threads that own a reply */
    uint32_t turns;      /* threads that were woken because there is room in a port's queue */
};

enum { IPC_FOUND_MESSAGE = 16 };

struct ipc_census {
    struct ipc_found *found; /* room for `capacity`, by the caller; in order of discovery */
    uint32_t *slot;          /* room for 2 * capacity: open addressing, index + 1 */
    uint32_t capacity;       /* a power of two */
    uint32_t used;
    const char *wrong; /* the first thing that was, NULL: none */
    const void *at;    /* of which object */
};

/**
 * Count and compare. `task`: all tasks that have names or threads, ending ones included, NULL
 * pointers skipped. `exact`: no other task, no dead port and no message in anybody else's hands is
 * there, so that counts must be equal; else objects may have been counted by somebody who was not
 * found, too. True: everything is sound.
 */
bool ipc_check(struct ipc_census *census, struct task *const *task, unsigned count, bool exact);

/** What was found of this object, NULL: nothing. */
const struct ipc_found *ipc_census_of(const struct ipc_census *census, const void *object);
