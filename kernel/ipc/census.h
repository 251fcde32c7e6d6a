/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between ipc_census.c, which follows the rights, and ipc_check.c, which compares.
 */
#pragma once

#include "names.h"
#include <kern/ipc_check.h>
#include <kern/task.h>

/** Something is wrong; the first one stays. */
static inline void census_complain(struct ipc_census *census, const char *what, const void *at)
{
    if (!census->wrong) {
        census->wrong = what;
        census->at = at;
    }
}

static inline void census_expect(struct ipc_census *census, bool ok, const char *what,
                                 const void *at)
{
    if (!ok)
        census_complain(census, what, at);
}

/** Follow everything from these tasks on. */
void census_take(struct ipc_census *census, struct task *const *task, unsigned count);
