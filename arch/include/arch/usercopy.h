/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only way the kernel touches user memory by user address. Uses the current address space with
 * the user's own permissions. A fault inside does not enter the fault handler: the copy stops and
 * says so.
 */
#pragma once

#include <arch/mmu.h>
#include <kern/types.h>

/** First address that is not a user address. Every user range is checked against it. */
#define USER_VA_END ARCH_USER_VA_END

/** Copy between user and kernel memory. KERN_INVALID_ADDRESS: outside the user range, or something
 *  of it is not accessible; then an unspecified part has been copied. At most 8 KiB a call (D1). */
kern_return_t arch_copyin(void *dst, vaddr_t src, size_t n);
kern_return_t arch_copyout(vaddr_t dst, const void *src, size_t n);

/** Read one aligned 32-bit word, single-copy atomic (futex). */
kern_return_t arch_copyin_u32(uint32_t *value, vaddr_t src);
