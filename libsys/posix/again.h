/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of file servers that die before they answer. The port goes to the next instance, if the server's files outlive it (docs/files.md), so the call is made again;
 * if they do not, that fails, and the file is lost: EIO.
 *
 * What must not be done twice has an id that no other request has, and keeps it when it is made again: the thread's number, and a count.
 */
#pragma once

#include <libsys/thread.h>
#include <wharf/error.h>

/* A request that ends every server that gets it has to end, too. */
enum { AGAIN_MAX = 64 };

/** The first id of a thread: its count begins somewhere, for who comes after an exec has the same number. */
[[gnu::cold]] void again_begin_ids(struct thread *self);

/** For one request: of file.read and file.write the position, at the file's own offset. */
static inline int64_t again_id(void)
{
    enum { COUNT_BITS = 24, THREAD_BITS = 38 };
    const uint64_t count_mask = (UINT64_C(1) << COUNT_BITS) - 1;
    const uint64_t thread_mask = (UINT64_C(1) << THREAD_BITS) - 1;
    struct thread *self = thread_current();

    if (__builtin_expect(self->requests == 0, 0))
        again_begin_ids(self);
    const uint64_t number = ((uint64_t)self->id & thread_mask) << COUNT_BITS;
    return INT64_MIN | (int64_t)(number | (self->requests++ & count_mask));
}

/** `call`, and again while the server dies before it has answered. */
#define AGAIN(call)                                                                              \
    ({                                                                                           \
        kern_return_t again_kr_;                                                                 \
        unsigned again_tries_ = 0;                                                               \
        do                                                                                       \
            again_kr_ = (call);                                                                  \
        while (__builtin_expect(again_kr_ == MIG_SERVER_DIED, 0) && again_tries_++ < AGAIN_MAX); \
        again_tries_ != 0 && again_kr_ == MACH_SEND_INVALID_DEST ? MIG_SERVER_DIED : again_kr_;  \
    })
