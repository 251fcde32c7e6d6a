/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks, threads and time of the world. See world.h.
 */
#include "../check.h"
#include "world_impl.h"
#include <libsys/kernel.h>
#include <wharf/if/clock.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/timer.h>

/* ---- tasks and threads ---- */

kern_return_t exception_ports_set(mach_port_name_t task, uint32_t slot, uint32_t flavour,
                                  uint32_t mask, mach_port_name_t port)
{
    CHECK(slot == EXCEPTION_PORTS_SLOT_HANDLER && flavour == EXCEPTION_PORTS_FLAVOUR_RIGHTS);
    CHECK(mask == EXCEPTION_ALL && port == WORLD_EXCEPTIONS);
    return world_target(task, TASK) ? KERN_SUCCESS : MACH_SEND_INVALID_DEST;
}

kern_return_t task_terminate(mach_port_name_t task, uint32_t status)
{
    struct right *t = world_target(task, TASK);

    (void)status;
    if (!t)
        return MACH_SEND_INVALID_DEST;
    world_die(t);
    return KERN_SUCCESS;
}

kern_return_t task_suspend(mach_port_name_t task)
{
    struct right *t = world_target(task, TASK);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    t->suspended++;
    return KERN_SUCCESS;
}

kern_return_t task_resume(mach_port_name_t task)
{
    struct right *t = world_target(task, TASK);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    CHECK(t->suspended != 0);
    t->suspended--;
    return KERN_SUCCESS;
}

kern_return_t task_info(mach_port_name_t task, struct task_info *out)
{
    if (!world_target(task, TASK))
        return MACH_SEND_INVALID_DEST;
    *out = (struct task_info){.ended_time = 1};
    return KERN_SUCCESS;
}

kern_return_t task_threads(mach_port_name_t task, mach_port_name_t after, mach_port_name_t *t0,
                           mach_port_name_t *t1, mach_port_name_t *t2, mach_port_name_t *t3,
                           mach_port_name_t *t4, mach_port_name_t *t5, mach_port_name_t *t6,
                           mach_port_name_t *t7)
{
    mach_port_name_t *out[] = {t0, t1, t2, t3, t4, t5, t6, t7};
    const struct right *t = world_target(task, TASK);
    uint32_t i = 0, n = 0;

    if (!t)
        return MACH_SEND_INVALID_DEST;
    if (after != MSG_NULL) {
        CHECK(world_is_held(after));
        const struct right *thread = world_at(after);
        if (thread->dead || (thread->kind == THREAD && thread->task != task))
            return KERN_NOT_FOUND;
        if (thread->kind != THREAD)
            return KERN_INVALID_CAPABILITY;
        i = after - t->first + 1;
    }
    for (; i < t->count && n < TASK_THREADS_MAX; i++)
        if (!world_rights[t->first + i].dead)
            *out[n++] = world_copy(t->first + i);
    while (n < TASK_THREADS_MAX)
        *out[n++] = MSG_NULL;
    return KERN_SUCCESS;
}

uint64_t world_cpu_time(mach_port_name_t task)
{
    const struct right *t = world_at(task);
    uint64_t sum = t->cpu_time;

    for (uint32_t i = 0; i < t->count; i++)
        if (!world_rights[t->first + i].dead)
            sum += world_rights[t->first + i].cpu_time;
    return sum;
}

kern_return_t task_cpu_time(mach_port_name_t task, uint64_t *nanoseconds, uint32_t *left)
{
    const struct right *t = world_target(task, TASK);
    uint32_t living = 0;

    if (!t)
        return MACH_SEND_INVALID_DEST;
    *nanoseconds = t->cpu_time;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct right *thread = &world_rights[t->first + i];
        if (!thread->dead && living++ < TASK_TIMED_MAX)
            *nanoseconds += thread->cpu_time;
    }
    *left = living > TASK_TIMED_MAX ? living - TASK_TIMED_MAX : 0;
    return KERN_SUCCESS;
}

kern_return_t thread_suspend(mach_port_name_t thread)
{
    struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    t->suspended++;
    return KERN_SUCCESS;
}

kern_return_t thread_resume(mach_port_name_t thread)
{
    struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    if (t->suspended == 0)
        return KERN_FAILURE;
    t->suspended--;
    return KERN_SUCCESS;
}

kern_return_t thread_abort_safely(mach_port_name_t thread)
{
    const kern_return_t kr = world_refusal;
    struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    world_refusal = KERN_SUCCESS;
    if (kr != KERN_SUCCESS)
        return kr;
    if (t->waits == THREAD_WAITS_NOT)
        return KERN_NOT_WAITING;
    if (t->waits != THREAD_WAITS_PAGE) /* what needs a page is repeated */
        t->state.x[0] =
            (uint64_t) -
            (int64_t)(t->waits == THREAD_WAITS_FUTEX ? KERN_ABORTED : MACH_RCV_INTERRUPTED);
    t->waits = THREAD_WAITS_NOT;
    return KERN_SUCCESS;
}

void world_wait(mach_port_name_t thread, unsigned waits)
{
    world_at(thread)->waits = (uint8_t)waits;
}

struct thread_state_general *world_state(mach_port_name_t thread)
{
    return &world_at(thread)->state;
}

kern_return_t thread_get_state(mach_port_name_t thread, uint32_t flavour, uint64_t *state,
                               uint32_t *count)
{
    const struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    CHECK(flavour == THREAD_STATE_GENERAL && t->suspended != 0);
    memcpy(state, &t->state, sizeof(t->state));
    *count = sizeof(t->state) / sizeof(uint64_t);
    return KERN_SUCCESS;
}

kern_return_t thread_set_state(mach_port_name_t thread, uint32_t flavour, const uint64_t *state,
                               uint32_t count)
{
    struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    CHECK(flavour == THREAD_STATE_GENERAL && t->suspended != 0);
    CHECK_EQ(count, sizeof(t->state) / sizeof(uint64_t));
    memcpy(&t->state, state, sizeof(t->state));
    return KERN_SUCCESS;
}

kern_return_t thread_info(mach_port_name_t thread, struct thread_info *out)
{
    const struct right *t = world_target(thread, THREAD);

    if (!t)
        return MACH_SEND_INVALID_DEST;
    *out = (struct thread_info){
        .id = thread,
        .cpu_time = t->cpu_time,
        .state = t->waits == THREAD_WAITS_NOT ? THREAD_DOES_READY : THREAD_DOES_WAIT,
        .waits = t->waits,
    };
    return KERN_SUCCESS;
}

/* ---- time ---- */

uint64_t kernel_clock_now(void)
{
    return ++world_now;
}

kern_return_t clock_create_timer(mach_port_name_t clock, mach_port_name_t *timer)
{
    CHECK_EQ(clock, WORLD_CLOCK);
    *timer = world_make((struct right){.kind = TIMER, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t timer_arm_once(mach_port_name_t timer, uint64_t moment, uint64_t payload, uint32_t id,
                             mach_port_name_t notify)
{
    (void)timer, (void)payload;
    CHECK(id == PROCESSES_ID_TICK && notify == WORLD_EXCEPTIONS);
    world_armed = moment != 0 ? moment : 1;
    return KERN_SUCCESS;
}

void world_pass(uint64_t nanoseconds)
{
    world_now += nanoseconds;
}
