/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users and groups: there is one of each, root, and no file says so. What a program may do is said by its rights.
 */
#include "errors.h"
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static char name[] = "root", empty[] = "", home[] = "/", shell[] = "/bin/sh";
static char *members[] = {name, NULL};
static struct passwd user = {
    .pw_name = name,
    .pw_passwd = empty,
    .pw_comment = empty,
    .pw_gecos = empty,
    .pw_dir = home,
    .pw_shell = shell,
};
static struct group group = {.gr_name = name, .gr_passwd = empty, .gr_mem = members};

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

/* Nobody can become somebody else. */
static int become(unsigned wanted)
{
    return wanted == 0 || wanted == (unsigned)-1 ? 0 : posix_error(EINVAL);
}

int setuid(uid_t wanted)
{
    return wanted == (uid_t)-1 ? posix_error(EINVAL) : become(wanted);
}

int seteuid(uid_t wanted)
{
    return setuid(wanted);
}

int setgid(gid_t wanted)
{
    return setuid(wanted);
}

int setegid(gid_t wanted)
{
    return setuid(wanted);
}

int setreuid(uid_t real, uid_t effective)
{
    return become(real) != 0 ? -1 : become(effective);
}

int setregid(gid_t real, gid_t effective)
{
    return become(real) != 0 ? -1 : become(effective);
}

int getgroups(int count, gid_t *groups)
{
    if (count < 0)
        return posix_error(EINVAL);
    if (count > 0)
        groups[0] = 0;
    return 1;
}

int setgroups(int count, const gid_t *groups)
{
    for (int i = 0; i < count; i++)
        if (groups[i] != 0)
            return posix_error(EINVAL);
    return 0;
}

int initgroups(const char *who, gid_t base)
{
    (void)who;
    return setgid(base);
}

char *getlogin(void)
{
    return name;
}

int getlogin_r(char *to, size_t size);
int getlogin_r(char *to, size_t size)
{
    if (size < sizeof(name))
        return ERANGE;
    strcpy(to, name);
    return 0;
}

/* ---- the lists ---- */

struct passwd *getpwuid(uid_t id)
{
    return id == 0 ? &user : NULL;
}

struct passwd *getpwnam(const char *who)
{
    return strcmp(who, name) == 0 ? &user : NULL;
}

/* Nothing of it is in a buffer: it does not change. */
static int give_user(bool found, struct passwd *to, struct passwd **result)
{
    *to = user;
    *result = found ? to : NULL;
    return 0;
}

int getpwuid_r(uid_t id, struct passwd *to, char *bytes, size_t size, struct passwd **result)
{
    (void)bytes;
    (void)size;
    return give_user(id == 0, to, result);
}

int getpwnam_r(const char *who, struct passwd *to, char *bytes, size_t size, struct passwd **result)
{
    (void)bytes;
    (void)size;
    return give_user(strcmp(who, name) == 0, to, result);
}

static bool user_told, group_told;

void setpwent(void)
{
    user_told = false;
}

void endpwent(void)
{
    user_told = false;
}

struct passwd *getpwent(void)
{
    if (user_told)
        return NULL;
    user_told = true;
    return &user;
}

struct group *getgrgid(gid_t id)
{
    return id == 0 ? &group : NULL;
}

struct group *getgrnam(const char *which)
{
    return strcmp(which, name) == 0 ? &group : NULL;
}

static int give_group(bool found, struct group *to, struct group **result)
{
    *to = group;
    *result = found ? to : NULL;
    return 0;
}

int getgrgid_r(gid_t id, struct group *to, char *bytes, size_t size, struct group **result)
{
    (void)bytes;
    (void)size;
    return give_group(id == 0, to, result);
}

int getgrnam_r(const char *which, struct group *to, char *bytes, size_t size, struct group **result)
{
    (void)bytes;
    (void)size;
    return give_group(strcmp(which, name) == 0, to, result);
}

void setgrent(void)
{
    group_told = false;
}

void endgrent(void)
{
    group_told = false;
}

struct group *getgrent(void)
{
    if (group_told)
        return NULL;
    group_told = true;
    return &group;
}
