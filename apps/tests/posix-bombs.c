/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes all that there is, and leaves it so, for who wants to see how a shell does beside it:
 *
 *      posix-bombs descriptors     processes that open files, until there are no more; says of which group they are
 *      posix-bombs processes       forks, in sessions of their own, until no more can be made
 *      posix-bombs memory          a child that takes memory, until it is ended; says by which signal
 *
 * It ends when there is nothing left; what it has made stays.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HOLDERS = 10, PAUSE_US = 20000 };

/* Opens whatever it can, for good; says so once when it cannot. */
static void hold(int said)
{
    char done = 'd';

    for (unsigned tries = 0;; tries++) {
        while (open("/dev/null", O_RDONLY) >= 0)
            ;
        if (tries == 0)
            (void)!write(said, &done, 1);
        usleep(PAUSE_US);
    }
}

static void take_descriptors(int said)
{
    (void)setpgid(0, 0);
    close(1);
    for (unsigned i = 1; i < HOLDERS; i++)
        if (fork() == 0)
            break;
    hold(said);
}

static void take_processes(int said)
{
    char done = 'd';

    (void)setsid();
    close(1);
    for (bool first = true;;) {
        const pid_t pid = fork();
        if (pid == 0)
            (void)setsid();
        if (pid >= 0)
            continue;
        if (first)
            (void)!write(said, &done, 1);
        first = false;
        usleep(PAUSE_US);
    }
}

static void take_memory(void)
{
    enum { PIECE = 1 << 20, PAGE = 4096 };

    for (;;) {
        volatile char *piece = malloc(PIECE);
        for (size_t i = 0; piece != NULL && i < PIECE; i += PAGE)
            piece[i] = 1;
    }
}

static int watch_memory(void)
{
    int status = 0;
    const pid_t pid = fork();

    if (pid == 0)
        take_memory();
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    printf("memory: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "memory") == 0)
        return watch_memory();
    const bool processes = argc > 1 && strcmp(argv[1], "processes") == 0;
    int ends[2];
    char byte;

    if (pipe(ends) != 0)
        return 1;
    const pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0 && processes)
        take_processes(ends[1]);
    if (pid == 0)
        take_descriptors(ends[1]);
    for (unsigned n = processes ? 1 : HOLDERS; n > 0; n--)
        if (read(ends[0], &byte, 1) != 1)
            return 1;
    printf("%d\n", (int)pid);
    return 0;
}
