/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What posix_spawn is given: attributes, and what is done to descriptors.
 */
#pragma once

#include <spawn.h>
#include <stdbool.h>

enum { SPAWN_ACTIONS_MAX = 64 };
enum spawn_kind { SPAWN_OPEN, SPAWN_DUP, SPAWN_CLOSE, SPAWN_CHDIR, SPAWN_FCHDIR };

struct spawn_action {
    enum spawn_kind kind;
    int from, to, flags;
    mode_t mode;
    char *path; /* our own copy */
};

struct __posix_spawn_file_actions {
    unsigned count;
    struct spawn_action action[SPAWN_ACTIONS_MAX];
};

struct __posix_spawnattr {
    short flags;
    pid_t group;
    sigset_t defaults, mask;
    int policy, priority;
};

/** In the child. False: one failed. */
bool spawn_act(const struct __posix_spawn_file_actions *actions);
