/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of kernel objects: messages that the kernel executes itself, in the sender's context (D2).
 * The functions that decode them are generated from interfaces/.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/types.h>

struct port;
struct thread;

enum { KCALL_RIGHTS = 32 };

/** A call in progress. On the kernel stack. */
struct kcall {
    struct thread *self; /* the caller; it runs */
    struct port
        *port;      /* the kernel object's port that was called; a reference is held, or it stays */
    const void *in; /* the request's data behind its descriptors, 8-aligned */
    void *out;      /* room for the reply's data, 8-aligned: MSG_BODY_MAX less descriptors */
    uint32_t in_size;
    uint32_t out_size;   /* of `out` used */
    unsigned rights;     /* in right[] */
    unsigned out_rights; /* in out_right[] */
    struct thread
        *made; /* a thread the call has made, reference held: it lives only if the answer arrives */
    bool run;  /* and is to be resumed then */
    bool
        restart; /* a part is done, and the call is to be repeated from its registers: for routines whose
                     rights, if any, were copied (MSG_COPY_SEND) */
    struct kright right[KCALL_RIGHTS]; /* of the request, in order of its descriptors; what is left
                                          of them after the call is destroyed */
    struct kright out_right[KCALL_RIGHTS]; /* of the reply */
};

/** The same for an object that is known, and stays: kind, object. */
kern_return_t kcall_execute(struct kcall *call, unsigned kind, void *object, uint32_t id);
/** Execute a request to a kernel object: port->kobject, message id `id`. The result is the reply's id. */
kern_return_t kcall_dispatch(struct kcall *call, uint32_t id);
