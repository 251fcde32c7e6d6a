/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between raise.c and raise_fast.c: exceptions as messages (kern/exception.h).
 */
#pragma once

#include "ipc_impl.h"
#include <kern/exception.h>
#include <wharf/thread_state.h>

/** Data of both requests (interfaces/exception.defs); behind it come the registers. */
struct exception_request {
    uint32_t kind;
    uint32_t number;
    uint64_t code;
    uint64_t address;
};

struct exception_state_request {
    struct exception_request request;
    struct thread_state_general state;
};

enum {
    EXCEPTION_RIGHTS = 2,
    EXCEPTION_RIGHTS_LENGTH =
        (size_t)EXCEPTION_RIGHTS * MSG_DESCRIPTOR_SIZE + sizeof(struct exception_request),
    EXCEPTION_STATE_LENGTH = sizeof(struct exception_state_request),
    /* A reply's state while an exception waits: not the plain word, which the fast way of the message trap takes for a
     * call's. */
    EXCEPTION_WAITED = REPLY_WAITED | 1 << REPLY_STATE_BITS,
};
static_assert(EXCEPTION_RIGHTS_LENGTH <= MSG_REGISTER_BYTES);
static_assert(EXCEPTION_RIGHTS_LENGTH == 56 && EXCEPTION_STATE_LENGTH == 304, "ABI");

static inline void exception_fill(const struct thread *self, struct exception_request *out)
{
    const struct exception *e = &self->exception;
    *out = (struct exception_request){.kind = e->kind,
                                      .number = self->id,
                                      .code = e->code,
                                      .address = e->address};
}

/** Set the registers by an answer, which may lie in memory that user code writes meanwhile; false: they are no user
 *  thread's. The reply is claimed. */
bool exception_set_state(struct thread *owner, const struct thread_state_general *state);

/** The current thread, in the message trap, answers the exception that it holds the reply of. False: nothing has happened. */
bool exception_answer_fast(struct thread *self);
