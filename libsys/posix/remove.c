/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remove(), in place of newlib's, which does not know of folders; under its own name too, by which tmpfile() calls it.
 */
#include "errors.h"
#include <stdio.h>
#include <sys/reent.h>
#include <unistd.h>

int remove(const char *path)
{
    if (unlink(path) == 0)
        return 0;
    return errno == EISDIR || errno == EPERM ? rmdir(path) : -1;
}

int _remove_r(struct _reent *reent, const char *path)
{
    (void)reent;
    return remove(path);
}
