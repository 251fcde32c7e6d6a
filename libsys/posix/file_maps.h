/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are mapped where, for msync: what the server has of their pages is not on the card yet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

/** The range, which showed no file, shows this one from here on. The open stays as long as some of it is mapped, as if by another descriptor. 0, ENOMEM. */
int file_maps_add(mach_port_name_t file, uint64_t address, uint64_t size);
/** vm.deallocate: the range shows no file any more. */
kern_return_t file_maps_unmap(uint64_t address, uint64_t size);
/** What was written to the files that the range shows is on their medium: as fsync says it. 0 or the first error, an errno. */
int file_maps_sync(uint64_t address, uint64_t size);
