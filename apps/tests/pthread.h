/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs that try POSIX threads share (pthread-*.c). Each is run twice in a boot: the first run fills caches (stacks, slots, the
 * time page), and after the second the kernel has as many objects as before it.
 */
#pragma once

#include <errno.h>
#include <libsys/check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { MILLISECOND = 1000000, SECOND = 1000000000 };

/** Run the parts twice, and compare the objects; the status for main to return. */
int pthread_test_main(const char *name, void (*const *parts)(void), unsigned count);

/** A thread that has to be there. */
pthread_t start(void *(*function)(void *), void *argument);
void *finish(pthread_t thread);

/** One of PTHREAD_MUTEX_, PTHREAD_PRIO_ (with ceiling 9), PTHREAD_MUTEX_STALLED or ROBUST. */
void make_mutex(pthread_mutex_t *mutex, int type, int protocol, int robust);

/** The moment so many nanoseconds from now, of a clock. */
struct timespec from_now(clockid_t clock, int64_t nanoseconds);
/** Nanoseconds since boot. */
uint64_t moment(void);
/** Until *word is value; sleeping in between. */
void wait_for(_Atomic int *word, int value);
