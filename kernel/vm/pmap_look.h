/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where user memory is in the direct map, for those who copy by it (pmap_copy.c, pmap_copy_memory.c). The pmap's lock is held for as long as
 * that is used.
 */
#pragma once

#include "pmap_impl.h"

/* What the kernel does does not go through the mapping: the page is marked by hand. */
static inline void pmap_mark(const pte_t *slot, pte_t pte, paddr_t pa, unsigned height,
                             unsigned flags)
{
    if (!(arch_pte_flags(pte) & PTE_UNMANAGED))
        atomic_fetch_or_explicit(&pmap_flags_frame(slot, round_down(pa, PAGE_SIZE), height)->flags,
                                 (uint16_t)flags, memory_order_relaxed);
}

static inline void pmap_mark_written(const pte_t *slot, pte_t pte, paddr_t pa, unsigned height)
{
    pmap_mark(slot, pte, pa, height, FRAME_FLAG_DIRTY | FRAME_FLAG_REFERENCED);
}

/* A mapping that is young says so itself. */
static inline void pmap_mark_read(const pte_t *slot, pte_t pte, paddr_t pa, unsigned height)
{
    if (unlikely(!(arch_pte_flags(pte) & PTE_YOUNG)))
        pmap_mark(slot, pte, pa, height, FRAME_FLAG_REFERENCED);
}

/* The kernel's view of memory there, if it may be used so. The lock is held. */
[[gnu::always_inline]] static inline void *pmap_look(struct pmap *pmap, vaddr_t va, unsigned prot)
{
    unsigned height;
    pte_t *slot = pmap_walk_down(pmap, va, 0, &height);
    pte_t pte = arch_pte_read(slot);
    if (unlikely(!arch_pte_serves(pte, prot)))
        return NULL;
    paddr_t pa = arch_pte_address(pte) + (va & (pmap_span(height) - 1));
    if (prot == PROT_WRITE) /* who takes the page's rights away waits until it is */
        pmap_mark_written(slot, pte, pa, height);
    else
        pmap_mark_read(slot, pte, pa, height);
    return phys_to_virt(pa);
}
