/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, but for struct flock, whose l_pid is a pid_t: numbers of processes do not fit a short.
 */
#define flock newlib_flock_
#include_next <sys/_default_fcntl.h>
#undef flock

#ifndef _WHARF_SYS_DEFAULT_FCNTL_H
#define _WHARF_SYS_DEFAULT_FCNTL_H

struct flock {
    short l_type;   /* F_RDLCK, F_WRLCK, F_UNLCK */
    short l_whence; /* of l_start, as in lseek() */
    off_t l_start;
    off_t l_len; /* 0: to the end */
    pid_t l_pid; /* of F_GETLK: whose it is */
};

#if __BSD_VISIBLE
__BEGIN_DECLS
int flock(int file, int how);
__END_DECLS
#endif

#endif
