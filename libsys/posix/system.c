/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * system(): a command by the shell.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int system(const char *command)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction interrupt, quit;
    sigset_t child, mask;
    posix_spawnattr_t attributes;
    pid_t pid;
    int status = -1;
    if (command == NULL)
        return access("/bin/sh", X_OK) == 0;
    if (posix_spawnattr_init(&attributes) != 0)
        return -1;
    (void)sigaction(SIGINT, &ignore, &interrupt);
    (void)sigaction(SIGQUIT, &ignore, &quit);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, &mask);
    sigset_t defaults = 0;
    if (interrupt.sa_handler != SIG_IGN)
        (void)sigaddset(&defaults, SIGINT);
    if (quit.sa_handler != SIG_IGN)
        (void)sigaddset(&defaults, SIGQUIT);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setsigmask(&attributes, &mask);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawn(&pid, "/bin/sh", NULL, &attributes, argv, environ);
    if (error != 0)
        status = 127 << 8;
    else
        while (waitpid(pid, &status, 0) < 0)
            if (errno != EINTR) {
                status = -1;
                break;
            }
    (void)posix_spawnattr_destroy(&attributes);
    (void)sigaction(SIGINT, &interrupt, NULL);
    (void)sigaction(SIGQUIT, &quit, NULL);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return status;
}
