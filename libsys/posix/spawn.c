/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * posix_spawn: a new task at once, where nothing has to be done to descriptors first; else fork, the actions, and exec (status 127 if those fail).
 * spawn_held: for debuggers.
 */
#include "errors.h"
#include "image.h"
#include "process.h"
#include "spawn_actions.h"
#include <errno.h>
#include <libsys/spawn_held.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/process.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>

extern __typeof__(signals_export) signals_export [[gnu::weak]];

/* Of a new child. */
struct birth {
    const struct __posix_spawnattr *attributes;
    pid_t pid; /* 0: nobody knows of it yet */
};

static int announce(const struct image_request *r, mach_port_name_t task, const char *name,
                    uint32_t *port)
{
    struct birth *birth = r->context;
    const struct __posix_spawnattr *a = birth->attributes;
    const bool grouped = a != NULL && (a->flags & POSIX_SPAWN_SETPGROUP);
    char text[TASK_NAME_ROOM];
    image_cut_name(text, name);
    return posix_errno(process_spawn(process_port(), task, text, grouped ? a->group : -1, false,
                                     r->ignored, r->blocked, &birth->pid, port));
}

/* If it was announced, it will not be. */
static void take_back(struct birth *birth)
{
    if (birth->pid != 0)
        process_take_back(process_port(), birth->pid);
    birth->pid = 0;
}

static void retract(const struct image_request *r)
{
    take_back(r->context);
}

static int make_directly(const char *path, const struct __posix_spawnattr *a, char *const *argv,
                         char *const *envp, struct birth *birth, struct image *image)
{
    struct image_request r = {.path = path,
                              .argv = argv,
                              .envp = envp,
                              .announce = announce,
                              .retract = retract,
                              .context = birth};
    if (process_port() == MSG_NULL)
        return ENOSYS;
    if (signals_export != NULL)
        signals_export(&r.ignored, &r.blocked);
    if (a != NULL && (a->flags & POSIX_SPAWN_SETSIGMASK))
        r.blocked = a->mask;
    if (a != NULL && (a->flags & POSIX_SPAWN_SETSIGDEF))
        r.ignored &= ~a->defaults;
    return image_make(&r, image);
}

static int give_up(int error, struct birth *birth, struct image *image)
{
    image_drop(image);
    take_back(birth);
    return error;
}

static int spawn_directly(pid_t *pid, const char *path, const struct __posix_spawnattr *a,
                          char *const *argv, char *const *envp)
{
    struct birth birth = {.attributes = a};
    struct image image = {0};
    int error = make_directly(path, a, argv, envp, &birth, &image);
    if (error == 0)
        error = image_run(&image);
    if (error != 0)
        return give_up(error, &birth, &image);
    image_release(&image);
    if (pid != NULL)
        *pid = birth.pid;
    return 0;
}

int spawn_held(const char *path, char *const *argv, char *const *envp, struct spawn_held *made)
{
    struct birth birth = {0};
    struct image image = {0};
    int error = make_directly(path, NULL, argv, envp, &birth, &image);
    if (error == 0)
        error = image_make_thread(&image);
    if (error != 0)
        return give_up(error, &birth, &image);
    *made = (struct spawn_held){.pid = birth.pid, .task = image.task, .thread = image.thread};
    return 0;
}

static void be_child(const struct __posix_spawnattr *a)
{
    if (a == NULL)
        return;
    if ((a->flags & POSIX_SPAWN_SETPGROUP) && setpgid(0, a->group) != 0)
        _exit(127);
    for (int n = 1; (a->flags & POSIX_SPAWN_SETSIGDEF) && n < NSIG; n++)
        if (a->defaults >> (n - 1) & 1)
            (void)signal(n, SIG_DFL);
    if (a->flags & POSIX_SPAWN_SETSIGMASK)
        (void)sigprocmask(SIG_SETMASK, &a->mask, NULL);
}

static int spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *argv, char *const *envp,
                 bool search)
{
    const struct __posix_spawnattr *a = attributes != NULL ? *attributes : NULL;
    if (!search && (actions == NULL || (*actions)->count == 0))
        return spawn_directly(pid, path, a, argv, envp);
    const pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        be_child(a);
        if (actions == NULL || spawn_act(*actions))
            (void)(search ? execvpe(path, argv, envp) : execve(path, argv, envp));
        _exit(127);
    }
    if (pid != NULL)
        *pid = child;
    return 0;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
    return spawn(pid, path, actions, attributes, argv, envp, false);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
    return spawn(pid, file, actions, attributes, argv, envp, strchr(file, '/') == NULL);
}
