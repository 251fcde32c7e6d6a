/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers: a loop that receives requests, hands each to the function for it, and answers with the
 * same trap that receives the next. tools/defsgen.py makes the tables of routines it goes by.
 *
 * I1 Ownership. A server function owns nothing until it returns KERN_SUCCESS; on any error everything
 *    the request carried is released for it, and nothing may have been put in the reply. On success
 *    (and MIG_NO_REPLY) it has taken every right and all memory of the request.
 * I2 Every result a function returns by pointer is written, in full, before it returns success.
 * I3 What came in is read-only, and gone when the function returns.
 * I4 The loop never waits for a client: a reply goes to a send-once right, which has no queue limit.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/wire.h>

/** Returned by a server function that will answer later, through X_reply_ROUTINE. Before it returns
 *  it has given message->reply a name (trap reply_keep) if it is MSG_REPLY. Never sent. */
#define MIG_NO_REPLY ((kern_return_t)305)

struct server_message {
    const void *ops;        /* of the interface */
    void *context;          /* of the interface */
    const void *in;         /* the request's body */
    void *out;              /* room for the reply's body */
    uint32_t out_shape;     /* of the reply */
    mach_port_name_t reply; /* right to answer with: MSG_REPLY, a name, or 0: nobody waits */
    /* As they came: id, control, word, and local, which is the protected payload of the port, or its
     * name. The last four members are the loop's. */
    struct msg_registers received;
};

/** Decodes the body, calls the function of `ops`, encodes the reply. Generated. */
typedef kern_return_t server_handler_t(struct server_message *message);

/* What a request's shape is compared with has one of these bits unless it is fixed and all of it is
 * in registers: then it equals no shape, and the loop looks twice. */
#define SERVER_VARIABLE 0x80000000u /* the handler checks the length */
#define SERVER_ABSENT   0x40000000u /* there is no routine of this number */
#define SERVER_LONG     0x20000000u /* more than 64 bytes, or descriptors */

struct server_routine {
    uint32_t request; /* WIRE_SHAPE and SERVER_ */
    uint32_t reply;   /* WIRE_SHAPE on success, unless the handler sets message->out_shape */
    server_handler_t *handler;
};

/** One interface served; made by X_interface(ops, context). */
struct server_interface {
    uint32_t base;
    uint32_t numbers; /* rows of the tables, the last number + 1 */
    const struct server_routine *routines;
    const struct wire_descriptor *const *descriptors; /* by number; NULL where there are none */
    const void *ops;
    void *context;
    uint32_t request_max; /* bytes of the longest body */
    uint32_t reply_max;
};

/** For ids from MSG_ID_PORT_DELETED on. The same ownership rule as for server functions. */
typedef kern_return_t server_notification_t(void *context, const struct server_message *message);

struct server {
    mach_port_name_t port; /* port or set to receive from */
    unsigned count;        /* interfaces */
    const struct server_interface *interfaces;
    server_notification_t *notification; /* or NULL */
    void *context;                       /* of notification */
    void *in;                            /* room for requests of more than 64 bytes, or NULL */
    void *out; /* room for replies, 8-aligned; NULL if none is longer than 64 bytes */
    uint32_t in_size;
    uint32_t out_size;
};

/** Serve until receiving fails for good; returns that error (MACH_RCV_). After MACH_RCV_NO_SPACE the
 *  message is still queued: make room, or let go of the port. KERN_INVALID_ARGUMENT: no interface,
 *  or `in` or `out` is too small for one. Several threads may serve one port, each with its own
 *  struct server and memory. */
kern_return_t server_run(const struct server *server);

/** Before a function returns MIG_NO_REPLY: message->reply has a name from here on, if anybody waits. Errors of the trap reply_keep. */
kern_return_t server_keep_reply(struct server_message *message);

/** Answer one message: in, out, received.id and received.control are set. Returns the reply's id; with KERN_SUCCESS message->out_shape tells the reply's shape. */
kern_return_t server_dispatch(const struct server_interface *interface,
                              struct server_message *message);

/* ---- without server_run(): who decides by the port what becomes of a message, or wants those that wait and no more ---- */

struct server_room {
    void *in, *out; /* as in struct server; `out` may be NULL if only errors are answered */
    uint32_t in_size;
};

/** One message: all of *message is set but ops and context. deadline 0: one that waits. Errors: MACH_RCV_; there is no message then. */
kern_return_t server_receive(struct server_message *message, mach_port_name_t from,
                             const struct server_room *room, uint64_t deadline);
/** What server_dispatch() returned, to who waits for it. If nobody does, or he is gone, what the reply carries is released. Nothing for MIG_NO_REPLY. */
void server_answer(struct server_message *message, kern_return_t result);
