/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory by user address: page by page through the simulated MMU of this CPU.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/usercopy.h>
#include <machine/host_mmu.h>

static kern_return_t copy(char *kernel, vaddr_t va, size_t n, unsigned access)
{
    if (va >= ARCH_USER_VA_END || n > ARCH_USER_VA_END - va)
        return KERN_INVALID_ADDRESS;
    while (n > 0) {
        size_t part = PAGE_SIZE - (va & PAGE_MASK);
        if (part > n)
            part = n;
        if (host_user_access(host_cpu_index(), va, access, kernel, part) != HOST_FAULT_NONE)
            return KERN_INVALID_ADDRESS;
        kernel += part;
        va += part;
        n -= part;
    }
    return KERN_SUCCESS;
}

kern_return_t arch_copyin(void *dst, vaddr_t src, size_t n)
{
    return copy(dst, src, n, PROT_READ);
}

kern_return_t arch_copyout(vaddr_t dst, const void *src, size_t n)
{
    return copy((char *)(uintptr_t)src, dst, n, PROT_WRITE);
}

kern_return_t arch_copyin_u32(uint32_t *value, vaddr_t src)
{
    if (src % sizeof(uint32_t) != 0)
        return KERN_INVALID_ADDRESS;
    return copy((char *)value, src, sizeof(*value), PROT_READ);
}
