/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspending, resuming and aborting threads (kern/control.h: C1..C3; kern/sched.h: S5).
 *
 * A whole task is suspended or resumed by visits, thread after thread, in the order of its list,
 * and a thread that was visited goes to the list's end. So who needs every thread of this moment
 * visited waits until task->swept has grown by their number: threads made later stand behind them,
 * and those that die only make it less. Everybody's visits do the same - they make the thread's flag
 * say what the counts say now - so any number of callers sweep together. (A dying task's list is in
 * another order, kernel/task/task.c; it is not swept.)
 */
#include <arch/message.h>
#include <arch/thread.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/kobj.h>
#include <kern/port.h>
#include <kern/sched.h>
#include <kern/task.h>
#include <kern/wait.h>

static bool is_ending(struct thread *thread)
{
    return thread->task->dying || (atomic_load(&thread->flags) & THREAD_FLAG_TERMINATE);
}

/* C1: the counts may have changed. The TASK lock is held. */
static void update_flag(struct thread *thread)
{
    const struct task *task = thread->task;
    bool held = thread->suspend_count > 0 || task->suspend_count > (task->stopper == thread);
    uint32_t flag = THREAD_FLAG_SUSPEND;
    uint32_t old =
        held ? atomic_fetch_or(&thread->flags, flag) : atomic_fetch_and(&thread->flags, ~flag);
    if (held != !!(old & flag))
        sched_flags_changed(thread);
}

/* Held, but its CPU, which has been asked, has not left user mode yet. */
static bool runs_still(struct thread *thread)
{
    return sched_is_held(thread) && atomic_load(&thread->state) == THREAD_RUNNING &&
           thread != arch_cpu_self()->current;
}

kern_return_t thread_suspend(struct thread *thread, uint64_t *progress)
{
    struct task *task = thread->task;
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->lock);
    if (is_ending(thread)) {
        kr = KERN_TERMINATED;
    } else if (*progress == 0 && thread->suspend_count == UINT32_MAX) {
        kr = KERN_OVERFLOW;
    } else {
        if (*progress == 0) {
            thread->suspend_count++;
            update_flag(thread);
        }
        kr = runs_still(thread) ? KERN_RETRY : KERN_SUCCESS;
    }
    spin_unlock(&task->lock);
    *progress = kr == KERN_RETRY;
    return kr;
}

kern_return_t thread_resume_count(struct thread *thread)
{
    struct task *task = thread->task;
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->lock);
    if (is_ending(thread)) {
        kr = KERN_TERMINATED;
    } else if (thread->suspend_count == 0) {
        kr = KERN_FAILURE;
    } else {
        thread->suspend_count--;
        atomic_store_explicit(&thread->started, true, memory_order_relaxed);
        task->started = true;
        update_flag(thread);
    }
    spin_unlock(&task->lock);
    return kr;
}

void thread_resume(struct thread *thread)
{
    (void)thread_resume_count(thread);
}

/* ---- all threads of a task; its lock is held ---- */

static void move_to_end(struct task *task, struct thread *thread)
{
    list_remove(&thread->task_link);
    list_push_back(&task->threads, &thread->task_link);
}

/* Visit until `target`, but only a few. KERN_RETRY: there is more, or one still runs. */
static kern_return_t sweep(struct task *task, uint64_t target)
{
    enum { BATCH = 8 };
    for (unsigned n = 0; task->swept < target && !list_is_empty(&task->threads); n++) {
        struct thread *thread = list_entry(task->threads.next, struct thread, task_link);
        update_flag(thread);
        if (n == BATCH || runs_still(thread))
            return KERN_RETRY;
        move_to_end(task, thread);
        task->swept++;
    }
    return KERN_SUCCESS;
}

/* The caller itself, if it is of this task, is visited last: a caller that is stopped in the middle
 * would leave the others running. False: somebody else has suspended it meanwhile, so it stops
 * before anything is done. Not a visit that counts, for it is out of order. */
static bool put_caller_last(struct task *task)
{
    struct thread *self = arch_cpu_self()->current;
    if (!self || self->task != task || is_ending(self))
        return true;
    update_flag(self);
    move_to_end(task, self);
    return !sched_is_held(self);
}

static void count_suspension(struct task *task, bool suspend)
{
    task->suspend_count += suspend ? 1 : UINT32_MAX;
    if (!suspend && task->stopper == arch_cpu_self()->current)
        task->stopper = NULL; /* the exemption ends with what it was from */
}

