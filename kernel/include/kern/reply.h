/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies: the right to answer a thread's call, without a port (D4). One a thread; its state word is
 * claimed by compare-and-swap.
 *
 *            call                   waits                    answered
 *    IDLE ---------> OPEN <-----------------> WAITED ---------> CLAIMED ---> IDLE (delivered)
 *      ^              | ^ interrupted, late      (by one)           |--> DONE (did not fit)
 *      |              | +-------------------------------------------+--> WAITED (answerer's error)
 *      |   answered   v
 *      +------------ DONE / LOST          owner calls anew or ends: OPEN -> ORPHAN
 *
 * Y1 the right exists <=> OPEN, WAITED, CLAIMED or ORPHAN. It is in one place: held by a thread without a
 *    name (thread.held), in a space, or in a message.
 * Y2 the owner is in the wait record's WAIT_REPLY, or WAIT_EXCEPTION if it is for one <=> WAITED or CLAIMED.
 * Y3 the owner's pointer to it holds it until ORPHAN; from then on the right does.
 * Y4 who moves WAITED to anything else wakes the owner.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/kmsg.h>
#include <stdatomic.h>

struct thread;

enum reply_state {
    REPLY_IDLE,
    REPLY_OPEN,    /* the owner does not wait (yet, or any more) */
    REPLY_WAITED,  /* the owner waits */
    REPLY_CLAIMED, /* the answer is being delivered to the owner, which waits */
    REPLY_DONE,    /* the answer lies in `answer` */
    REPLY_LOST,    /* the right was destroyed: the owner gets MSG_ID_SEND_ONCE */
    REPLY_ORPHAN,  /* no owner any more */
};

struct [[gnu::aligned(CACHE_LINE)]] reply
{
    struct ipc_object ipc;  /* first. IPC_REPLY */
    uint32_t no_lock;       /* O3 */
    _Atomic uint32_t state; /* enum reply_state; above it, for WAITED with a deadline, a number
                                      that differs from that of the waits before; for an exception, 1 */
    bool for_exception;     /* it is owner->exception_reply (kern/exception.h); constant */
    _Atomic uint32_t
        traced;           /* number of the call's message in traces (msg_trace.c), 0: it has none */
    struct thread *owner; /* constant until ORPHAN */
    struct thread *_Atomic holder; /* the thread that has it without a name, for raising it; or that
                                      gave it one, for reports; may be stale: threads are type-stable */
    struct kmsg *answer;           /* in DONE; who made it so wrote it before */
    struct ledger *ledger;         /* pays; reference held */
    struct kmsg message;           /* embedded: a short call, the right to its answer in it; or the
                                      kernel's answer; its body: */
    uint64_t room[KMSG_SMALL / 8];
};

enum { REPLY_STATE_BITS = 3, REPLY_STATE_MASK = (1 << REPLY_STATE_BITS) - 1 };

kern_return_t reply_create(struct thread *owner, struct reply **out);
/** The owner gives it up: it ends, or makes a new one. */
void reply_abandon(struct reply *reply);
/** The right is destroyed unused: the owner is told, at once or when it looks. */
void reply_destroy_right(struct reply *reply);
/** End the owner's wait for the answer, if it still waits; the right stays. */
bool reply_end_wait(struct thread *owner, kern_return_t result);
/** The deadline of the owner's wait rang: end it if it is due. */
void reply_deadline(struct thread *owner);
/** Answer with a message. Takes the right and the message, which may be the
 *  embedded one. Cannot fail. */
void reply_deliver(struct reply *reply, struct kmsg *msg);
