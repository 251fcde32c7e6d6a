/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process stands: its root, its current directory, the mask of modes, and the descriptors it is started with. A program that nobody gave a root asks the service `files` for it when it first
 * needs one; if there is none, no path leads anywhere (ENOENT).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wharf/message.h>

/** For descriptors.c: calls put() for each; false: there is no such list. */
bool place_descriptors(void (*put)(int number, mach_port_name_t port, uint32_t flags));

/** Directory ports, which stay good until place_change(). MSG_NULL: there is none. */
mach_port_name_t place_root(void);
mach_port_name_t place_current(void);
/** The current directory from now on; the reference is taken. */
void place_change(mach_port_name_t directory);
extern _Atomic mode_t place_umask;
