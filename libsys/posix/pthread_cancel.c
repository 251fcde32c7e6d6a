/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cancellation (cancel.h).
 *
 * A thread says when it is about to wait where it may be cancelled (CANCEL_IN_POINT), and looks for a request after that. Whoever requests
 * sets CANCEL_PENDING, and then looks for that: one of the two sees the other. To end the wait it stops the thread, so that
 * it cannot leave the point, and aborts what it does; a thread that is not in the kernel yet, or not any more, is looked at again
 * a moment later.
 *
 * With asynchronous cancelability the thread is sent to posix_cancel_act() where it stands.
 */
#include "cancel.h"
#include "pthread_impl.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <user/machine.h>
#include <wharf/if/thread.h>

enum { MOMENT = 20000, LONG_MOMENT = 1000000 /* ns */ };

/* ---- the thread that is cancelled ---- */

static bool is_due(uint32_t cancel)
{
    return (cancel & (CANCEL_PENDING | CANCEL_DISABLED | CANCEL_ACTS)) == CANCEL_PENDING;
}

bool posix_cancel_begin(void)
{
    const uint32_t seen = atomic_fetch_or(&posix_own.cancel, CANCEL_IN_POINT);

    if (!is_due(seen))
        return false;
    atomic_fetch_and(&posix_own.cancel, ~(uint32_t)CANCEL_IN_POINT);
    return true;
}

bool posix_cancel_end(bool interrupted)
{
    const uint32_t seen = atomic_fetch_and(&posix_own.cancel, ~(uint32_t)CANCEL_IN_POINT);

    return interrupted && is_due(seen);
}

void posix_cancel_act(void)
{
    pthread_exit(PTHREAD_CANCELED);
}

void pthread_testcancel(void)
{
    cancel_test();
}

/* ---- the one who cancels ---- */

/* It is stopped, and does nothing in the kernel: it goes on in posix_cancel_act(), with its stack below what it uses. */
static void divert(struct posix_thread *thread)
{
    struct thread_state_general state;
    uint32_t words = sizeof(state) / sizeof(uint64_t);

    if (thread_get_state(thread->port, THREAD_STATE_GENERAL, (uint64_t *)&state, &words) !=
        KERN_SUCCESS)
        return;
    machine_state_call(&state, (uintptr_t)posix_cancel_act);
    if (thread_set_state(thread->port, THREAD_STATE_GENERAL, (const uint64_t *)&state, words) ==
        KERN_SUCCESS)
        atomic_fetch_or(&thread->cancel, CANCEL_ACTS);
}

/* With posix_threads held. True: there is nothing more to do. */
static bool interrupt(struct posix_thread *thread)
{
    bool done = true;

    if (thread_suspend(thread->port) != KERN_SUCCESS)
        return true; /* it has ended */
    const uint32_t cancel = atomic_load(&thread->cancel);
    if (is_due(cancel) && (cancel & CANCEL_ASYNCHRONOUS)) {
        (void)!thread_abort(thread->port);
        divert(thread);
        done = atomic_load(&thread->cancel) & CANCEL_ACTS;
    } else if (is_due(cancel) && (cancel & CANCEL_IN_POINT)) {
        done = thread_abort(thread->port) == KERN_SUCCESS;
    }
    (void)!thread_resume(thread->port);
    return done;
}

int pthread_cancel(pthread_t id)
{
    uint64_t moment = MOMENT;

    mutex_lock(&posix_threads);
    struct posix_thread *thread = posix_table_find(id);
    if (thread == NULL) {
        mutex_unlock(&posix_threads);
        return ESRCH;
    }
    const uint32_t seen = atomic_fetch_or(&thread->cancel, CANCEL_PENDING) | CANCEL_PENDING;
    if (thread == &posix_own) {
        mutex_unlock(&posix_threads);
        if (seen & CANCEL_ASYNCHRONOUS)
            cancel_test();
        return 0;
    }
    while (thread != NULL && is_due(atomic_load(&thread->cancel)) &&
           (atomic_load(&thread->cancel) & (CANCEL_IN_POINT | CANCEL_ASYNCHRONOUS)) &&
           !interrupt(thread)) {
        mutex_unlock(&posix_threads);
        (void)kernel_sleep_until(kernel_clock_now() + moment);
        moment = moment < LONG_MOMENT ? 2 * moment : moment;
        mutex_lock(&posix_threads);
        thread = posix_table_find(id);
    }
    mutex_unlock(&posix_threads);
    return 0;
}
