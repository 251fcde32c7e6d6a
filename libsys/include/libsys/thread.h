/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of this task. A struct thread belongs to whoever started it, until it is joined.
 *
 * T1 The thread pointer of every thread shows at its block of thread-local data (libsys/tls.h),
 *    which lies at the upper end of its stack. thread_current() is one of those data.
 * T2 alive is 1 from thread_start() until the thread will not touch memory again, then 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>

enum {
    THREAD_STACK_SIZE = 0x8000,   /* of thread_start(), without its guard page; up to a
                                  * sixteenth of it is thread-local data */
    THREAD_PRIORITY_DEFAULT = 96, /* what a program's first thread has */
};

typedef void thread_function_t(void *argument);

struct thread {
    _Atomic uint32_t alive; /* T2; a futex */
    thread_function_t *function;
    void *argument;
    char *memory; /* guard page and stack; NULL for the first thread */
    int64_t id;   /* set by the starter; the thread itself asks the kernel */
};

/** Start function(argument). On KERN_RESOURCE_SHORTAGE, KERN_LIMIT, KERN_NO_SPACE nothing is
 * left. */
kern_return_t thread_start(struct thread *thread, thread_function_t *function, void *argument,
                           unsigned priority);
/** Wait until it has ended, and give its stack back. Once for each thread that was started. */
void thread_join(struct thread *thread);
/** The caller. */
struct thread *thread_current(void);

/** Give back what the C library keeps for the calling thread; there if the library keeps any. */
[[gnu::weak]] void thread_reclaim(void);

/* Called from crt0.S only, or defined there. */
void thread_entry(void);
[[gnu::noreturn]] void thread_main(struct thread *self);
[[gnu::noreturn]] void thread_leave(_Atomic uint32_t *alive, uint64_t status);
