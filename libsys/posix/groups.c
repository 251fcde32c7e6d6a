/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Process groups and sessions.
 */
#include "errors.h"
#include "process.h"
#include <errno.h>
#include <unistd.h>
#include <wharf/if/process.h>

static int fails(kern_return_t kr)
{
    errno = posix_errno(kr);
    return -1;
}

int setpgid(pid_t pid, pid_t group)
{
    const mach_port_name_t port = process_port();
    const kern_return_t kr =
        port == MSG_NULL ? KERN_NOT_SUPPORTED : process_set_group(port, pid, group);
    return kr == KERN_SUCCESS ? 0 : fails(kr);
}

pid_t getpgid(pid_t pid)
{
    const mach_port_name_t port = process_port();
    int32_t group = 0;
    const kern_return_t kr =
        port == MSG_NULL ? KERN_NOT_SUPPORTED : process_get_group(port, pid, &group);
    return kr == KERN_SUCCESS ? group : fails(kr);
}

pid_t getpgrp(void)
{
    return getpgid(0);
}

pid_t getsid(pid_t pid)
{
    const mach_port_name_t port = process_port();
    int32_t session = 0;
    const kern_return_t kr =
        port == MSG_NULL ? KERN_NOT_SUPPORTED : process_get_session(port, pid, &session);
    return kr == KERN_SUCCESS ? session : fails(kr);
}

pid_t setsid(void)
{
    const mach_port_name_t port = process_port();
    int32_t session = 0;
    const kern_return_t kr =
        port == MSG_NULL ? KERN_NOT_SUPPORTED : process_new_session(port, &session);
    return kr == KERN_SUCCESS ? session : fails(kr);
}

bool group_is_orphaned(void)
{
    const mach_port_name_t port = process_port_now();
    bool orphaned = true;
    return port == MSG_NULL || process_orphaned(port, &orphaned) != KERN_SUCCESS || orphaned;
}

int setpgrp(void)
{
    return setpgid(0, 0);
}
