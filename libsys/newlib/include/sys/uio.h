/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing several pieces of memory at once.
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

#ifndef _IOVEC_DECLARED
#define _IOVEC_DECLARED
struct iovec {
    void *iov_base;
    size_t iov_len;
};
#endif

#define UIO_MAXIOV 1024

__BEGIN_DECLS
ssize_t readv(int file, const struct iovec *pieces, int count);
ssize_t writev(int file, const struct iovec *pieces, int count);
ssize_t preadv(int file, const struct iovec *pieces, int count, off_t position);
ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t position);
__END_DECLS
