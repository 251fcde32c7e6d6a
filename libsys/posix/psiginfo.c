/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * psiginfo: what a siginfo_t tells, on the standard error stream.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

void psiginfo(const siginfo_t *info, const char *text)
{
    const char *colon = text != NULL && text[0] != '\0' ? ": " : "";

    fprintf(stderr, "%s%s%s (code %d", text != NULL ? text : "", colon, strsignal(info->si_signo),
            info->si_code);
    if (info->si_signo == SIGCHLD)
        fprintf(stderr, ", pid %d, status %d", (int)info->si_pid, info->si_status);
    else if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS || info->si_signo == SIGILL ||
             info->si_signo == SIGFPE)
        fprintf(stderr, ", address %p", info->si_addr);
    else if (info->si_pid != 0)
        fprintf(stderr, ", from pid %d", (int)info->si_pid);
    fputs(")\n", stderr);
}
