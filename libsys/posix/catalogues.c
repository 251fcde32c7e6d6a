/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Catalogues of messages: there are none. See <nl_types.h>.
 */
#include "errors.h"
#include <errno.h>
#include <nl_types.h>
#include <stddef.h>

nl_catd catopen(const char *name, int flags)
{
    (void)name;
    (void)flags;
    errno = ENOENT;
    return (nl_catd)-1;
}

char *catgets(nl_catd catalogue, int set, int number, const char *usual)
{
    (void)catalogue;
    (void)set;
    (void)number;
    return (char *)(size_t)usual;
}

int catclose(nl_catd catalogue)
{
    (void)catalogue;
    return posix_error(EBADF);
}
