/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting, whatever for: how a wait begins, and how it is ended from outside - by its deadline, an
 * abort, the thread's end. Every wait that has a queue follows
 *
 * W1 a thread linked in a queue is WAITING, or about to be by the CPU that holds the queue's lock.
 * W2 who takes a thread out of a queue, under its lock, is the one who wakes it: exactly one does.
 * W3 an armed wait.deadline holds a reference on its thread; who disarms it, or its handler, drops
 *    it.
 * W4 wait.queue_lock points at a queue's lock exactly while the thread is linked in that queue, and
 *    is changed from or to it under that lock only. Who finds it so under the lock may look at the
 *    rest of the wait record; who does not, may not: the thread may be waiting anew elsewhere. The
 *    lock itself may be taken at any time: queues stay queues (buckets are static, ports and sets
 *    type-stable).
 * W5 WAIT_REPLY and WAIT_EXCEPTION have no queue: queue_lock is NULL, and the reply's state word takes the
 *    place of W1 and W2 (kern/reply.h, Y2 and Y4).
 * W6 wait.until is TICKS_NEVER but in a wait that has a deadline: who hands a message over needs to
 *    set nothing.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

/** What a wait of this kind returns when it is interrupted, or its deadline passes. */
kern_return_t wait_interrupted(enum wait_kind kind);
kern_return_t wait_timed_out(enum wait_kind kind);

/**
 * The current thread stops, to wait in the queue of `lock`, which the caller holds; it then links
 * the thread and releases the lock. W5: no lock; the caller publishes that the thread waits,
 * and looks once more whether it has been told to die, for nobody could end the wait before. On
 * KERN_SUCCESS the thread waits. Else it goes on, and its trap fails with what is returned: it was
 * told to die (wait_interrupted()), or the deadline has passed (wait_timed_out()).
 */
kern_return_t wait_begin(struct thread *self, enum wait_kind kind, struct spinlock *lock,
                         ticks_t until);

/** Undo of wait_begin() by its caller, before anybody else can end the wait. */
void wait_undo(struct thread *self);

/** The caller has taken the thread off its queue, whose lock it holds (W2): the wait is over, and the
 *  trap returns 0 or the negated error. */
void wait_end(struct thread *thread, kern_return_t result);
/** The same; what the trap returns has been written. */
void wait_end_written(struct thread *thread);

/** Interrupt the wait of a thread, if it waits. False: it does not, or somebody else has just ended
 *  its wait. Any CPU; a reference on the thread is held. */
bool wait_abort(struct thread *thread);

/** Keep a thread waiting, so that its wait record and registers may be looked at: the lock of its queue,
 *  which is held then. NULL: it is in no queue. */
struct spinlock *wait_hold_still(struct thread *thread);

/** The handler of wait.deadline. */
void wait_deadline(struct deadline *deadline);
