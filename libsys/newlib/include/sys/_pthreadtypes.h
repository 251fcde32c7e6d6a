/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of <pthread.h>, for <sys/types.h>. All but attributes are ready when zero, so that a static object needs no
 * call; what the members mean is said where they are used (libsys/posix/pthread_*.c). None may be copied while in use.
 */
#pragma once

#include <sys/_types.h>
#include <sys/sched.h>

/* A number that no thread had before: libsys/posix/pthread_table.c. */
typedef unsigned long pthread_t;

typedef struct {
    unsigned __detach, __scope, __inherit;
    int __policy, __priority;
    __SIZE_TYPE__ __stack_size, __guard_size;
    void *__stack; /* lower end; NULL: one is made */
} pthread_attr_t;

typedef struct {
    unsigned __type, __protocol, __robust;
    int __ceiling;
} pthread_mutexattr_t;

typedef struct __pthread_mutex {
    unsigned __state, __kind;    /* __state: a futex */
    unsigned __depth, __ceiling; /* guarded by __state */
    unsigned long __owner;
    struct __pthread_mutex *__next,
        *__previous; /* of its owner's robust ones, which only that one changes */
} pthread_mutex_t;

typedef struct {
    __clockid_t __clock;
} pthread_condattr_t;

typedef struct {
    unsigned __sequence, __waiters, __clock, __zero; /* __sequence, __waiters: futexes */
} pthread_cond_t;

typedef unsigned pthread_key_t;

typedef struct {
    unsigned __state; /* a futex */
} pthread_once_t;

typedef struct {
    unsigned __zero;
} pthread_barrierattr_t;

typedef struct {
    unsigned __count, __arrived, __round, __inside; /* __round, __inside: futexes */
} pthread_barrier_t;

typedef unsigned pthread_spinlock_t;

typedef struct {
    unsigned __zero;
} pthread_rwlockattr_t;

typedef struct {
    unsigned __lock, __readers;         /* __lock: a futex, guards the rest */
    unsigned __read_turn, __write_turn; /* futexes */
    unsigned __readers_wait, __writers_wait, __writers_priority, __zero;
    unsigned long __writer;
} pthread_rwlock_t;
