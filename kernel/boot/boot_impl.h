/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the boot.
 */
#pragma once

#include <kern/boot.h>

/** Map RAM and start the frame allocator; `taken`: what is occupied beyond the board's
 *  reservations. */
void boot_memory(const struct board *board, const struct boot_options *options,
                 const struct dt_range *taken, unsigned taken_count);

/** Find a file of the initrd, a cpio archive in newc form. Returns its content, or NULL with the
 *  reason in *why. */
const void *initrd_find(const void *archive, size_t archive_size, const char *name, size_t *size,
                        const char **why);

struct task;
struct thread;
struct start_info;
/** Make the right to the initrd that programs get. Once, before the first of them. KERN_RESOURCE_SHORTAGE. */
kern_return_t boot_share_initrd(const struct dt_range *initrd);
/** Give a program that does not run yet its rights, and note their names in its start block. Errors of
 *  space_reserve(). */
kern_return_t boot_give_rights(struct task *task, struct thread *thread, struct start_info *block);
/** Load a static AArch64 ELF program into a fresh task and give it its first thread, not yet
 *  ready. KERN_BAD_FORMAT with a sentence in *why for everything that is wrong with the file. */
kern_return_t program_load(const void *file, size_t size, const char *name, const char *arguments,
                           struct task **out, const char **why);
