/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores of POSIX (libsys/posix/semaphore.c).
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

typedef struct {
    unsigned long __state __attribute__((
        __aligned__(8))); /* value, and above it how many wait; its lower half is a futex */
} sem_t;

#define SEM_FAILED ((sem_t *)0)

__BEGIN_DECLS

int sem_init(sem_t *, int, unsigned);
int sem_destroy(sem_t *);
int sem_wait(sem_t *);
int sem_trywait(sem_t *);
int sem_timedwait(sem_t *__restrict, const struct timespec *__restrict);
int sem_clockwait(sem_t *__restrict, clockid_t, const struct timespec *__restrict);
int sem_post(sem_t *);
int sem_getvalue(sem_t *__restrict, int *__restrict);
sem_t *sem_open(const char *, int, ...);
int sem_close(sem_t *);
int sem_unlink(const char *);

__END_DECLS
