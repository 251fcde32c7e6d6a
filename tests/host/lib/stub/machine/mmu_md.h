/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library tests have no page tables. The contract declares these functions static, so they are
 * defined, all alike.
 */
#pragma once

#include <kern/types.h>

#define ARCH_USER_ROOT_HEIGHT 2
#define ARCH_USER_VA_END      (UINT64_C(1) << 39)

#define NOTHING(type, name, ...)         \
    static inline type name(__VA_ARGS__) \
    {                                    \
        return (type)0;                  \
    }

NOTHING(bool, arch_pte_is_valid, pte_t)
NOTHING(bool, arch_pte_is_table, pte_t, unsigned)
NOTHING(paddr_t, arch_pte_address, pte_t)
NOTHING(unsigned, arch_pte_prot, pte_t)
NOTHING(enum mem_type, arch_pte_type, pte_t)
NOTHING(bool, arch_pte_serves, pte_t, unsigned)
NOTHING(unsigned, arch_pte_flags, pte_t)
NOTHING(pte_t, arch_pte_table, paddr_t)
NOTHING(pte_t, arch_pte_leaf, paddr_t, unsigned, enum mem_type, unsigned, unsigned)
NOTHING(pte_t, arch_pte_read, const pte_t *)
NOTHING(void, arch_pte_write, pte_t *, pte_t)
NOTHING(void, arch_pte_sync, void)
NOTHING(void, arch_tlb_begin, void)
NOTHING(void, arch_tlb_flush_page, unsigned, vaddr_t, unsigned)
NOTHING(void, arch_tlb_flush_walks, unsigned, vaddr_t)
NOTHING(void, arch_tlb_flush_asid, unsigned)
NOTHING(void, arch_tlb_flush_all, void)
NOTHING(void, arch_tlb_end, void)
NOTHING(void, arch_mmu_activate, paddr_t, unsigned)
NOTHING(void, arch_mmu_activate_noted, paddr_t, unsigned, struct pmap **, struct pmap *)
NOTHING(void, arch_mmu_deactivate, void)
NOTHING(bool, arch_mmu_was_old, uint64_t)
NOTHING(paddr_t, virt_to_phys, const void *)
#undef NOTHING

/* Of a test that has some memory (stub.h). */
extern void *stub_frames;
extern char *stub_memory;

static inline void *arch_frame_table(void)
{
    return stub_frames;
}

static inline void *phys_to_virt(paddr_t pa)
{
    return stub_memory + pa;
}
