/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Masks of signals: of the caller, and what new threads begin with. See signals.h, G1 and G3.
 */
#include "signals.h"
#include <errno.h>
#include <user/machine.h>

void signals_set_mask(uint64_t mask)
{
    struct signal_thread *t = &signal_thread;
    const uint64_t old = t->mask;
    mask &= ~SIGNAL_NEVER;
    if (mask & ~old)
        (void)signals_claim(mask & ~old);
    t->mask = mask;
    atomic_signal_fence(memory_order_seq_cst);
    if ((old & ~mask) && t->waiting)
        signals_look();
}

uint64_t signals_hold(void)
{
    const uint64_t mask = signal_thread.mask;
    signal_thread.mask = ~SIGNAL_NEVER;
    atomic_signal_fence(memory_order_seq_cst);
    return mask;
}

void signals_go_on(uint64_t mask)
{
    atomic_signal_fence(memory_order_seq_cst);
    signal_thread.mask = mask;
    atomic_signal_fence(memory_order_seq_cst);
    if (signal_thread.waiting)
        signals_look();
}

void signals_inherit(void *thread_pointer)
{
    const uintptr_t at = (uintptr_t)&signal_thread - (uintptr_t)machine_thread_pointer();
    struct signal_thread *t = (struct signal_thread *)((uintptr_t)thread_pointer + at);
    t->mask = signal_thread.mask;
    t->waiting = true;
}

void signals_of_others(void)
{
    signal_thread.mask = ~SIGNAL_NEVER;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    const uint64_t mask = signal_thread.mask;
    const uint64_t given = set != NULL ? *set : 0;
    if (set != NULL && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return EINVAL;
    if (old != NULL)
        *old = mask;
    if (set != NULL)
        signals_set_mask(how == SIG_BLOCK     ? mask | given
                         : how == SIG_UNBLOCK ? mask & ~given
                                              : given);
    return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    const int error = pthread_sigmask(how, set, old);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}
