/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process that has not begun yet, for who wants to be there from its first instruction: debuggers.
 */
#pragma once

#include <sys/types.h>
#include <wharf/message.h>

/** The rights are the caller's. */
struct spawn_held {
    pid_t pid;
    mach_port_name_t task, thread; /* send rights; the thread is suspended once */
};

/** As posix_spawn() without actions and attributes, but that the program's thread waits for thread_resume(). 0, or an errno. */
int spawn_held(const char *path, char *const *argv, char *const *envp, struct spawn_held *made);
