/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory by way of the direct map: copying straight from the current address space into another one, for messages
 * to a thread that waits with a buffer, and a piece of a page that the caller reads or writes. The pmap's lock is held
 * meanwhile, so that the frame stays the page's; a page at a time bounds that.
 */
#include "pmap_look.h"
#include <arch/cache.h>
#include <arch/usercopy.h>
#include <kern/string.h>

static inline bool is_in_one_page(vaddr_t va, size_t n)
{
    return va < USER_VA_END && va % 8 == 0 && (va & PAGE_MASK) + n <= PAGE_SIZE;
}

void *pmap_borrow(struct pmap *pmap, vaddr_t va, size_t n, unsigned prot)
{
    if (unlikely(!is_in_one_page(va, n)))
        return NULL;
    spin_lock(&pmap->lock);
    void *memory = pmap_look(pmap, va, prot);
    if (unlikely(!memory))
        spin_unlock(&pmap->lock);
    return memory;
}

void pmap_copy_bytes(char *restrict to, const char *restrict from, size_t n)
{
    enum { LINE = 64, MANY = 4 * LINE }; /* of fewer the vector registers are not worth it */
    size_t lines = n < MANY ? 0 : round_down(n, LINE);
    if (n == PAGE_SIZE && ((uintptr_t)to | (uintptr_t)from) % PAGE_SIZE == 0) {
        arch_copy_page(to, from);
        return;
    }
    if (lines != 0)
        arch_copy_lines(to, from, lines);
    memcpy(to + lines, from + lines, n - lines);
}

static size_t in_page(vaddr_t va, size_t n)
{
    size_t rest = PAGE_SIZE - (va & PAGE_MASK);
    return rest < n ? rest : n;
}

/* Two addresses may show one frame. */
static bool are_apart(const char *a, const char *b, size_t n)
{
    return (uintptr_t)a + n <= (uintptr_t)b || (uintptr_t)b + n <= (uintptr_t)a;
}

size_t pmap_copy_within(struct pmap *pmap, vaddr_t dst, vaddr_t src, size_t n)
{
    n = in_page(dst, in_page(src, n));
    spin_lock(&pmap->lock);
    const char *from = pmap_look(pmap, src, PROT_READ);
    char *to = from ? pmap_look(pmap, dst, PROT_WRITE) : NULL;
    const bool apart = to && are_apart(to, from, n);
    if (apart)
        pmap_copy_bytes(to, from, n);
    spin_unlock(&pmap->lock);
    return apart ? n : 0;
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
        pmap_mark_written(slot, pte, pa, height);
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
        void *memory = pmap_look(to, dst, PROT_WRITE);
        kern_return_t kr = likely(memory) ? arch_copyin(memory, src, n) : KERN_INVALID_ADDRESS;
        spin_unlock(&to->lock);
        return kr;
    }
    return copy_pages(to, dst, src, n);
}
