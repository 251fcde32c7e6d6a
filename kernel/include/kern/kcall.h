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

/* How much a request carries: bytes of data, and rights. */
#define KCALL_SHAPE(size, rights) ((uint64_t)(size) | (uint64_t)(rights) << 32)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

/** A call in progress. On the kernel stack. */
struct kcall {
    struct thread *self; /* the caller; it runs */
    void *out;           /* room for the reply's data, 8-aligned: MSG_BODY_MAX less descriptors */
    struct port
        *port;      /* the kernel object's port that was called; a reference is held, or it stays */
    const void *in; /* the request's data behind its descriptors, 8-aligned */
    union {
        uint64_t in_shape;
        struct {
            uint32_t in_size;
            uint32_t rights; /* in right[] */
        };
    };
    size_t out_size; /* of `out` used; means nothing after an error */
    union {
        uint64_t special; /* not 0: something of this */
        struct {
            uint32_t out_rights; /* in out_right[] */
            bool long_out;       /* out_size may be more than MSG_REGISTER_BYTES */
            bool run;            /* the thread made is to be resumed when the answer has arrived */
            bool
                restart; /* a part is done, and the call is to be repeated from its registers: for routines
                             whose rights, if any, were copied (MSG_COPY_SEND) */
        };
    };
    struct thread
        *made; /* a thread the call has made, reference held: it lives only if the answer arrives */
    struct kright right[KCALL_RIGHTS]; /* of the request, in order of its descriptors; what is left
                                          of them after the call is destroyed */
    struct kright out_right[KCALL_RIGHTS]; /* of the reply */
};

/** The same for an object that is known, and stays: kind, object. */
kern_return_t kcall_execute(struct kcall *call, unsigned kind, void *object, uint32_t id);
/** Execute a request to a kernel object: port->kobject, message id `id`. The result is the reply's id. */
kern_return_t kcall_dispatch(struct kcall *call, uint32_t id);
