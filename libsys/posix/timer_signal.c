/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals of timers. The process server carries a signal's code as it is: above the code proper goes the timer's index and 1. A timer whose
 * signal has not been taken, and waits still, has an overrun.
 */
#include "timer_signal.h"
#include "process.h"
#include "signals.h"
#include <wharf/if/process.h>

enum { CODE_BITS = 8, TIMERS = 256 };

static _Atomic bool queued[TIMERS];

int posix_timer_signal(int signal, union sigval value, timer_t timer)
{
    const unsigned index = (unsigned)timer % TIMERS;
    const mach_port_name_t port = process_port();
    struct process_ids ids;
    uint64_t waiting = 0;
    if (!process_ids(&ids))
        return 0;
    if (atomic_load(&queued[index]) &&
        process_pending(port, signals_self(), &waiting) == KERN_SUCCESS &&
        (waiting & signal_bit(signal)))
        return 1;
    atomic_store(&queued[index], true);
    (void)!process_kill(port, ids.pid, (uint32_t)signal, SI_TIMER | (int)(index + 1) << CODE_BITS,
                        (uintptr_t)value.sival_ptr);
    return 0;
}

int timer_signal_taken(int code)
{
    const int index = code >> CODE_BITS;
    if (index <= 0 || index > TIMERS)
        return code;
    atomic_store(&queued[index - 1], false);
    return code & ((1 << CODE_BITS) - 1);
}
