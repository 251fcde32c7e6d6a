/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process stands: its root, its current directory, the mask of modes. What it is started with, and passes on, goes through
 * process.h. A program that nobody gave a root asks the service `files` for it when it first
 * needs one; if there is none, no path leads anywhere (ENOENT).
 */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>
#include <wharf/message.h>

/** Directory ports, which stay good until place_change(). MSG_NULL: there is none. */
mach_port_name_t place_root(void);
mach_port_name_t place_current(void);
/** The current directory from now on; the reference is taken. */
void place_change(mach_port_name_t directory);
extern _Atomic mode_t place_umask;
