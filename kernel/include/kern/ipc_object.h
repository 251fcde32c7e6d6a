/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a right can denote, and rights outside name spaces.
 *
 * O1 the memory of every object of these kinds is type-stable (kern/kmem.h): a name lookup without
 *    a lock may still look at one that has just been freed; it then locks it and looks at the name
 *    again.
 * O3 what is found that way may be of another kind than it was taken for. So ports and sets have their lock
 *    at the same place, and the other kinds an unused word there: to try it does no harm.
 * O2 a struct kright that is not null owns what it denotes: one send right, one send-once right or
 *    the receive right. Whoever holds it either hands it on or destroys it, exactly once.
 */
#pragma once

#include <kern/types.h>

enum ipc_kind {
    IPC_PORT = 1, /* struct port: send and receive rights */
    IPC_SET,      /* struct port_set */
    IPC_SONCE,    /* struct sonce: a send-once right made from a receive right */
    IPC_REPLY,    /* struct reply: the right to answer a thread's call */
};

struct ipc_object {
    uint8_t kind; /* enum ipc_kind; constant for the memory's life */
};

/** A right that is in no name space: in a message, a register or the kernel's hands. */
struct kright {
    struct ipc_object *object; /* NULL: no right */
    uint8_t kind; /* MSG_MOVE_SEND, MSG_MOVE_SEND_ONCE, MSG_MOVE_RECEIVE; 0: null; object NULL and
                     kind not 0: a right whose port has died */
};
