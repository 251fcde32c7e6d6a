/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the system and of its one user.
 */
#include "errors.h"
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The machine has one name until it gets on a network. */
static const char node[] = "wharf";

int uname(struct utsname *names)
{
    *names = (struct utsname){
        .sysname = "Wharf",
        .release = "0.5",
        .version = "Mach-like microkernel",
        .machine = "aarch64",
    };
    memcpy(names->nodename, node, sizeof(node));
    return 0;
}

int gethostname(char *name, size_t size)
{
    if (size < sizeof(node))
        return posix_error(ENAMETOOLONG);
    memcpy(name, node, sizeof(node));
    return 0;
}
