/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of signals.
 */
#include <errno.h>
#include <signal.h>

static int is_number(int number)
{
    if (number >= 1 && number < NSIG)
        return 1;
    errno = EINVAL;
    return 0;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~(sigset_t)0;
    return 0;
}

int sigaddset(sigset_t *set, int number)
{
    if (!is_number(number))
        return -1;
    *set |= (sigset_t)1 << (number - 1);
    return 0;
}

int sigdelset(sigset_t *set, int number)
{
    if (!is_number(number))
        return -1;
    *set &= ~((sigset_t)1 << (number - 1));
    return 0;
}

int sigismember(const sigset_t *set, int number)
{
    if (!is_number(number))
        return -1;
    return (*set >> (number - 1) & 1) != 0;
}
