/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies for address spaces that show registers of devices (kern/pmap.h: pmap_copy_memory()): a page is looked at under the lock before it is
 * touched.
 */
#include "pmap_look.h"
#include <arch/usercopy.h>

/* Not registers: to read those does something, and may take a microsecond a word. What is not mapped the copy finds out. The lock is held. */
static bool is_memory(struct pmap *pmap, vaddr_t va)
{
    unsigned height;
    pte_t pte = arch_pte_read(pmap_walk_down(pmap, va, 0, &height));
    if (!arch_pte_is_valid(pte) || arch_pte_type(pte) == MEM_NORMAL)
        return true;
    paddr_t pa = arch_pte_address(pte) + (va & (pmap_span(height) - 1));
    return arch_pte_type(pte) == MEM_UNCACHED && frame_is_managed(pa); /* devices write to it */
}

static size_t in_page(vaddr_t va, size_t n)
{
    size_t rest = PAGE_SIZE - (va & PAGE_MASK);
    return rest < n ? rest : n;
}

static bool is_user_range(vaddr_t va, size_t n)
{
    return n <= USER_VA_END && va <= USER_VA_END - n;
}

/* The lock is held. */
static kern_return_t copy_if_memory(struct pmap *pmap, char *kernel, vaddr_t user, size_t n,
                                    unsigned prot)
{
    if (!is_memory(pmap, user))
        return KERN_PROTECTION_FAILURE;
    return prot == PROT_WRITE ? arch_copyout(user, kernel, n) : arch_copyin(kernel, user, n);
}

kern_return_t pmap_copy_memory(struct pmap *pmap, void *kernel, vaddr_t user, size_t n,
                               unsigned prot)
{
    char *at = kernel;
    kern_return_t kr = is_user_range(user, n) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    while (n > 0 && kr == KERN_SUCCESS) {
        size_t part = in_page(user, n);
        spin_lock(&pmap->lock);
        kr = copy_if_memory(pmap, at, user, part, prot);
        spin_unlock(&pmap->lock);
        at += part;
        user += part;
        n -= part;
    }
    return kr;
}

kern_return_t pmap_copy_memory_across(struct pmap *from, struct pmap *to, vaddr_t dst, vaddr_t src,
                                      size_t n)
{
    bool good = is_user_range(src, n) && is_user_range(dst, n);
    kern_return_t kr = good ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    while (n > 0 && kr == KERN_SUCCESS) {
        size_t part = in_page(dst, in_page(src, n));
        spin_lock_pair(&from->lock, &to->lock);
        void *memory = pmap_look(to, dst, PROT_WRITE);
        kr = memory ? copy_if_memory(from, memory, src, part, PROT_READ) : KERN_INVALID_ADDRESS;
        spin_unlock_pair(&from->lock, &to->lock);
        dst += part;
        src += part;
        n -= part;
    }
    return kr;
}
