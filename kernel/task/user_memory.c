/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User copies with the software access flag resolved (kern/user_memory.h).
 */
#include <arch/usercopy.h>
#include <kern/pmap.h>
#include <kern/task.h>
#include <kern/user_memory.h>

/* Make every page of the range young. KERN_INVALID_ADDRESS if one is not there or forbids the
 * access. */
static kern_return_t make_young(struct thread *self, vaddr_t va, size_t n, unsigned prot)
{
    if (n == 0 || va >= USER_VA_END || n > USER_VA_END - va)
        return KERN_INVALID_ADDRESS;
    for (vaddr_t page = round_down(va, PAGE_SIZE); page < va + n; page += PAGE_SIZE)
        if (pmap_fault(self->task->pmap, page, prot) != KERN_SUCCESS)
            return KERN_INVALID_ADDRESS;
    return KERN_SUCCESS;
}

kern_return_t user_copyin(struct thread *self, void *dst, vaddr_t src, size_t n)
{
    if (arch_copyin(dst, src, n) == KERN_SUCCESS)
        return KERN_SUCCESS;
    kern_return_t kr = make_young(self, src, n, PROT_READ);
    return kr == KERN_SUCCESS ? arch_copyin(dst, src, n) : kr;
}

kern_return_t user_copyout(struct thread *self, vaddr_t dst, const void *src, size_t n)
{
    if (arch_copyout(dst, src, n) == KERN_SUCCESS)
        return KERN_SUCCESS;
    kern_return_t kr = make_young(self, dst, n, PROT_WRITE);
    return kr == KERN_SUCCESS ? arch_copyout(dst, src, n) : kr;
}

kern_return_t user_read_u32(struct thread *self, vaddr_t src, uint32_t *value)
{
    if (arch_copyin_u32(value, src) == KERN_SUCCESS)
        return KERN_SUCCESS;
    kern_return_t kr = make_young(self, src, sizeof(*value), PROT_READ);
    return kr == KERN_SUCCESS ? arch_copyin_u32(value, src) : kr;
}
