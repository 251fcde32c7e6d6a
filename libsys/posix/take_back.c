/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that fork or posix_spawn has made known to the process server, and that comes to nothing. Its end is known to its parent when its task has gone: so it is waited for.
 */
#include "process.h"
#include <libsys/thread.h>
#include <signal.h>
#include <wharf/if/process.h>

void process_take_back(mach_port_name_t port, int32_t pid)
{
    struct process_change change = {0};
    kern_return_t kr = process_kill(port, pid, SIGKILL, 0, 0);
    while (kr == KERN_SUCCESS && change.pid == 0) {
        (void)!process_wait_child(port, pid, PROCESS_EXITED, (uint64_t)thread_current()->id);
        kr = process_reap(port, pid, PROCESS_EXITED, &change);
    }
}
