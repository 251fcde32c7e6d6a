/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of threads; what they do stands in interfaces/thread.defs.
 */
#include "kobj_impl.h"
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <kern/thread.h>
#include <wharf/if/thread_kernel.h>

/* KERN_RETRY: a CPU has to leave user mode first, and nothing has been done. */
static kern_return_t once_more(struct kcall *call, kern_return_t kr)
{
    call->restart = kr == KERN_RETRY;
    return kr;
}

kern_return_t kthread_terminate(struct kcall *call, struct thread *target)
{
    if (target == call->self)
        thread_exit_current(target);
    else
        thread_terminate(target);
    return KERN_SUCCESS;
}

kern_return_t kthread_suspend(struct kcall *call, struct thread *target)
{
    uint64_t progress = kcall_progress(call, KCALL_TAG_THREAD_SUSPEND);
    kern_return_t kr = thread_suspend(target, &progress);
    return kcall_again(call, KCALL_TAG_THREAD_SUSPEND, progress, kr);
}

kern_return_t kthread_resume(struct kcall *call, struct thread *target)
{
    (void)call;
    return thread_resume_count(target);
}

kern_return_t kthread_abort(struct kcall *call, struct thread *target)
{
    return once_more(call, thread_abort(target));
}

kern_return_t kthread_abort_safely(struct kcall *call, struct thread *target)
{
    return once_more(call, thread_abort_safely(target));
}

kern_return_t kthread_get_state(struct kcall *call, struct thread *target, uint32_t flavour,
                                uint64_t *state, uint32_t *state_count)
{
    size_t size = THREAD_STATE_MAX;
    static_assert(THREAD_STATE_MAX <= THREAD_STATE_WORDS * sizeof(uint64_t));
    kern_return_t kr = thread_get_state(target, flavour, state, &size);
    *state_count = (uint32_t)(size / sizeof(uint64_t));
    return once_more(call, kr);
}

kern_return_t kthread_set_state(struct kcall *call, struct thread *target, uint32_t flavour,
                                const uint64_t *state, uint32_t state_count)
{
    return once_more(call,
                     thread_set_state(target, flavour, state, state_count * sizeof(uint64_t)));
}

kern_return_t kthread_info(struct kcall *call, struct thread *target, struct thread_info *info)
{
    (void)call;
    thread_get_info(target, info);
    return KERN_SUCCESS;
}

kern_return_t kthread_set_name(struct kcall *call, struct thread *target, const char *name)
{
    (void)call;
    thread_set_name(target, name, strlen(name));
    return KERN_SUCCESS;
}

kern_return_t kthread_set_priority(struct kcall *call, struct thread *target, uint32_t priority)
{
    (void)call;
    return thread_set_priority(target, priority);
}

kern_return_t kthread_set_max_priority(struct kcall *call, struct thread *target, uint32_t priority)
{
    (void)call;
    return thread_set_max_priority(target, priority, false);
}

kern_return_t kthread_set_affinity(struct kcall *call, struct thread *target, uint64_t mask)
{
    kern_return_t kr = sched_set_affinity(target, mask);
    if (target == call->self) /* it is on such a CPU when the call is over */
        atomic_store(&arch_cpu_self()->reschedule, 1);
    return kr;
}