/* One suspension more, or one less. Progress is the target of the sweep, and 1: 0 is the start. */
static kern_return_t change_task(struct task *task, bool suspend, uint64_t *progress)
{
    kern_return_t kr = KERN_SUCCESS;
    uint64_t target = *progress - 1;
    spin_lock(&task->lock);
    if (task->dying) {
        kr = KERN_TERMINATED;
    } else if (*progress == 0) {
        if (task->suspend_count == (suspend ? UINT32_MAX : 0))
            kr = suspend ? KERN_OVERFLOW : KERN_FAILURE;
        else if (!put_caller_last(task))
            kr = KERN_RETRY;
        else
            count_suspension(task, suspend);
        target = task->swept + task->thread_count;
        *progress = kr == KERN_SUCCESS ? target + 1 : 0;
    }
    if (kr == KERN_SUCCESS)
        kr = sweep(task, target);
    spin_unlock(&task->lock);
    if (kr != KERN_RETRY)
        *progress = 0;
    return kr;
}

kern_return_t task_suspend(struct task *task, uint64_t *progress)
{
    return change_task(task, true, progress);
}

kern_return_t task_resume(struct task *task, uint64_t *progress)
{
    return change_task(task, false, progress);
}

/* ---- all but the caller ---- */

static void forget_stopped(struct thread *self)
{
    struct task *task = self->stopped;
    self->stopped = NULL;
    spin_lock(&task->lock);
    if (task->stopper == self)
        task->stopper = NULL;
    spin_unlock(&task->lock);
    task_unref(task);
}

kern_return_t task_stop_others(struct task *task, struct thread *self, uint64_t *progress)
{
    if (!self->stopped) {
        bool busy = false;
        spin_lock(&task->lock);
        if (self->task == task) {
            busy = task->stopper;
            task->stopper = busy ? task->stopper : self;
        }
        spin_unlock(&task->lock);
        if (busy)
            return KERN_RETRY; /* which stops the caller, too */
        task_ref(self->stopped = task);
    }
    kern_return_t kr = task_suspend(task, progress);
    if (kr != KERN_SUCCESS && kr != KERN_RETRY)
        forget_stopped(self);
    return kr;
}

kern_return_t task_let_go_on(struct thread *self, uint64_t *progress)
{
    kern_return_t kr = task_resume(self->stopped, progress);
    if (kr != KERN_RETRY)
        forget_stopped(self);
    return kr;
}

void task_end_stop(struct thread *self)
{
    uint64_t progress = 0;
    if (!self->stopped)
        return;
    while (task_let_go_on(self, &progress) == KERN_RETRY)
        ; /* the caller is dying, and its task perhaps not: rare, and bounded by its threads */
}

/* ---- abort ---- */

/* The thread waits for nothing and stands still: end the trap it is in the midst of. A message that was
 * handed to it, and that it has not seen yet, goes to `returned`. */
static kern_return_t end_trap(struct thread *thread, bool safely, struct kmsg **returned)
{
    if (exception_withdraw(thread))
        return KERN_SUCCESS;
    if (thread->building)
        return KERN_BUSY;
    if (thread->handed) {
        *returned = thread->handed;
        thread->handed = NULL;
        arch_thread_end_restart(&thread->arch, 0);
        arch_message_fail(&thread->arch, MACH_RCV_INTERRUPTED);
        return KERN_SUCCESS;
    }
    if (thread->progress == 0)
        return KERN_NOT_WAITING;
    if (safely)
        return KERN_BUSY;
    bool in_call = kcall_is_in_pieces(thread);
    arch_thread_end_restart(&thread->arch, trap_aborted(thread));
    if (in_call) /* a message trap: with an error nothing else is in its registers */
        arch_message_fail(&thread->arch, KERN_ABORTED);
    return KERN_SUCCESS;
}

/* The TASK lock is held: nobody resumes it meanwhile. */
static kern_return_t abort_locked(struct thread *thread, bool safely, struct kmsg **returned)
{
    if (is_ending(thread))
        return KERN_TERMINATED;
    if (wait_abort(thread))
        return KERN_SUCCESS;
    struct cpu *cpu = sched_hold_still(thread);
    if (cpu) {
        kern_return_t kr = end_trap(thread, safely, returned);
        sched_let_go(cpu);
        return kr;
    }
    /* Somebody else is just ending its wait, or moving it, or its CPU is about to leave it. */
    if (atomic_load(&thread->state) != THREAD_RUNNING || runs_still(thread))
        return KERN_RETRY;
    return KERN_NOT_WAITING;
}

static kern_return_t abort_thread(struct thread *thread, bool safely)
{
    struct kmsg *returned = NULL;
    if (thread == arch_cpu_self()->current)
        return KERN_INVALID_ARGUMENT;
    spin_lock(&thread->task->lock);
    kern_return_t kr = abort_locked(thread, safely, &returned);
    spin_unlock(&thread->task->lock);
    if (returned)
        port_put_back(container_of(returned->remote.object, struct port, ipc), returned);
    return kr;
}

kern_return_t thread_abort(struct thread *thread)
{
    return abort_thread(thread, false);
}

kern_return_t thread_abort_safely(struct thread *thread)
{
    return abort_thread(thread, true);
}
