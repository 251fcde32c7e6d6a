/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a function that waits becomes a cancellation point. Nothing of it is linked into a program that cancels nobody.
 *
 *      cancel_enter();                            may not return: the thread has been cancelled
 *      kr = sys_futex_wait(...), or a call that takes nothing (file.wait)
 *      cancel_leave(kr was KERN_ABORTED or MACH_RCV_INTERRUPTED);      may not return
 *
 * Between the two the thread may be interrupted by thread.abort at any time, so nothing may stand there that must not be given
 * up in the midst. What has been done when the wait ended in another way counts, and the thread is cancelled at its next point.
 * Whoever has to clean up something uses cancel_begin() and cancel_end(), and cancel_act() afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** True: it is cancelled, and nothing has begun. */
[[gnu::weak]] bool posix_cancel_begin(void);
/** True: it is cancelled. */
[[gnu::weak]] bool posix_cancel_end(bool interrupted);
[[gnu::weak, gnu::noreturn]] void posix_cancel_act(void);
/** It has been asked for and is enabled: for points that do not wait. */
[[gnu::weak]] bool posix_cancel_is_due(void);

static inline bool cancel_begin(void)
{
    return posix_cancel_begin != NULL && posix_cancel_begin();
}

static inline bool cancel_end(bool interrupted)
{
    return posix_cancel_end != NULL && posix_cancel_end(interrupted);
}

/** After one of the two has said true. */
static inline void cancel_act(void)
{
    if (posix_cancel_act != NULL)
        posix_cancel_act();
}

static inline void cancel_enter(void)
{
    if (cancel_begin())
        cancel_act();
}

static inline void cancel_leave(bool interrupted)
{
    if (cancel_end(interrupted))
        cancel_act();
}

/** A cancellation point that does not wait. */
static inline void cancel_test(void)
{
    if (posix_cancel_is_due != NULL && posix_cancel_is_due())
        posix_cancel_act();
}
