/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's structures, apart from its functions (kern/sched.h) so that threads, work items
 * and CPUs can hold them.
 */
#pragma once

#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/spinlock.h>
#include <kern/types.h>

enum {
    PRIORITY_COUNT = 256,
    PRIORITY_IDLE = 0, /* runs when nothing else wants to */
    PRIORITY_DEFAULT = 96,
    PRIORITY_REAP = 160, /* teardown of what died */
    PRIORITY_MAX = 255,  /* the most urgent */
};

enum runnable_kind { RUNNABLE_THREAD, RUNNABLE_WORK };

/** What a run queue holds. */
struct runnable {
    struct list link; /* RUNQ lock of the CPU whose queue it is on */
    uint8_t priority; /* effective priority it is queued at; RUNQ lock while queued */
    uint8_t kind;     /* enum runnable_kind, constant */
    uint8_t cpu;      /* CPU whose queue it is on, or ran on last; RUNQ lock of that CPU */
    bool queued;      /* on a run queue; RUNQ lock */
};

/** 256 round-robin lists and a bitmap of those that are not empty. */
struct run_queue {
    struct spinlock lock;                 /* rank RUNQ; guards all below */
    uint64_t bitmap[PRIORITY_COUNT / 64]; /* bit p % 64 of word p / 64: list p is not empty */
    _Atomic uint32_t count;               /* runnables queued; read by any CPU as a hint */
    int32_t top;                          /* most urgent priority queued, -1: none */
    struct list list[PRIORITY_COUNT];
};

/**
 * A scheduling context: the right to run - priority, quantum, account, payer - apart from the
 * thread that uses it (D4). A call lends it to the server; at any time exactly one thread (or
 * none, when it waits) runs on it.
 */
struct sched_context {
    _Atomic uint8_t priority;  /* own priority of the context; written by anybody who may, read when
                                  it is queued */
    ticks_t quantum;           /* length of a turn; constant */
    ticks_t left;              /* of the present turn; by the CPU that runs it */
    _Atomic uint64_t consumed; /* ticks used in its life; written by the CPU that runs it */
    struct ledger *ledger;     /* who pays; constant */
};

static inline void sched_context_init(struct sched_context *context, unsigned priority,
                                      ticks_t quantum, struct ledger *ledger)
{
    atomic_store_explicit(&context->priority, (uint8_t)priority, memory_order_relaxed);
    context->quantum = context->left = quantum;
    atomic_store_explicit(&context->consumed, 0, memory_order_relaxed);
    context->ledger = ledger;
}
