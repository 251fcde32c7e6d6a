/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work items (kern/work.h). State machine, each arrow one atomic step:
 *
 *   IDLE -- work_start --> QUEUED -- scheduler --> RUNNING -- step true --> QUEUED
 *                                                  RUNNING -- work_done --> IDLE
 *                                                  RUNNING -- work_start --> AGAIN -- step true -->
 * QUEUED
 */
#include <kern/list.h>
#include <kern/panic.h>
#include <kern/sched.h>
#include <kern/work.h>

/* Items that are not IDLE; one whose step has just called work_done() counts until it returns. */
static _Atomic uint32_t pending;

bool work_is_alone(void)
{
    return atomic_load(&pending) <= 1;
}

void work_init(struct work *work, work_step_t *step, unsigned priority)
{
    list_init(&work->runnable.link);
    work->runnable.kind = RUNNABLE_WORK;
    work->runnable.priority = (uint8_t)priority;
    work->runnable.queued = false;
    work->step = step;
    atomic_init(&work->state, WORK_IDLE);
}

void work_start(struct work *work)
{
    uint32_t state = atomic_load(&work->state);
    for (;;) {
        if (state == WORK_QUEUED || state == WORK_AGAIN)
            return;
        uint32_t wanted = state == WORK_IDLE ? WORK_QUEUED : WORK_AGAIN;
        if (atomic_compare_exchange_weak(&work->state, &state, wanted))
            break;
    }
    if (state == WORK_IDLE) {
        atomic_fetch_add(&pending, 1);
        sched_enqueue_here(&work->runnable);
    }
}

bool work_done(struct work *work)
{
    uint32_t running = WORK_RUNNING;
    return atomic_compare_exchange_strong(&work->state, &running, WORK_IDLE);
}

void work_run(struct work *work)
{
    atomic_store(&work->state, WORK_RUNNING);
    if (!work->step(work)) { /* it may be gone */
        atomic_fetch_sub(&pending, 1);
        return;
    }
    atomic_store(&work->state, WORK_QUEUED);
    sched_enqueue_here(&work->runnable);
}
