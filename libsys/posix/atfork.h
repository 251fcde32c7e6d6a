/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fork() calls for those who have registered handlers, and for threads. Nothing of it is linked into a program without.
 *
 *      atfork_prepare();      in the parent before: handlers, the last registered first; then the locks of POSIX threads are held
 *      ... the task is copied ...
 *      atfork_parent();       in the parent after, also when it failed
 *      atfork_child(port);    in the child, whose only thread has this port: the other threads are forgotten, then the handlers
 */
#pragma once

#include <stddef.h>
#include <wharf/message.h>

/* Handlers, in pthread_atfork.c; threads, in pthread_table.c; timers, in timer.c; the time it has used, in cpu_clock.c; random bytes, in ../newlib/entropy.c. */
[[gnu::weak]] void posix_atfork_prepare(void);
[[gnu::weak]] void posix_atfork_parent(void);
[[gnu::weak]] void posix_atfork_child(void);
[[gnu::weak]] void posix_threads_fork_prepare(void);
[[gnu::weak]] void posix_threads_fork_parent(void);
[[gnu::weak]] void posix_threads_fork_child(mach_port_name_t port);
[[gnu::weak]] void posix_entropy_fork_prepare(void);
[[gnu::weak]] void posix_entropy_fork_parent(void);
[[gnu::weak]] void posix_entropy_fork_child(void);
[[gnu::weak]] void posix_timers_fork_prepare(void);
[[gnu::weak]] void posix_timers_fork_parent(void);
[[gnu::weak]] void posix_timers_fork_child(void);
[[gnu::weak]] void posix_cpu_clock_fork_child(void);

static inline void atfork_prepare(void)
{
    if (posix_atfork_prepare != NULL)
        posix_atfork_prepare();
    if (posix_entropy_fork_prepare != NULL)
        posix_entropy_fork_prepare();
    if (posix_timers_fork_prepare != NULL)
        posix_timers_fork_prepare();
    if (posix_threads_fork_prepare != NULL)
        posix_threads_fork_prepare();
}

static inline void atfork_parent(void)
{
    if (posix_threads_fork_parent != NULL)
        posix_threads_fork_parent();
    if (posix_timers_fork_parent != NULL)
        posix_timers_fork_parent();
    if (posix_entropy_fork_parent != NULL)
        posix_entropy_fork_parent();
    if (posix_atfork_parent != NULL)
        posix_atfork_parent();
}

static inline void atfork_child(mach_port_name_t port)
{
    if (posix_threads_fork_child != NULL)
        posix_threads_fork_child(port);
    if (posix_timers_fork_child != NULL)
        posix_timers_fork_child();
    if (posix_cpu_clock_fork_child != NULL)
        posix_cpu_clock_fork_child();
    if (posix_entropy_fork_child != NULL)
        posix_entropy_fork_child();
    if (posix_atfork_child != NULL)
        posix_atfork_child();
}
