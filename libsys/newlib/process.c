/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes, while each program is alone: it has number 1, and a signal that it sends itself and
 * does not handle (raise() looks for that) ends it.
 */
#include "calls.h"
#include <libsys/kernel.h>

enum { OWN_NUMBER = 1, STATUS_SIGNAL = 128 }; /* status of an end by a signal: the sum with it */

int _getpid(void)
{
    return OWN_NUMBER;
}

int _kill(int process, int signal)
{
    if (process != OWN_NUMBER)
        return call_fails(ESRCH);
    if (signal != 0)
        kernel_task_exit(STATUS_SIGNAL + signal);
    return 0;
}

int _fork(void)
{
    return call_fails(ENOSYS);
}

int _execve(const char *path, char *const *arguments, char *const *environment)
{
    (void)path;
    (void)arguments;
    (void)environment;
    return call_fails(ENOENT);
}

int _wait(int *status)
{
    (void)status;
    return call_fails(ECHILD);
}
