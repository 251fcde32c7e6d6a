/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * popen(): a command of the shell at the other end of a pipe. Who is at a stream's other end is kept in a list; a command gets no end of the pipes of
 * those that are in it.
 */
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
    struct command *next; /* under lock */
    FILE *stream;
    pid_t pid;
};

static struct mutex lock;
static struct command *commands; /* under lock */

/* The shell with `its` end as descriptor `as`. 0, or an errno. The lock is held. */
static int start(const char *text, int its, int as, pid_t *pid)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)text, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    for (const struct command *c = commands; c != NULL && error == 0; c = c->next)
        error = posix_spawn_file_actions_addclose(&actions, fileno(c->stream));
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, its, as);
    if (error == 0)
        error = posix_spawn(pid, "/bin/sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool is_mode(const char *mode)
{
    return (mode[0] == 'r' || mode[0] == 'w') &&
           (mode[1] == '\0' || (mode[1] == 'e' && mode[2] == '\0'));
}

/* The stream at our end; NULL: errno says why, and both ends are closed. */
static FILE *open_end(const char *text, const char *mode, bool reads, pid_t *pid)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    const int own = ends[reads ? 0 : 1], its = ends[reads ? 1 : 0];
    FILE *stream = fdopen(own, reads ? "r" : "w");
    const int error = stream == NULL ? errno : start(text, its, reads ? 1 : 0, pid);

    close(its);
    if (error == 0 && mode[1] == '\0')
        (void)fcntl(own, F_SETFD, 0);
    if (error != 0 && stream != NULL)
        fclose(stream);
    else if (error != 0)
        close(own);
    if (error == 0)
        return stream;
    errno = error;
    return NULL;
}

FILE *popen(const char *text, const char *mode)
{
    struct command *command;

    if (!is_mode(mode)) {
        errno = EINVAL;
        return NULL;
    }
    command = malloc(sizeof(*command));
    if (command == NULL)
        return NULL;
    mutex_lock(&lock);
    command->stream = open_end(text, mode, mode[0] == 'r', &command->pid);
    if (command->stream != NULL) {
        command->next = commands;
        commands = command;
    }
    mutex_unlock(&lock);
    if (command->stream != NULL)
        return command->stream;
    const int error = errno;
    free(command);
    errno = error;
    return NULL;
}

/* Its command, out of the list. NULL: none. */
static struct command *take(const FILE *stream)
{
    struct command **at = &commands, *found;

    mutex_lock(&lock);
    while (*at != NULL && (*at)->stream != stream)
        at = &(*at)->next;
    found = *at;
    if (found != NULL)
        *at = found->next;
    mutex_unlock(&lock);
    return found;
}

int pclose(FILE *stream)
{
    struct command *command = take(stream);
    int status;
    pid_t ended;

    if (command == NULL) {
        errno = ECHILD;
        return -1;
    }
    const pid_t pid = command->pid;

    free(command);
    fclose(stream);
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -1 : status;
}
