/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The range checks in front of usercopy.S. A kernel address never gets there; if it did, the
 * unprivileged access would still be refused by the MMU.
 */
#include <arch/mmu.h>
#include <arch/usercopy.h>

kern_return_t usercopy_in(void *dst, vaddr_t src, size_t n);
kern_return_t usercopy_out(vaddr_t dst, const void *src, size_t n);
kern_return_t usercopy_in_u32(uint32_t *value, vaddr_t src);

static bool is_user_range(vaddr_t start, size_t n)
{
    return n <= USER_VA_END && start <= USER_VA_END - n;
}

kern_return_t arch_copyin(void *dst, vaddr_t src, size_t n)
{
    return is_user_range(src, n) ? usercopy_in(dst, src, n) : KERN_INVALID_ADDRESS;
}

kern_return_t arch_copyout(vaddr_t dst, const void *src, size_t n)
{
    return is_user_range(dst, n) ? usercopy_out(dst, src, n) : KERN_INVALID_ADDRESS;
}

kern_return_t arch_copyin_u32(uint32_t *value, vaddr_t src)
{
    if (src % sizeof(*value) || !is_user_range(src, sizeof(*value)))
        return KERN_INVALID_ADDRESS;
    return usercopy_in_u32(value, src);
}
