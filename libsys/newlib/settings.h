/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib leaves to the system. The recipe (ci/wharf/newlib.py) appends this file to the
 * newlib.h that configure makes, so that the library and every program see the same.
 *
 * Left alone, the number of a file, a device or a user would have two bytes. That of a link count
 * does: its type cannot be chosen.
 */
#pragma once

#ifndef __ASSEMBLER__

#define __machine_dev_t_defined
typedef unsigned long __dev_t;
#define __machine_ino_t_defined
typedef unsigned long __ino_t;
#define __machine_fsfilcnt_t_defined
typedef unsigned long __fsfilcnt_t;
#define __machine_uid_t_defined
typedef unsigned int __uid_t;
#define __machine_gid_t_defined
typedef unsigned int __gid_t;

#endif /* __ASSEMBLER__ */

/* read() and write() return what POSIX says. */
#define _READ_WRITE_RETURN_TYPE _ssize_t

/* Of the parts of POSIX that headers and programs ask for by name, those that are there; -1: not. */
#define _POSIX_VERSION                    200809L
#define _POSIX_TIMERS                     200809L
#define _POSIX_TIMEOUTS                   200809L
#define _POSIX_MONOTONIC_CLOCK            200809L
#define _POSIX_CLOCK_SELECTION            200809L
#define _POSIX_CPUTIME                    200809L
#define _POSIX_THREAD_CPUTIME             200809L
#define _POSIX_THREADS                    200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS      200809L
#define _POSIX_THREAD_ATTR_STACKADDR      200809L
#define _POSIX_THREAD_ATTR_STACKSIZE      200809L
#define _POSIX_THREAD_PRIORITY_SCHEDULING 200809L
#define _POSIX_THREAD_PRIO_INHERIT        200809L
#define _POSIX_THREAD_PRIO_PROTECT        200809L
#define _POSIX_THREAD_ROBUST_PRIO_INHERIT 200809L
#define _POSIX_THREAD_ROBUST_PRIO_PROTECT 200809L
#define _POSIX_PRIORITY_SCHEDULING        200809L
#define _POSIX_BARRIERS                   200809L
#define _POSIX_READER_WRITER_LOCKS        200809L
#define _POSIX_SPIN_LOCKS                 200809L
#define _POSIX_SEMAPHORES                 200809L
#define _POSIX_REALTIME_SIGNALS           200809L
#define _POSIX_MAPPED_FILES               200809L
#define _POSIX_MEMLOCK                    200809L
#define _POSIX_MEMLOCK_RANGE              200809L
#define _POSIX_MEMORY_PROTECTION          200809L
#define _POSIX_SHARED_MEMORY_OBJECTS      200809L
#define _POSIX_FSYNC                      200809L
#define _POSIX_JOB_CONTROL                1
#define _POSIX_SAVED_IDS                  1
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES   1
/* A futex is its address in one task. */
#define _POSIX_THREAD_PROCESS_SHARED      (-1)

/* Limits of <limits.h>, which includes this. */
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_KEYS_MAX              128
#define PTHREAD_STACK_MIN             16384
#define PTHREAD_THREADS_MAX           16384
#define SEM_VALUE_MAX                 0x7fffffff
#define SEM_NSEMS_MAX                 0x7fffffff
#define TIMER_MAX                     256
#define DELAYTIMER_MAX                0x7fffffff
