/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * realpath(): a path without links, `.` and `..`. What is done already (made) never has any; what is left (left) is taken a name at a time, and a link's content goes in front of it.
 */
#include "errors.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

struct resolution {
    char made[PATH_MAX]; /* "" is the root */
    size_t length;
    char left[PATH_MAX];
    unsigned links;
};

/* Put a link's content in front of what is left. */
static int insert(struct resolution *r, const char *content)
{
    char rest[PATH_MAX];

    strlcpy(rest, r->left, sizeof(rest));
    if (strlen(content) + 1 + strlen(rest) >= sizeof(r->left))
        return ENAMETOOLONG;
    strlcpy(r->left, content, sizeof(r->left));
    strlcat(r->left, "/", sizeof(r->left));
    strlcat(r->left, rest, sizeof(r->left));
    return 0;
}

static void go_up(struct resolution *r)
{
    while (r->length > 0 && r->made[--r->length] != '/')
        ;
    r->made[r->length] = '\0';
}

/* made has a name more at its end, which began at `before`: a link is taken away again and followed. */
static int look_at(struct resolution *r, size_t before)
{
    struct stat status;
    char content[PATH_MAX];

    if (lstat(r->made, &status) != 0)
        return errno;
    if (!S_ISLNK(status.st_mode))
        return r->left[strspn(r->left, "/")] != '\0' && !S_ISDIR(status.st_mode) ? ENOTDIR : 0;
    if (++r->links > LINKS_MAX)
        return ELOOP;
    const ssize_t n = readlink(r->made, content, sizeof(content) - 1);

    if (n < 0)
        return errno;
    content[n] = '\0';
    r->length = content[0] == '/' ? 0 : before;
    r->made[r->length] = '\0';
    return insert(r, content);
}

/* The next name. 0 with *end: there is none. */
static int take_name(struct resolution *r, bool *end)
{
    char *name = r->left + strspn(r->left, "/");
    const size_t n = strcspn(name, "/"), before = r->length;
    char one[NAME_MAX + 1];

    *end = n == 0;
    if (n == 0)
        return 0;
    if (n > NAME_MAX || before + 1 + n >= sizeof(r->made))
        return ENAMETOOLONG;
    memcpy(one, name, n);
    one[n] = '\0';
    memmove(r->left, name + n, strlen(name + n) + 1);
    if (strcmp(one, ".") == 0)
        return 0;
    if (strcmp(one, "..") == 0) {
        go_up(r);
        return 0;
    }
    r->made[r->length++] = '/';
    memcpy(r->made + r->length, one, n + 1);
    r->length += n;
    return look_at(r, before);
}

/* Where a path begins. */
static int begin(struct resolution *r, const char *path)
{
    r->length = r->links = 0;
    r->made[0] = '\0';
    if (path[0] == '\0')
        return ENOENT;
    if (strlcpy(r->left, path, sizeof(r->left)) >= sizeof(r->left))
        return ENAMETOOLONG;
    if (path[0] == '/')
        return 0;
    if (getcwd(r->made, sizeof(r->made)) == NULL)
        return errno;
    r->length = strcmp(r->made, "/") == 0 ? 0 : strlen(r->made);
    r->made[r->length] = '\0';
    return 0;
}

char *realpath(const char *__restrict path, char *__restrict result)
{
    struct resolution r;
    bool end = false;

    if (path == NULL) {
        errno = EINVAL;
        return NULL;
    }
    int error = begin(&r, path);

    while (error == 0 && !end)
        error = take_name(&r, &end);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    if (r.length == 0)
        strcpy(r.made, "/");
    return result == NULL ? strdup(r.made) : memcpy(result, r.made, strlen(r.made) + 1);
}
