/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells of a thread or a task. Layouts are ABI: later versions only append.
 * Everything is a moment's view; a running thread may be elsewhere before the caller looks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define THREAD_NAME_SIZE 16 /* the final 0 included */
#define TASK_NAME_SIZE   32

/* What a thread does. */
#define THREAD_DOES_SUSPENDED 0 /* it would be ready, were it not suspended */
#define THREAD_DOES_READY     1
#define THREAD_DOES_RUN       2
#define THREAD_DOES_WAIT      3 /* suspended or not */
#define THREAD_DOES_END       4

/* What it waits for. */
#define THREAD_WAITS_NOT     0
#define THREAD_WAITS_FUTEX   1
#define THREAD_WAITS_RECEIVE 3
#define THREAD_WAITS_SEND    4
#define THREAD_WAITS_REPLY   5
#define THREAD_WAITS_PAGE    6

struct thread_info {
    uint32_t id;
    uint32_t task;
    char name[THREAD_NAME_SIZE];
    uint64_t cpu_time; /* nanoseconds on a CPU by its own right */
    uint64_t affinity; /* bit n: may run on CPU n */
    uint32_t suspend_count;
    uint32_t
        answerer;  /* THREAD_WAITS_REPLY: id of the thread that holds the reply, or kept it under a
                          name; THREAD_WAITS_FUTEX: of the owner, if the futex has one; 0: nobody has
                          begun, or it is not known */
    uint8_t state; /* THREAD_DOES_* */
    uint8_t waits; /* THREAD_WAITS_* */
    uint8_t cpu;   /* it runs or ran on */
    uint8_t priority;  /* base */
    uint8_t effective; /* base, or what others lend it */
    uint8_t max_priority;
    uint8_t zero[2];
};

#define TASK_INFO_LEDGER_KINDS 16 /* room; wharf/abi/ledgers.def in order, the rest zero */
#define TASK_INFO_NO_LIMIT     INT64_MAX

struct task_info {
    uint32_t id;
    uint32_t threads;
    char name[TASK_NAME_SIZE];
    uint32_t suspend_count;
    uint8_t max_priority; /* of threads that are made */
    uint8_t essential;
    uint8_t ending;
    uint8_t zero;
    uint32_t ledger_kinds; /* how many there are */
    uint32_t zero2;
    int64_t used[TASK_INFO_LEDGER_KINDS];
    int64_t
        limit[TASK_INFO_LEDGER_KINDS]; /* its own, whatever its ancestors'; TASK_INFO_NO_LIMIT */
    uint64_t ended_time; /* nanoseconds on a CPU of its threads that are gone, by their own right */
};

_Static_assert(sizeof(struct thread_info) == 56 && offsetof(struct thread_info, state) == 48,
               "ABI");
_Static_assert(sizeof(struct task_info) == 320 && offsetof(struct task_info, used) == 56, "ABI");
