/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * popen: a command with a pipe to it or from it. Those that are open stand in a list: their ends of pipes are closed in the next one's command, as POSIX asks, and
 * pclose() finds the pid.
 */
#include "../newlib/calls.h"
#include <errno.h>
#include <fcntl.h>
#include <libsys/sync.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct command {
    struct command *next; /* lock */
    FILE *stream;
    pid_t pid;
};

static struct mutex lock;
static struct command *commands; /* lock */

/* In the child: its end is its descriptor `to`, and nothing of the others' is there. Held: lock. */
static int arrange(posix_spawn_file_actions_t *actions, int end, int to)
{
    int error = posix_spawn_file_actions_adddup2(actions, end, to);
    for (const struct command *c = commands; c != NULL && error == 0; c = c->next)
        if (fileno(c->stream) != to)
            error = posix_spawn_file_actions_addclose(actions, fileno(c->stream));
    return error;
}

/* Held: lock. */
static int start(pid_t *pid, const char *text, int end, int to)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)text, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = arrange(&actions, end, to);
    if (error == 0)
        error = posix_spawn(pid, "/bin/sh", &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* "r" or "w", and "e" for what is close-on-exec afterwards, too. */
static bool understood(const char *mode, bool *reads, bool *stays)
{
    *reads = mode[0] == 'r';
    *stays = true;
    if (mode[0] != 'r' && mode[0] != 'w')
        return false;
    for (mode++; *mode != '\0'; mode++) {
        if (*mode != 'e')
            return false;
        *stays = false;
    }
    return true;
}

/* A stream of our end; the other is the command's. Both are closed on exec so far, so that no other thread's child gets them. False, with errno. */
static bool begin(struct command *c, const char *text, bool reads)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    const int ours = ends[reads ? 0 : 1], theirs = ends[reads ? 1 : 0];
    int error;
    bool runs = false;
    c->stream = fdopen(ours, reads ? "r" : "w");
    if (c->stream == NULL) {
        error = errno;
        (void)close(ours);
    } else {
        mutex_lock(&lock);
        error = start(&c->pid, text, theirs, reads ? STDOUT_FILENO : STDIN_FILENO);
        runs = error == 0;
        if (runs) {
            c->next = commands;
            commands = c;
        }
        mutex_unlock(&lock);
        if (!runs)
            (void)fclose(c->stream);
    }
    (void)close(theirs);
    if (!runs)
        errno = error;
    return runs;
}

FILE *popen(const char *text, const char *mode)
{
    bool reads, stays;
    if (!understood(mode, &reads, &stays)) {
        errno = EINVAL;
        return NULL;
    }
    struct command *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    if (!begin(c, text, reads)) {
        const int error = errno;
        free(c);
        errno = error;
        return NULL;
    }
    if (stays)
        (void)fcntl(fileno(c->stream), F_SETFD, 0);
    return c->stream;
}

static struct command *forget(const FILE *stream)
{
    struct command *found = NULL;
    mutex_lock(&lock);
    for (struct command **at = &commands; *at != NULL; at = &(*at)->next)
        if ((*at)->stream == stream) {
            found = *at;
            *at = found->next;
            break;
        }
    mutex_unlock(&lock);
    return found;
}

int pclose(FILE *stream)
{
    struct command *c = forget(stream);
    int status = -1;
    if (c == NULL)
        return call_fails(ECHILD);
    const pid_t pid = c->pid;
    free(c);
    (void)fclose(stream);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}
