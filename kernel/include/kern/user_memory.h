/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between the kernel and the current thread's user memory. Pages that have not
 * been touched yet are found first (vm_fault()). KERN_INVALID_ADDRESS: not there, or not allowed, or registers of a device (but for
 * single words: futexes); KERN_LIMIT,
 * KERN_RESOURCE_SHORTAGE: there is no memory for a page. Any other error: it is a
 * pager's; KERN_RETRY: when the caller has unwound its trap and set it to be repeated, paged_wait() follows (thread->page.object is set).
 */
#pragma once

#include <kern/thread.h>
#include <kern/types.h>

kern_return_t user_copyin(struct thread *self, void *dst, vaddr_t src, size_t n);
kern_return_t user_copyout(struct thread *self, vaddr_t dst, const void *src, size_t n);
/** Whose fault a copy's failure was: one of the two errors; KERN_SUCCESS stays. */
static inline kern_return_t user_copy_error(kern_return_t kr, kern_return_t invalid,
                                            kern_return_t shortage)
{
    if (likely(kr == KERN_SUCCESS))
        return KERN_SUCCESS;
    return kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE ? shortage : invalid;
}
/** One aligned word, single-copy atomic. */
kern_return_t user_read_u32(struct thread *self, vaddr_t src, uint32_t *value);
/** The same under any lock below PMAP, for a page that was there a moment ago: it is not looked for. */
kern_return_t user_peek_u32(struct thread *self, vaddr_t src, uint32_t *value);
