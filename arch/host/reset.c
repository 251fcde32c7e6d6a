/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/reset.h on the simulated machine: a reset ends the run if the test expects one, else it is a
 * failure of the test.
 */
#include "machine.h"

#include <arch/reset.h>

void arch_reset_init(const struct board *board)
{
    (void)board;
}

void arch_reset(enum arch_reset how)
{
    if (!host_on_cpu || !host_machine.config.reset_ends_run)
        host_machine_fail("the kernel asked for a reset (%u)", (unsigned)how);
    host_machine.reset_kind = how;
    host_ask_stop(HOST_STOP_RESET);
    atomic_store(&host_machine.stop, HOST_STOP_RESET);
    for (unsigned i = 0; i < host_machine.config.cpus; i++)
        if (&host_machine.cpu[i] != host_this)
            host_post_event(&host_machine.cpu[i], EVENT_HALT);
    host_machine.driver->leave(host_this);
    host_machine_fail("a CPU that was reset goes on");
}

void arch_semihost_exit(unsigned status)
{
    (void)status; /* nothing answers */
}
