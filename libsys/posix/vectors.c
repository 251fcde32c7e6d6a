/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readv() and writev(). What fits into one message is moved by one, so that it stays together; more goes piece by piece if it is
 * written, by way of a copy if it is read.
 */
#include "errors.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TOGETHER = 4096, READ_MOST = 0x1000000 };

/* Bytes of all pieces; -1: too many, or no such pieces. */
static ssize_t total(const struct iovec *pieces, int count)
{
    size_t sum = 0;

    if (count <= 0 || count > IOV_MAX)
        return posix_error(EINVAL);
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len > SSIZE_MAX - sum)
            return posix_error(EINVAL);
        sum += pieces[i].iov_len;
    }
    return (ssize_t)sum;
}

/* position -1: the file's own. */
static ssize_t one(int file, void *bytes, size_t size, off_t position, bool writes)
{
    if (position < 0)
        return writes ? write(file, bytes, size) : read(file, bytes, size);
    return writes ? pwrite(file, bytes, size, position) : pread(file, bytes, size, position);
}

static void gather(char *to, const struct iovec *pieces, int count)
{
    for (int i = 0; i < count; i++) {
        memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
        to += pieces[i].iov_len;
    }
}

static void scatter(const struct iovec *pieces, const char *from, size_t size)
{
    for (; size > 0; pieces++) {
        const size_t n = pieces->iov_len < size ? pieces->iov_len : size;

        memcpy(pieces->iov_base, from, n);
        from += n;
        size -= n;
    }
}

static ssize_t through(char *bytes, int file, const struct iovec *pieces, int count, size_t size,
                       off_t position, bool writes)
{
    if (writes)
        gather(bytes, pieces, count);
    const ssize_t done = one(file, bytes, size, position, writes);

    if (!writes && done > 0)
        scatter(pieces, bytes, (size_t)done);
    return done;
}

static ssize_t at_once(int file, const struct iovec *pieces, int count, size_t size, off_t position,
                       bool writes)
{
    char bytes[TOGETHER];

    return through(bytes, file, pieces, count, size, position, writes);
}

/* A read of much is one read all the same: a second one might have to wait. */
static ssize_t read_much(int file, const struct iovec *pieces, int count, size_t size,
                         off_t position)
{
    if (size > READ_MOST)
        size = READ_MOST;
    char *bytes = malloc(size);

    if (bytes == NULL)
        return posix_error(ENOMEM);
    const ssize_t done = through(bytes, file, pieces, count, size, position, false);

    free(bytes);
    return done;
}

static ssize_t write_much(int file, const struct iovec *pieces, int count, off_t position)
{
    ssize_t sum = 0;

    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0)
            continue;
        const ssize_t done = one(file, pieces[i].iov_base, pieces[i].iov_len,
                                 position < 0 ? position : position + sum, true);

        if (done < 0)
            return sum > 0 ? sum : done;
        sum += done;
        if ((size_t)done < pieces[i].iov_len)
            break;
    }
    return sum;
}

static ssize_t move(int file, const struct iovec *pieces, int count, off_t position, bool writes)
{
    const ssize_t size = total(pieces, count);

    if (size < 0)
        return -1;
    if (size <= TOGETHER)
        return at_once(file, pieces, count, (size_t)size, position, writes);
    return writes ? write_much(file, pieces, count, position)
                  : read_much(file, pieces, count, (size_t)size, position);
}

ssize_t readv(int file, const struct iovec *pieces, int count)
{
    return move(file, pieces, count, -1, false);
}

ssize_t writev(int file, const struct iovec *pieces, int count)
{
    return move(file, pieces, count, -1, true);
}

ssize_t preadv(int file, const struct iovec *pieces, int count, off_t position)
{
    return position < 0 ? posix_error(EINVAL) : move(file, pieces, count, position, false);
}

ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t position)
{
    return position < 0 ? posix_error(EINVAL) : move(file, pieces, count, position, true);
}
