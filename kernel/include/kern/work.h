/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work items: work that has no calling thread (reaping, teardown, scanning), D1. Scheduled on a
 * CPU's run queue like a thread, but without a stack: step() does a bounded piece and says whether
 * more is left; progress is in the object.
 */
#pragma once

#include <kern/sched_types.h>
#include <kern/types.h>

struct work;
/** A bounded piece (target: below 5,000 instructions). True: more to do, call again. False: the
 *  item is not touched any more, so step() may have freed what holds it. An item that will be
 *  started again says so with work_done() first. */
typedef bool work_step_t(struct work *work);

struct work {
    struct runnable runnable; /* queue link and priority; RUNQ lock */
    work_step_t *step;        /* constant */
    _Atomic uint32_t state;   /* enum work_state */
};

enum work_state {
    WORK_IDLE,
    WORK_QUEUED,
    WORK_RUNNING,
    WORK_AGAIN /* started anew while running */
};

void work_init(struct work *work, work_step_t *step, unsigned priority);
/** For step(): nothing more is to be done now. False if the item was started anew meanwhile:
 *  step() returns true then. */
bool work_done(struct work *work);
/** For the scheduler: run one step of an item taken off the queue. */
void work_run(struct work *work);
/** Queue it on this CPU unless it is queued already; if it is running it will run once more. Any
 *  context. */
void work_start(struct work *work);

/** No item but the one that asks is queued or runs, anywhere. */
bool work_is_alone(void);
