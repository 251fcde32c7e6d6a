/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What others do about a process's locks of files (file_locks.c). Weak: there in programs that lock something.
 */
#pragma once

#include <wharf/message.h>

/** A descriptor for this open file is about to be given up: the process's locks of that file end. */
[[gnu::weak]] void file_locks_closing(mach_port_name_t file);
/** After fork, in the child: it has none of them. */
[[gnu::weak]] void file_locks_child(void);
/** They become those of a program that takes this one's place: its name for their owner, or MSG_NULL. */
[[gnu::weak]] mach_port_name_t file_locks_give(mach_port_name_t task);
/** The process ends: its locks have gone when others hear of it. */
[[gnu::weak]] void file_locks_leave(void);
/** It does not take it after all. */
[[gnu::weak]] void file_locks_take_back(mach_port_name_t task, mach_port_name_t owner);
