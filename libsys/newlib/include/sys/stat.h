/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and what it declares for other systems only.
 */
#include_next <sys/stat.h>

#ifndef _WHARF_SYS_STAT_H
#define _WHARF_SYS_STAT_H

#ifndef UTIME_NOW
#define UTIME_NOW  (-2L)
#define UTIME_OMIT (-1L)
#endif

__BEGIN_DECLS
int lstat(const char *__restrict path, struct stat *__restrict status);
int mknod(const char *path, mode_t mode, dev_t device);
int lchmod(const char *path, mode_t mode);
__END_DECLS

#endif
