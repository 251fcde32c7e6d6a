/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of POSIX threads share.
 *
 * P1 A thread's descriptor is one of its thread-local data: it lies in the block at the upper end of its stack, zero until
 *    pthread_create(), or the thread's own first call that needs it, fills it.
 * P2 A pthread_t is found in a table (pthread_table.c). Who follows one holds posix_threads while it uses the descriptor: a
 *    thread leaves the table, under that lock, before its stack can become another's.
 * P3 native.alive becomes 0 when the thread will not touch memory again. Until then its stack is given to nobody.
 * P4 The thread itself or one other gives the stack back: the one who finds, in `join`, that both the end and a join or
 *    detachment have come.
 */
#pragma once

#include <errno.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <wharf/message.h>

enum {
    POSIX_STACK_SIZE = 0x20000,
    POSIX_GUARD_SIZE = 0x1000,
    POSIX_PAGE = 0x1000,
    POSIX_PRIORITY_MAX = 99
};

/* Bits of `join`. Detached or claimed, once: by whoever joins it. */
enum { JOIN_CLAIMED = 1, JOIN_DETACHED = 2, JOIN_ENDED = 4 };

/* Bits of `cancel`. */
enum {
    CANCEL_PENDING = 1,
    CANCEL_DISABLED = 2,
    CANCEL_ASYNCHRONOUS = 4,
    CANCEL_IN_POINT = 8, /* it is about to wait, or waits, where it may be cancelled */
    CANCEL_ACTS = 16,    /* it ends: nothing cancels it any more */
};

struct posix_thread {
    struct thread native; /* P3 */
    void *(*function)(void *);
    void *argument;
    void *result;  /* written by the thread before it ends */
    pthread_t id;  /* 0: not in the table yet; the thread's own, constant then */
    uint32_t port; /* its thread port; written with posix_threads held, constant then */
    _Atomic int join;
    char *memory;       /* guard and stack, NULL: not ours; constant while it runs */
    size_t size, guard; /* of all of it, and of its inaccessible part */
    char *stack; /* what its maker asked for, NULL: the first thread's; constant while it runs */
    size_t stack_size;
    struct posix_thread *next; /* in the cache of stacks; its lock */
    _Atomic int policy, priority;
    _Atomic uint32_t cancel;
    struct __pthread_cleanup *handlers; /* the thread's own, as the rest is */
    struct __pthread_mutex *held;       /* robust and priority-protected mutexes */
    unsigned read_locks;                /* of all rwlocks together */
};

/** The caller's (P1), filled. */
struct posix_thread *posix_self(void);
/** The same, perhaps not filled yet. */
extern _Thread_local struct posix_thread posix_own;

/* ---- pthread_table.c ---- */
extern struct mutex posix_threads; /* P2 */
/** Threads that have not ended; with the last the program ends. */
extern _Atomic unsigned posix_live;
/** With posix_threads held. False: no memory, or PTHREAD_THREADS_MAX. */
bool posix_table_add(struct posix_thread *thread);
void posix_table_remove(struct posix_thread *thread);
/** NULL: there is none of this number. */
struct posix_thread *posix_table_find(pthread_t id);
/** In the child of a fork: the others are gone. */
void posix_table_keep_only(struct posix_thread *self);

/* ---- pthread_stack.c ---- */
/** With `thread`'s place in a new stack: its thread-local data are made. size: without guard. NULL: no memory. */
struct posix_thread *posix_stack_make(size_t size, size_t guard);
struct posix_thread *posix_stack_take_over(void *stack, size_t size);
/** It has ended, or is about to: P3. */
void posix_stack_give_back(struct posix_thread *thread);
/** Where the thread-local data begin, up to which the stack reaches. */
char *posix_stack_block(struct posix_thread *thread);

/* ---- others ---- */
/** The end of the caller, as pthread_exit(), after its handlers. */
[[gnu::noreturn]] void posix_thread_end(void *result);
/** When a thread ends; there if anything is linked that needs them. */
[[gnu::weak]] void posix_keys_end(void);
[[gnu::weak]] void posix_mutexes_end(struct posix_thread *self);
/** Policy and priority as the kernel's number; 0: there is no such. */
unsigned posix_priority_of(int policy, int priority);
/** Set the caller's to this number of the kernel's. */
int posix_priority_set(unsigned number);
/** What setting the attribute process-shared answers: futexes are of one task. */
static inline int posix_shared_error(int shared)
{
    return shared == PTHREAD_PROCESS_PRIVATE  ? 0
           : shared == PTHREAD_PROCESS_SHARED ? ENOTSUP
                                              : EINVAL;
}
/** Of any mutex that the caller holds: give it up for the wait for a condition, and take it again whatever comes. */
int posix_mutex_release(pthread_mutex_t *mutex, unsigned *depth);
int posix_mutex_take_again(pthread_mutex_t *mutex, unsigned depth);

/** A moment of a clock as the kernel's deadline; EINVAL. NULL: never. */
int posix_deadline(clockid_t clock, const struct timespec *moment, uint64_t *deadline);
