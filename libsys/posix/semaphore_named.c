/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores with names. A name is known in the process that made it and nowhere else: what others would wait for, a futex, is one task's. They are
 * a list; one that is unlinked is forgotten when it has been closed as often as opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <libsys/sync.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct named {
    sem_t semaphore;
    struct named *next;
    unsigned opened;
    bool unlinked;
    char name[]; /* constant */
};

static struct mutex lock;
static struct named *list; /* guarded by lock, as the members but for the semaphore are */

static int fails(int error)
{
    errno = error;
    return -1;
}

/* Where the link to it is; to NULL: there is none. */
static struct named **find_name(const char *name)
{
    struct named **link = &list;

    while (*link != NULL && ((*link)->unlinked || strcmp((*link)->name, name) != 0))
        link = &(*link)->next;
    return link;
}

static int check_name(const char *name)
{
    if (name[0] != '/' || name[1] == '\0' || strchr(name + 1, '/') != NULL)
        return EINVAL;
    return strlen(name) > NAME_MAX ? ENAMETOOLONG : 0;
}

static struct named *make(const char *name, unsigned value)
{
    struct named *made = calloc(1, sizeof(*made) + strlen(name) + 1);

    if (made == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (sem_init(&made->semaphore, 0, value) != 0) {
        free(made);
        return NULL;
    }
    memcpy(made->name, name, strlen(name) + 1);
    made->next = list;
    list = made;
    return made;
}

static struct named *open_locked(const char *name, int flags, unsigned value)
{
    struct named *found = *find_name(name);

    if (found != NULL && (flags & O_CREAT) && (flags & O_EXCL)) {
        errno = EEXIST;
        return NULL;
    }
    if (found == NULL && !(flags & O_CREAT)) {
        errno = ENOENT;
        return NULL;
    }
    if (found == NULL)
        found = make(name, value);
    if (found != NULL)
        found->opened++;
    return found;
}

sem_t *sem_open(const char *name, int flags, ...)
{
    const int error = check_name(name);
    unsigned value = 0;
    va_list arguments;

    if (error != 0) {
        errno = error;
        return SEM_FAILED;
    }
    va_start(arguments, flags);
    if (flags & O_CREAT) {
        (void)va_arg(arguments, int); /* the mode: whoever knows the name may use it */
        value = va_arg(arguments, unsigned);
    }
    va_end(arguments);
    mutex_lock(&lock);
    struct named *found = open_locked(name, flags, value);
    mutex_unlock(&lock);
    return found == NULL ? SEM_FAILED : &found->semaphore;
}

/* With the lock held. */
static void forget_if_done(struct named **link)
{
    struct named *named = *link;

    if (named->opened > 0 || !named->unlinked)
        return;
    *link = named->next;
    free(named);
}

int sem_close(sem_t *semaphore)
{
    struct named **link = &list;
    int error = EINVAL;

    mutex_lock(&lock);
    while (*link != NULL && &(*link)->semaphore != semaphore)
        link = &(*link)->next;
    if (*link != NULL && (*link)->opened > 0) {
        error = 0;
        (*link)->opened--;
        forget_if_done(link);
    }
    mutex_unlock(&lock);
    return error == 0 ? 0 : fails(error);
}

int sem_unlink(const char *name)
{
    int error = strlen(name) > NAME_MAX ? ENAMETOOLONG : ENOENT;

    mutex_lock(&lock);
    struct named **link = find_name(name);
    if (*link != NULL) {
        error = 0;
        (*link)->unlinked = true;
        forget_if_done(link);
    }
    mutex_unlock(&lock);
    return error == 0 ? 0 : fails(error);
}
