/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between the kernel and the current thread's user memory. A page that is only marked old
 * (software access flag) is made young and the copy repeated; everything else that does not work is
 * KERN_INVALID_ADDRESS.
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

kern_return_t user_copyin(struct thread *self, void *dst, vaddr_t src, size_t n);
kern_return_t user_copyout(struct thread *self, vaddr_t dst, const void *src, size_t n);
/** One aligned word, single-copy atomic. */
kern_return_t user_read_u32(struct thread *self, vaddr_t src, uint32_t *value);
