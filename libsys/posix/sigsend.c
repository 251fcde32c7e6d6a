/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending signals: kill, killpg, sigqueue, raise.
 */
#include "errors.h"
#include "process.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/trap.h>
#include <signal.h>
#include <unistd.h>
#include <wharf/if/process.h>

enum { STATUS_SIGNAL = 128 };

static int answer(kern_return_t kr)
{
    if (kr == KERN_SUCCESS)
        return 0;
    errno = posix_errno(kr);
    return -1;
}

static int send(pid_t pid, int number, int code, uint64_t value)
{
    if (number < 0 || number > SIGRTMAX) {
        errno = EINVAL;
        return -1;
    }
    const mach_port_name_t port = process_port();
    if (port != MSG_NULL)
        return answer(process_kill(port, pid, (uint32_t)number, code, value));
    if (pid != 1) { /* alone */
        errno = ESRCH;
        return -1;
    }
    if (number != 0)
        kernel_task_exit(STATUS_SIGNAL + number);
    return 0;
}

int _kill(pid_t pid, int number)
{
    return send(pid, number, SI_USER, 0);
}

int killpg(pid_t group, int number)
{
    if (group < 0 || group == 1) {
        errno = EINVAL;
        return -1;
    }
    return send(group == 0 ? 0 : -group, number, SI_USER, 0);
}

int sigqueue(pid_t pid, int number, const union sigval value)
{
    return send(pid, number, SI_QUEUE, (uintptr_t)value.sival_ptr);
}

int raise(int number)
{
    const mach_port_name_t port = process_port();
    if (port == MSG_NULL)
        return send(1, number, SI_USER, 0);
    if (number < 0 || number > SIGRTMAX) {
        errno = EINVAL;
        return -1;
    }
    return answer(process_kill_thread(port, (mach_port_name_t)sys_thread_self(), (uint32_t)number,
                                      SI_USER, 0));
}
