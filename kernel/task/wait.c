/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Beginning and ending waits of all kinds (kern/wait.h: W1..W5). What a queue looks like inside is
 * its owner's business: kernel/task/futex.c, kernel/ipc/.
 */
#include <arch/cpu.h>
#include <arch/message.h>
#include <arch/timer.h>
#include <kern/futex.h>
#include <kern/paged_object.h>
#include <kern/port.h>
#include <kern/reply.h>
#include <kern/sched.h>
#include <kern/wait.h>

kern_return_t wait_interrupted(enum wait_kind kind)
{
    static const uint16_t result[] = {
        [WAIT_FUTEX] = KERN_ABORTED,         [WAIT_RECEIVE] = MACH_RCV_INTERRUPTED,
        [WAIT_SEND] = MACH_SEND_INTERRUPTED, [WAIT_REPLY] = MACH_RCV_INTERRUPTED,
        [WAIT_PAGE] = KERN_ABORTED,          [WAIT_EXCEPTION] = MACH_RCV_INTERRUPTED};
    return (kern_return_t)result[kind];
}

kern_return_t wait_timed_out(enum wait_kind kind)
{
    static const uint16_t result[] = {
        [WAIT_FUTEX] = KERN_OPERATION_TIMED_OUT, [WAIT_RECEIVE] = MACH_RCV_TIMED_OUT,
        [WAIT_SEND] = MACH_SEND_TIMED_OUT,       [WAIT_REPLY] = MACH_RCV_TIMED_OUT,
        [WAIT_PAGE] = KERN_OPERATION_TIMED_OUT,  [WAIT_EXCEPTION] = MACH_RCV_TIMED_OUT};
    return (kern_return_t)result[kind];
}

/* The deadline is of no use any more: W3. The caller, or the order of the queue, keeps the thread
 * alive. */
static void disarm(struct thread *thread)
{
    if (thread->wait.until == TICKS_NEVER)
        return;
    relaxed_store(thread->wait.until, TICKS_NEVER); /* W6 */
    if (deadline_cancel(&thread->wait.deadline))
        thread_unref(thread);
}

kern_return_t wait_begin(struct thread *self, enum wait_kind kind, struct spinlock *lock,
                         ticks_t until)
{
    struct wait_record *wait = &self->wait;
    if (until != TICKS_NEVER && until <= arch_counter())
        return wait_timed_out(kind);
    wait->kind = (uint8_t)kind;
    /* reply_deadline() may look at it too late, and tells so by the reply. */
    relaxed_store(wait->until, until);
    atomic_store(&wait->queue_lock, lock); /* W4: the lock is held until the thread is linked */
    if (until != TICKS_NEVER) {
        thread_ref(self); /* W3 */
        deadline_arm(&wait->deadline, until);
    }
    if (likely(sched_block(self)))
        return KERN_SUCCESS;
    atomic_store(&wait->queue_lock, NULL);
    disarm(self);
    return wait_interrupted(kind);
}

void wait_undo(struct thread *self)
{
    atomic_store(&self->wait.queue_lock, NULL);
    disarm(self);
    sched_unblock(self);
}

void wait_end_written(struct thread *thread)
{
    atomic_store(&thread->wait.queue_lock, NULL); /* W4 */
    disarm(thread);
    sched_ready(thread);
}

void wait_end(struct thread *thread, kern_return_t result)
{
    arch_thread_set_result(&thread->arch, (uint64_t) - (int64_t)result);
    wait_end_written(thread);
}

/* ---- from outside ---- */

enum cause { ABORTED, DUE };

/* Take the thread off its queue, whose lock is held, and wake it. */
static void end_linked(struct thread *thread, struct spinlock *lock, enum cause cause)
{
    enum wait_kind kind = thread->wait.kind;
    kern_return_t result = cause == DUE ? wait_timed_out(kind) : wait_interrupted(kind);
    if (kind == WAIT_PAGE) { /* what it does is repeated, and told then */
        list_remove(&thread->wait.link);
        paged_wait_ended(thread, result);
        wait_end_written(thread);
        return;
    }
    if (kind == WAIT_FUTEX) {
        futex_unlink(thread, lock);
    } else {
        list_remove(&thread->wait.link);
        if (kind == WAIT_SEND)
            port_sender_left_locked(lock);
        arch_message_fail(&thread->arch, result);
    }
    wait_end(thread, result);
}

/* End a wait in the queue of `lock`, but one that is not due yet only if it is aborted. False: the
 * thread does not wait there (any more). */
static bool end_in_queue(struct thread *thread, struct spinlock *lock, enum cause cause,
                         bool *ended)
{
    spin_lock(lock);
    bool here = atomic_load(&thread->wait.queue_lock) == lock; /* W4: and stays so */
    *ended = here && (cause == ABORTED || thread->wait.until <= arch_counter());
    if (*ended)
        end_linked(thread, lock, cause); /* W2 */
    spin_unlock(lock);
    return here;
}

/* End the thread's wait wherever it is; a thread that waits nowhere has been woken by somebody
 * else. */
static bool end_anywhere(struct thread *thread, enum cause cause)
{
    struct spinlock *lock;
    bool ended = false;
    while ((lock = atomic_load(&thread->wait.queue_lock)) &&
           !end_in_queue(thread, lock, cause, &ended))
        arch_cpu_relax();
    return ended;
}

struct spinlock *wait_hold_still(struct thread *thread)
{
    struct spinlock *lock;
    while ((lock = atomic_load(&thread->wait.queue_lock))) {
        spin_lock(lock);
        if (atomic_load(&thread->wait.queue_lock) == lock) /* W4 */
            return lock;
        spin_unlock(lock);
    }
    return NULL;
}

bool wait_abort(struct thread *thread)
{
    return end_anywhere(thread, ABORTED) || reply_end_wait(thread, MACH_RCV_INTERRUPTED);
}

void wait_deadline(struct deadline *deadline)
{
    struct thread *thread = container_of(deadline, struct thread, wait.deadline);
    /* The thread may have been woken and wait anew, even elsewhere: only a wait that is due is
     * ended. */
    if (!end_anywhere(thread, DUE))
        reply_deadline(thread);
    thread_unref(thread); /* W3 */
}
