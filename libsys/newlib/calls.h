/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib calls of the system. Its public functions (read, fstat, kill ...) are wrappers round
 * these. On failure they set errno and return -1.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/types.h>

/* files.c */
int _open(const char *path, int flags, ...);
int _close(int file);
ssize_t _read(int file, void *bytes, size_t size);
ssize_t _write(int file, const void *bytes, size_t size);
off_t _lseek(int file, off_t offset, int from);
int _fcntl(int file, int command, int argument);
int _fstat(int file, struct stat *status);
int _stat(const char *path, struct stat *status);
int _isatty(int file);
int _link(const char *old, const char *new);
int _unlink(const char *path);
int _rename(const char *old, const char *new);
int _mkdir(const char *path, mode_t mode);

/* memory.c */
void *_sbrk(ptrdiff_t increment);

/* process.c */
int _getpid(void);
int _kill(int process, int signal);
int _fork(void);
int _execve(const char *path, char *const *arguments, char *const *environment);
int _wait(int *status);

/* time.c */
int _gettimeofday(struct timeval *now, void *zone);
clock_t _times(struct tms *times);

/* entropy.c */
int _getentropy(void *bytes, size_t size);

/** Sets errno; -1, for the caller to return. */
static inline int call_fails(int error)
{
    errno = error;
    return -1;
}
