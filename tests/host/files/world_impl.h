/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the world share (world.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/message.h>

/** Whether this allocation is the one that fails (world_fail_at). */
bool world_fails(void);
/** A memory entry is of this. */
void world_set_memory(mach_port_name_t entry, uint64_t address);
/** Pages of vm.allocate. */
extern uint64_t world_mapped;
