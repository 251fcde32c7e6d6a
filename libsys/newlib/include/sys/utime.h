/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times of files, in seconds.
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

struct utimbuf {
    time_t actime;
    time_t modtime;
};

__BEGIN_DECLS
int utime(const char *path, const struct utimbuf *times);
__END_DECLS
