/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User copies for which pages are found first, if need be (kern/user_memory.h).
 */
#include <arch/usercopy.h>
#include <kern/map.h>
#include <kern/pmap.h>
#include <kern/task.h>
#include <kern/user_memory.h>

/* See that every page of the range is there, young, and allows the access. KERN_INVALID_ADDRESS, KERN_LIMIT,
 * KERN_RESOURCE_SHORTAGE, and as vm_fault(). */
static kern_return_t touch(struct thread *self, vaddr_t va, size_t n, unsigned prot)
{
    kern_return_t kr = KERN_SUCCESS;
    if (n == 0 || va >= USER_VA_END || n > USER_VA_END - va)
        return KERN_INVALID_ADDRESS;
    for (vaddr_t page = round_down(va, PAGE_SIZE); page < va + n && kr == KERN_SUCCESS;
         page += PAGE_SIZE)
        if (pmap_fault(self->task->pmap, page, prot) != KERN_SUCCESS)
            kr = vm_fault(self, self->task, page, prot);
    return kr == KERN_PROTECTION_FAILURE ? KERN_INVALID_ADDRESS : kr;
}

/* What was found may be replaced again before it is used, by who shares it: not many times in a row. */
enum { TRIES = 20 };

static kern_return_t touch_again(struct thread *self, vaddr_t va, size_t n, unsigned prot,
                                 unsigned tries)
{
    return tries < TRIES ? touch(self, va, n, prot) : KERN_INVALID_ADDRESS;
}

/* Drivers' address spaces show registers, which the kernel does not touch: a page is looked at before. */
[[gnu::noinline]] static kern_return_t copy_beside_devices(struct thread *self, void *kernel,
                                                           vaddr_t user, size_t n, unsigned prot)
{
    kern_return_t kr, copied;
    unsigned t = 0;
    do {
        copied = pmap_copy_memory(self->task->pmap, kernel, user, n, prot);
        kr = copied == KERN_SUCCESS              ? KERN_SUCCESS
             : copied == KERN_PROTECTION_FAILURE ? KERN_INVALID_ADDRESS
                                                 : touch_again(self, user, n, prot, t++);
    } while (kr == KERN_SUCCESS && copied != KERN_SUCCESS);
    return kr;
}

kern_return_t user_copyin(struct thread *self, void *dst, vaddr_t src, size_t n)
{
    kern_return_t kr = KERN_SUCCESS;
    if (unlikely(map_has_devices(&self->task->map)))
        return copy_beside_devices(self, dst, src, n, PROT_READ);
    for (unsigned t = 0; kr == KERN_SUCCESS && arch_copyin(dst, src, n) != KERN_SUCCESS; t++)
        kr = touch_again(self, src, n, PROT_READ, t);
    return kr;
}

kern_return_t user_copyout(struct thread *self, vaddr_t dst, const void *src, size_t n)
{
    kern_return_t kr = KERN_SUCCESS;
    if (unlikely(map_has_devices(&self->task->map)))
        return copy_beside_devices(self, (void *)(uintptr_t)src, dst, n, PROT_WRITE);
    for (unsigned t = 0; kr == KERN_SUCCESS && arch_copyout(dst, src, n) != KERN_SUCCESS; t++)
        kr = touch_again(self, dst, n, PROT_WRITE, t);
    return kr;
}

kern_return_t user_read_u32(struct thread *self, vaddr_t src, uint32_t *value)
{
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned t = 0; kr == KERN_SUCCESS && arch_copyin_u32(value, src) != KERN_SUCCESS; t++)
        kr = touch_again(self, src, sizeof(*value), PROT_READ, t);
    return kr;
}

kern_return_t user_peek_u32(struct thread *self, vaddr_t src, uint32_t *value)
{
    if (arch_copyin_u32(value, src) == KERN_SUCCESS)
        return KERN_SUCCESS;
    if (src >= USER_VA_END ||
        pmap_fault(self->task->pmap, round_down(src, PAGE_SIZE), PROT_READ) != KERN_SUCCESS)
        return KERN_INVALID_ADDRESS;
    return arch_copyin_u32(value, src);
}
