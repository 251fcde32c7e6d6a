/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the system.
 */
#pragma once

#include <sys/cdefs.h>

#define _UTSNAME_LENGTH 65

struct utsname {
    char sysname[_UTSNAME_LENGTH];
    char nodename[_UTSNAME_LENGTH];
    char release[_UTSNAME_LENGTH];
    char version[_UTSNAME_LENGTH];
    char machine[_UTSNAME_LENGTH];
};

__BEGIN_DECLS
int uname(struct utsname *names);
__END_DECLS
