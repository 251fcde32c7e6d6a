/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users and groups: there is one of each, root, root. What a program may do is said by its rights.
 */
#include "errors.h"
#include <grp.h>
#include <string.h>
#include <unistd.h>

static char name[] = "root";

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

/* Everybody is in one group, and in the one the caller names if that is another. */
int getgrouplist(const char *who, gid_t group, gid_t *groups, int *count)
{
    const int all = group == 0 ? 1 : 2, room = *count;

    (void)who;
    *count = all;
    if (room < all)
        return -1;
    groups[0] = group;
    if (all > 1)
        groups[1] = 0;
    return all;
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
    memcpy(to, name, sizeof(name));
    return 0;
}
