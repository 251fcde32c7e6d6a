/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions for signals that POSIX took over from System V, by means of those of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

static int change_mask(int how, int number, sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    return sigaddset(&set, number) != 0 ? -1 : sigprocmask(how, &set, before);
}

int sighold(int number)
{
    return change_mask(SIG_BLOCK, number, NULL);
}

int sigrelse(int number)
{
    return change_mask(SIG_UNBLOCK, number, NULL);
}

int sigignore(int number)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    return sigaction(number, &ignore, NULL);
}

int sigpause(int number)
{
    sigset_t set;

    if (sigprocmask(SIG_BLOCK, NULL, &set) != 0 || sigdelset(&set, number) != 0)
        return -1;
    return sigsuspend(&set);
}

/* A signal that is held has no disposition to tell of. */
_sig_func_ptr sigset(int number, _sig_func_ptr disposition)
{
    const struct sigaction new = {.sa_handler = disposition};
    struct sigaction old;
    sigset_t before;
    const int hold = disposition == SIG_HOLD;

    if (number == SIGKILL || number == SIGSTOP) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (sigaction(number, hold ? NULL : &new, &old) != 0 ||
        change_mask(hold ? SIG_BLOCK : SIG_UNBLOCK, number, &before) != 0)
        return SIG_ERR;
    return sigismember(&before, number) == 1 ? SIG_HOLD : old.sa_handler;
}
