/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of open files that are mapped to be read by read(): the kernel copies from there, and nobody else has to (file.claim).
 */
#pragma once

#include <stdint.h>
#include <wharf/message.h>

/** Bytes of a file whose mappings show what it contains. Returns how many were copied: the others could not be had in this way, and its server may know why. */
uint32_t file_view_copy(mach_port_name_t file, uint64_t offset, void *to, uint32_t size);
/** A descriptor for this open file is about to be given up: nothing of it stays mapped. Weak: there in programs that read. */
[[gnu::weak]] void file_views_closing(mach_port_name_t file);
/** After fork, in the child: it has none of them. */
[[gnu::weak]] void file_views_child(void);
