/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory by way of the direct map: copying straight from the current address space into another one, for messages
 * to a thread that waits with a buffer, and a piece of a page that the caller reads or writes. The pmap's lock is held
 * meanwhile, so that the frame stays the page's; a page at a time bounds that.
 */
#include "pmap_impl.h"
#include <arch/usercopy.h>

/* The kernel's writes do not go through the mapping: the page is marked by hand. */
static inline void mark_written(const pte_t *slot, pte_t pte, paddr_t pa, unsigned height)
{
    if (!(arch_pte_flags(pte) & PTE_UNMANAGED))
        atomic_fetch_or_explicit(&pmap_flags_frame(slot, round_down(pa, PAGE_SIZE), height)->flags,
                                 FRAME_FLAG_DIRTY | FRAME_FLAG_REFERENCED, memory_order_relaxed);
}

static inline bool is_in_one_page(vaddr_t va, size_t n)
{
    return va < USER_VA_END && va % 8 == 0 && (va & PAGE_MASK) + n <= PAGE_SIZE;
}

/* The kernel's view of memory there, if it may be used so. The lock is held. */
[[gnu::always_inline]] static inline void *look(struct pmap *pmap, vaddr_t va, unsigned prot)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    pte_t pte = arch_pte_read(slot);
    if (unlikely(!arch_pte_serves(pte, prot)))
        return NULL;
    paddr_t pa = arch_pte_address(pte) + (va & (pmap_span(height) - 1));
    if (prot == PROT_WRITE) /* who takes the page's rights away waits until it is */
        mark_written(slot, pte, pa, height);
    return phys_to_virt(pa);
}

void *pmap_borrow(struct pmap *pmap, vaddr_t va, size_t n, unsigned prot)
{
    if (unlikely(!is_in_one_page(va, n)))
        return NULL;
    spin_lock(&pmap->lock);
    void *memory = look(pmap, va, prot);
    if (unlikely(!memory))
        spin_unlock(&pmap->lock);
    return memory;
}

/* One page's part. */
static inline kern_return_t copy_within_page(struct pmap *to, vaddr_t dst, vaddr_t src, size_t n)
{
    unsigned height;
    kern_return_t kr = KERN_INVALID_ADDRESS;
    spin_lock(&to->lock);
    pte_t *slot = pmap_walk_down(to, dst, 0, &height);
    pte_t pte = arch_pte_read(slot);
    if (likely(arch_pte_serves(pte, PROT_WRITE))) {
        paddr_t pa = arch_pte_address(pte) + (dst & (pmap_span(height) - 1));
        kr = arch_copyin(phys_to_virt(pa), src, n);
        mark_written(slot, pte, pa, height);
    }
    spin_unlock(&to->lock);
    return kr;
}

/* Any number of pages. */
[[gnu::noinline]] static kern_return_t copy_pages(struct pmap *to, vaddr_t dst, vaddr_t src,
                                                  size_t n)
{
    if (dst >= USER_VA_END || n > USER_VA_END - dst)
        return KERN_INVALID_ADDRESS;
    while (n > 0) {
        size_t part = PAGE_SIZE - (dst & PAGE_MASK);
        if (part > n)
            part = n;
        kern_return_t kr = copy_within_page(to, dst, src, part);
        if (kr != KERN_SUCCESS)
            return kr;
        dst += part;
        src += part;
        n -= part;
    }
    return KERN_SUCCESS;
}

kern_return_t pmap_copy_across(struct pmap *to, vaddr_t dst, vaddr_t src, size_t n)
{
    if (likely(is_in_one_page(dst, n) && spin_trylock(&to->lock))) {
        void *memory = look(to, dst, PROT_WRITE);
        kern_return_t kr = likely(memory) ? arch_copyin(memory, src, n) : KERN_INVALID_ADDRESS;
        spin_unlock(&to->lock);
        return kr;
    }
    return copy_pages(to, dst, src, n);
}

/* ---- for address spaces that show registers of devices ---- */

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
        void *memory = look(to, dst, PROT_WRITE);
        kr = memory ? copy_if_memory(from, memory, src, part, PROT_READ) : KERN_INVALID_ADDRESS;
        spin_unlock_pair(&from->lock, &to->lock);
        dst += part;
        src += part;
        n -= part;
    }
    return kr;
}
