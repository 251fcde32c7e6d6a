/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a client shares with its driver: rings, and data for the device (interfaces/block.defs, tty.defs). It is the client's,
 * and outlives the driver. A child does not get it: it would have the driver's answers in some of its pages, and not in others.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

/** `size` bytes (whole pages) of new memory, zero, at *at, and a memory entry of it, to be given to the driver. Errors: vm.allocate, vm.make_entry; *at: not
 *  0 after an error too, if there is memory to be given back. */
kern_return_t client_area_make(uint64_t size, void **at, mach_port_name_t *entry);
/** Give both back; what there is of them. */
void client_area_release(void *at, uint64_t size, mach_port_name_t entry);
