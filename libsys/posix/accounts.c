/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lists of users and groups (<pwd.h>, <grp.h>): there is one of each (users.c), and no file that says so.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static char name[] = "root", no_password[] = "*", nothing[] = "", home[] = "/", shell[] = "/bin/sh";
static char *members[] = {name, NULL};
static const struct passwd the_user = {
    .pw_name = name,
    .pw_passwd = no_password,
    .pw_comment = nothing,
    .pw_gecos = name,
    .pw_dir = home,
    .pw_shell = shell,
};
static const struct group the_group = {.gr_name = name,
                                       .gr_passwd = no_password,
                                       .gr_mem = members};

/* What functions without a place of the caller's return; programs may change it. */
static struct passwd user;
static struct group group;
static int users_left = 1, groups_left = 1;

static int copy_user(int is_he, struct passwd *to, struct passwd **result)
{
    *to = the_user;
    *result = is_he ? to : NULL;
    return 0;
}

static int copy_group(int is_it, struct group *to, struct group **result)
{
    *to = the_group;
    *result = is_it ? to : NULL;
    return 0;
}

/* The texts are constant: the caller's place for them is not needed. */
int getpwnam_r(const char *who, struct passwd *to, char *text, size_t size, struct passwd **result)
{
    (void)text;
    (void)size;
    return copy_user(strcmp(who, name) == 0, to, result);
}

int getpwuid_r(uid_t number, struct passwd *to, char *text, size_t size, struct passwd **result)
{
    (void)text;
    (void)size;
    return copy_user(number == 0, to, result);
}

int getgrnam_r(const char *which, struct group *to, char *text, size_t size, struct group **result)
{
    (void)text;
    (void)size;
    return copy_group(strcmp(which, name) == 0, to, result);
}

int getgrgid_r(gid_t number, struct group *to, char *text, size_t size, struct group **result)
{
    (void)text;
    (void)size;
    return copy_group(number == 0, to, result);
}

struct passwd *getpwnam(const char *who)
{
    struct passwd *result;

    (void)copy_user(strcmp(who, name) == 0, &user, &result);
    return result;
}

struct passwd *getpwuid(uid_t number)
{
    struct passwd *result;

    (void)copy_user(number == 0, &user, &result);
    return result;
}

struct group *getgrnam(const char *which)
{
    struct group *result;

    (void)copy_group(strcmp(which, name) == 0, &group, &result);
    return result;
}

struct group *getgrgid(gid_t number)
{
    struct group *result;

    (void)copy_group(number == 0, &group, &result);
    return result;
}

void setpwent(void)
{
    users_left = 1;
}

void endpwent(void)
{
    users_left = 1;
}

struct passwd *getpwent(void)
{
    return users_left > 0 && users_left-- > 0 ? getpwuid(0) : NULL;
}

void setgrent(void)
{
    groups_left = 1;
}

void endgrent(void)
{
    groups_left = 1;
}

struct group *getgrent(void)
{
    return groups_left > 0 && groups_left-- > 0 ? getgrgid(0) : NULL;
}
