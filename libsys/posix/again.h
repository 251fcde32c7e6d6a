/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of file servers that die before they answer. The port goes to the next instance, if the server's files outlive it (docs/files.md), so the call is made again;
 * if they do not, that fails, and the file is lost: EIO.
 *
 * What must not be done twice has an id that no other request has, and keeps it when it is made again: the thread's number, and a count.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>

/* A request that ends every server that gets it has to end, too. */
enum { AGAIN_MAX = 64 };

enum { AGAIN_COUNT_BITS = 24, AGAIN_THREAD_BITS = 38 };

/** The thread's next id; 0, or when its count is used up: it has none. A child of fork begins with none. */
extern __thread int64_t again_next;

/** The count begins anew, somewhere: who comes after an exec has the same number as a thread. */
[[gnu::cold]] int64_t again_begin_ids(void);

/** For one request: of file.read and file.write the position, at the file's own offset. */
static inline int64_t again_id(void)
{
    int64_t id = again_next;

    if (__builtin_expect((id & ((INT64_C(1) << AGAIN_COUNT_BITS) - 1)) == 0, 0))
        id = again_begin_ids();
    again_next = id + 1;
    return id;
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
