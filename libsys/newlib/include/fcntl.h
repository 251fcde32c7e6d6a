/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and what it declares for other systems only.
 */
#include_next <fcntl.h>

#ifndef _WHARF_FCNTL_H
#define _WHARF_FCNTL_H

#define POSIX_FADV_NORMAL     0
#define POSIX_FADV_RANDOM     1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED   3
#define POSIX_FADV_DONTNEED   4
#define POSIX_FADV_NOREUSE    5

#ifndef O_TTY_INIT
#define O_TTY_INIT 0
#endif
#ifndef O_LARGEFILE
#define O_LARGEFILE 0
#endif

__BEGIN_DECLS
int posix_fadvise(int file, off_t offset, off_t length, int advice);
int posix_fallocate(int file, off_t offset, off_t length);
__END_DECLS

#endif
