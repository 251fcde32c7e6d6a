/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pthread_kill: a signal for one thread.
 */
#include "errors.h"
#include "process.h"
#include "pthread_impl.h"
#include "signals.h"
#include <wharf/if/process.h>

/* With posix_threads held the thread's port stays. */
static int send(pthread_t id, int number, mach_port_name_t process)
{
    const struct posix_thread *thread = posix_table_find(id);
    if (thread == NULL)
        return ESRCH;
    if (number == 0 || thread->native.alive == 0)
        return 0;
    return posix_errno(process_kill_thread(process, thread->port, (uint32_t)number, SI_USER, 0));
}

int pthread_kill(pthread_t id, int number)
{
    const mach_port_name_t process = process_port();
    if (number < 0 || number > SIGRTMAX)
        return EINVAL;
    if (process == MSG_NULL)
        return ENOSYS;
    const uint64_t mask = signals_hold();
    mutex_lock(&posix_threads);
    const int error = send(id, number, process);
    mutex_unlock(&posix_threads);
    signals_go_on(mask);
    return error;
}
