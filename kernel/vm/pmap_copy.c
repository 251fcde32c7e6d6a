/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory by way of the direct map: copying straight from the current address space into another one, for messages
 * to a thread that waits with a buffer, and a piece of a page that the caller reads or writes. The pmap's lock is held
 * meanwhile, so that the frame stays the page's; a page at a time bounds that.
 */
#include "pmap_impl.h"
#include <arch/usercopy.h>

/* The kernel's writes do not go through the mapping: the page is marked by hand. */
static void mark_written(const pte_t *slot, pte_t pte, paddr_t pa, unsigned height)
{
    if (!(arch_pte_flags(pte) & PTE_UNMANAGED))
        atomic_fetch_or_explicit(&pmap_flags_frame(slot, round_down(pa, PAGE_SIZE), height)->flags,
                                 FRAME_FLAG_DIRTY | FRAME_FLAG_REFERENCED, memory_order_relaxed);
}

void *pmap_borrow(struct pmap *pmap, vaddr_t va, size_t n, unsigned prot)
{
    unsigned height;
    if (va >= USER_VA_END || va % 8 != 0 || (va & PAGE_MASK) + n > PAGE_SIZE)
        return NULL;
    spin_lock(&pmap->lock);
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    pte_t pte = arch_pte_read(slot);
    if (likely(arch_pte_serves(pte, prot))) {
        paddr_t pa = arch_pte_address(pte) + (va & (pmap_span(height) - 1));
        if (prot == PROT_WRITE) /* who takes the page's rights away waits until it is */
            mark_written(slot, pte, pa, height);
        return phys_to_virt(pa);
    }
    spin_unlock(&pmap->lock);
    return NULL;
}

/* One page's part. */
static kern_return_t copy_within_page(struct pmap *to, vaddr_t dst, vaddr_t src, size_t n)
{
    unsigned height;
    kern_return_t kr = KERN_INVALID_ADDRESS;
    spin_lock(&to->lock);
    pte_t *slot = pmap_walk(to, dst, 0, &height);
    pte_t pte = slot ? arch_pte_read(slot) : PTE_NONE;
    if (!arch_pte_is_table(pte, height) && arch_pte_serves(pte, PROT_WRITE)) {
        paddr_t pa = arch_pte_address(pte) + (dst & (pmap_span(height) - 1));
        kr = arch_copyin(phys_to_virt(pa), src, n);
        mark_written(slot, pte, pa, height);
    }
    spin_unlock(&to->lock);
    return kr;
}

kern_return_t pmap_copy_across(struct pmap *to, vaddr_t dst, vaddr_t src, size_t n)
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
