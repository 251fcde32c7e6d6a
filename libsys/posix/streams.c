/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib's streams lack: their lock as POSIX gives it to programs, and lines of any length under POSIX's names.
 */
#include <stdio.h>
#include <sys/lock.h>

/* A stream on a string has no lock: nobody else can have it. */
static _LOCK_T lock_of(FILE *stream)
{
    return (stream->_flags & __SSTR) != 0 ? NULL : stream->_lock;
}

void flockfile(FILE *stream)
{
    _LOCK_T lock = lock_of(stream);

    if (lock != NULL)
        __lock_acquire_recursive(lock);
}

int ftrylockfile(FILE *stream)
{
    _LOCK_T lock = lock_of(stream);

    return lock == NULL || __lock_try_acquire_recursive(lock) ? 0 : -1;
}

void funlockfile(FILE *stream)
{
    _LOCK_T lock = lock_of(stream);

    if (lock != NULL)
        __lock_release_recursive(lock);
}

ssize_t getdelim(char **restrict line, size_t *restrict size, int delimiter, FILE *restrict stream)
{
    return __getdelim(line, size, delimiter, stream);
}

ssize_t getline(char **restrict line, size_t *restrict size, FILE *restrict stream)
{
    return __getdelim(line, size, '\n', stream);
}
