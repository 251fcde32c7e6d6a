/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with all tasks that it has made, and those that they have made: they end together (the key `with`). They are what is below a task of ours that does nothing else but have the
 * ledger above theirs (host_tasks.is_below): so nobody gets out of it, and it counts also when those in between have ended.
 */
#pragma once

#include <wharf/error.h>
#include <wharf/message.h>

/** The task that they will be below; parent: null, or the one it is below itself. */
kern_return_t family_make(mach_port_name_t parent, mach_port_name_t *family);
/** End all of them. */
void family_end(mach_port_name_t family);
/** The task itself is not needed any more. */
void family_drop(mach_port_name_t *family);
