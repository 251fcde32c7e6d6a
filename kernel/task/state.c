/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at the registers of threads that are suspended or wait for the answer to an exception, and
 * changing them (kern/control.h: C4; kern/exception.h: E1).
 */
#include <arch/thread.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/wait.h>

/* May the registers be had, as far as the thread's flags say? The TASK lock is held. */
static kern_return_t check_thread(struct thread *thread)
{
    if (thread->task->dying || (atomic_load(&thread->flags) & THREAD_FLAG_TERMINATE))
        return KERN_TERMINATED;
    return sched_is_held(thread) ? KERN_SUCCESS : KERN_BUSY;
}

/* The thread is held, and exception_hold_still() has found nothing to claim. If it waits for the answer to an exception
 * all the same, that wait is just beginning or ending, and who ends it writes all registers: it is looked at later (E1).
 * Until it is resumed the thread begins no other wait, so that the kind may be read without W4. */
static bool waits_in_trap(struct thread *thread)
{
    return atomic_load(&thread->state) == THREAD_WAITING && thread->wait.kind != WAIT_EXCEPTION;
}

static kern_return_t get_locked(struct thread *thread, unsigned flavour, void *state)
{
    struct cpu *cpu = sched_hold_still(thread);
    if (cpu) {
        arch_thread_get_state(&thread->arch, flavour, false, state);
        sched_let_go(cpu);
        return KERN_SUCCESS;
    }
    struct spinlock *lock = wait_hold_still(thread);
    bool waits = waits_in_trap(thread);
    /* Without a queue somebody may wake it now. Then it is parked, and only those registers are
     * written that are not looked at. */
    if (waits) /* who waits for a page is to repeat what needs it */
        arch_thread_get_state(&thread->arch, flavour, thread->wait.kind != WAIT_PAGE, state);
    if (lock)
        spin_unlock(lock);
    return waits ? KERN_SUCCESS : KERN_RETRY;
}

kern_return_t thread_get_state(struct thread *thread, unsigned flavour, void *state, size_t *size)
{
    size_t needed = arch_thread_state_size(flavour);
    if (needed == 0)
        return KERN_INVALID_VALUE;
    if (*size < needed || thread == arch_cpu_self()->current)
        return KERN_INVALID_ARGUMENT;
    spin_lock(&thread->task->lock);
    kern_return_t kr = check_thread(thread);
    struct reply *still = kr != KERN_TERMINATED ? exception_hold_still(thread) : NULL;
    if (still) {
        arch_thread_get_state(&thread->arch, flavour, false, state);
        exception_let_go(still);
        kr = KERN_SUCCESS;
    } else if (kr == KERN_SUCCESS) {
        kr = get_locked(thread, flavour, state);
    }
    spin_unlock(&thread->task->lock);
    if (kr == KERN_SUCCESS)
        *size = needed;
    return kr;
}

/* The thread stands still. A trap in the midst would write its result over the registers, or take others for
 * its own. */
static kern_return_t set_still(struct thread *thread, unsigned flavour, const void *state)
{
    bool in_trap = thread->progress || thread->building || thread->handed;
    return in_trap ? KERN_BUSY : arch_thread_set_state(&thread->arch, flavour, state);
}

static kern_return_t set_locked(struct thread *thread, unsigned flavour, const void *state)
{
    struct cpu *cpu = sched_hold_still(thread);
    if (!cpu)
        return waits_in_trap(thread) ? KERN_BUSY : KERN_RETRY;
    kern_return_t kr = set_still(thread, flavour, state);
    sched_let_go(cpu);
    return kr;
}

kern_return_t thread_set_state(struct thread *thread, unsigned flavour, const void *state,
                               size_t size)
{
    size_t needed = arch_thread_state_size(flavour);
    if (needed == 0)
        return KERN_INVALID_VALUE;
    if (size != needed || thread == arch_cpu_self()->current)
        return KERN_INVALID_ARGUMENT;
    spin_lock(&thread->task->lock);
    kern_return_t kr = check_thread(thread);
    struct reply *still = kr != KERN_TERMINATED ? exception_hold_still(thread) : NULL;
    if (still) {
        kr = set_still(thread, flavour, state);
        exception_let_go(still);
    } else if (kr == KERN_SUCCESS) {
        kr = set_locked(thread, flavour, state);
    }
    spin_unlock(&thread->task->lock);
    return kr;
}
