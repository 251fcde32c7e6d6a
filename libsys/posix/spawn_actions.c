/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes and file actions of posix_spawn.
 */
#include "spawn_actions.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool act(const struct spawn_action *a)
{
    switch (a->kind) {
    case SPAWN_OPEN: {
        const int got = open(a->path, a->flags, a->mode);
        if (got < 0 || got == a->to)
            return got >= 0;
        const bool done = dup2(got, a->to) >= 0;
        (void)close(got);
        return done;
    }
    case SPAWN_DUP:
        return a->from == a->to ? fcntl(a->to, F_SETFD, 0) == 0 : dup2(a->from, a->to) >= 0;
    case SPAWN_CLOSE: (void)close(a->to); return true;
    case SPAWN_CHDIR: return chdir(a->path) == 0;
    case SPAWN_FCHDIR: return fchdir(a->to) == 0;
    }
    return false;
}

bool spawn_act(const struct __posix_spawn_file_actions *actions)
{
    for (unsigned i = 0; i < actions->count; i++)
        if (!act(&actions->action[i]))
            return false;
    return true;
}

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    *actions = calloc(1, sizeof(**actions));
    return *actions != NULL ? 0 : ENOMEM;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    for (unsigned i = 0; i < (*actions)->count; i++)
        free((*actions)->action[i].path);
    free(*actions);
    *actions = NULL;
    return 0;
}

static int add(posix_spawn_file_actions_t *actions, struct spawn_action action, const char *path)
{
    struct __posix_spawn_file_actions *a = *actions;
    if (action.to < 0 || action.from < 0)
        return EBADF;
    if (a->count == SPAWN_ACTIONS_MAX)
        return ENOMEM;
    if (path != NULL && (action.path = strdup(path)) == NULL)
        return ENOMEM;
    a->action[a->count++] = action;
    return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int to, const char *path,
                                     int flags, mode_t mode)
{
    return add(actions,
               (struct spawn_action){.kind = SPAWN_OPEN, .to = to, .flags = flags, .mode = mode},
               path);
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from, int to)
{
    return add(actions, (struct spawn_action){.kind = SPAWN_DUP, .from = from, .to = to}, NULL);
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int file)
{
    return add(actions, (struct spawn_action){.kind = SPAWN_CLOSE, .to = file}, NULL);
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path)
{
    return add(actions, (struct spawn_action){.kind = SPAWN_CHDIR}, path);
}

int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int file)
{
    return add(actions, (struct spawn_action){.kind = SPAWN_FCHDIR, .to = file}, NULL);
}

/* ---- attributes ---- */

int posix_spawnattr_init(posix_spawnattr_t *a)
{
    *a = calloc(1, sizeof(**a));
    return *a != NULL ? 0 : ENOMEM;
}

int posix_spawnattr_destroy(posix_spawnattr_t *a)
{
    free(*a);
    *a = NULL;
    return 0;
}

int posix_spawnattr_getflags(const posix_spawnattr_t *a, short *flags)
{
    *flags = (*a)->flags;
    return 0;
}

int posix_spawnattr_setflags(posix_spawnattr_t *a, short flags)
{
    if (flags & ~(POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                  POSIX_SPAWN_SETSIGMASK))
        return EINVAL;
    (*a)->flags = flags;
    return 0;
}

int posix_spawnattr_getpgroup(const posix_spawnattr_t *a, pid_t *group)
{
    *group = (*a)->group;
    return 0;
}

int posix_spawnattr_setpgroup(posix_spawnattr_t *a, pid_t group)
{
    (*a)->group = group;
    return 0;
}

int posix_spawnattr_getsigdefault(const posix_spawnattr_t *a, sigset_t *set)
{
    *set = (*a)->defaults;
    return 0;
}

int posix_spawnattr_setsigdefault(posix_spawnattr_t *a, const sigset_t *set)
{
    (*a)->defaults = *set;
    return 0;
}

int posix_spawnattr_getsigmask(const posix_spawnattr_t *a, sigset_t *set)
{
    *set = (*a)->mask;
    return 0;
}

int posix_spawnattr_setsigmask(posix_spawnattr_t *a, const sigset_t *set)
{
    (*a)->mask = *set;
    return 0;
}
