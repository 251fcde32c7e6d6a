/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cores to a dump partition (dump.h), by a thread of their own: a disk takes its time, and its driver may be what has crashed. A driver
 * that is silent for ten seconds does not get the core; the next job is begun.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

/** Start the thread. */
kern_return_t dumper_begin(void);

/** Write a core: a memory entry with `size` bytes of it, and the block service; send rights, which are taken. False: one is being written, and two
 *  wait already; the rights stay the caller's. By the main thread. */
bool dumper_submit(mach_port_name_t service, uint32_t partition, mach_port_name_t core,
                   uint64_t size, const char *program);
