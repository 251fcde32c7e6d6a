/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/timer.h on the simulated machine. The counter is one number for the whole machine; the
 * drivers move it.
 */
#include "machine.h"

#include <arch/timer.h>

kern_return_t arch_timer_init(const struct board *board)
{
    (void)board;
    return KERN_SUCCESS;
}

void arch_timer_cpu_init(void)
{
    host_timer_arm(TICKS_NEVER);
}

uint64_t arch_counter_frequency(void)
{
    return HOST_COUNTER_FREQUENCY;
}

/* Reading it takes time: two readings in a row differ, as on the real machine. */
ticks_t host_counter(void)
{
    return atomic_fetch_add_explicit(&host_machine.now, 1, memory_order_relaxed) + 1;
}

void host_timer_arm(ticks_t at)
{
    if (host_on_cpu)
        atomic_store(&host_this->alarm, at);
}
