/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment without anything in it. The array itself is kept: newlib's setenv() knows whether it has allocated it.
 */
#include <stddef.h>
#include <stdlib.h>

extern char **environ;

int clearenv(void)
{
    if (environ != NULL)
        environ[0] = NULL;
    return 0;
}
