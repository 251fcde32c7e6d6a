/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AArch64 translation tables behind arch/mmu.h: stage 1, 4 KiB granule, EL1&0. User space is TTBR0
 * with 39 bits (three
 * levels: root height 2), the kernel TTBR1 with 48 bits. Source: Arm ARM D8 (VMSAv8-64).
 *
 * Kernel addresses (48 bits, all from KERNEL_VA_BASE up):
 *   0xffff000000000000  direct map: physical address + DIRECT_MAP_BASE (16 TiB)
 *   0xffff800000000000  frame records, 48 bytes a frame
 *   0xffffc00000000000  device registers, page by page
 *   0xffffd00000000000  kernel stacks with guard pages
 *   0xffffffff80000000  the kernel image, 2 MiB aligned
 */
#pragma once

#include <kern/types.h>

#define ARCH_USER_ROOT_HEIGHT 2
#define ARCH_USER_VA_BITS     39
#define ARCH_USER_VA_END      (UINT64_C(1) << ARCH_USER_VA_BITS)

#define DIRECT_MAP_BASE    UINT64_C(0xffff000000000000)
#define DIRECT_MAP_SIZE    (UINT64_C(1) << 44) /* frame numbers are 32 bits */
#define FRAME_TABLE_BASE   UINT64_C(0xffff800000000000)
#define KERNEL_DEVICE_BASE UINT64_C(0xffffc00000000000)
#define KERNEL_DEVICE_SIZE (UINT64_C(1) << 30)
#define STACK_BASE         UINT64_C(0xffffd00000000000)
#define KERNEL_IMAGE_BASE  UINT64_C(0xffffffff80000000)

/* Descriptor bits, Arm ARM D8.3 */
#define PTE_VALID        (UINT64_C(1) << 0)
#define PTE_TABLE_BIT    (UINT64_C(1) << 1) /* table at heights > 0, page at height 0 */
#define PTE_ATTR(i)      ((uint64_t)(i) << 2)
#define PTE_AP_USER      (UINT64_C(1) << 6)
#define PTE_AP_READONLY  (UINT64_C(1) << 7)
#define PTE_SH_INNER     (UINT64_C(3) << 8)
#define PTE_SH_OUTER     (UINT64_C(2) << 8)
#define PTE_AF           (UINT64_C(1) << 10)
#define PTE_NG           (UINT64_C(1) << 11)
#define PTE_GP           (UINT64_C(1) << 50) /* guarded page: BTI, ignored by CPUs without */
#define PTE_CONT         (UINT64_C(1) << 52)
#define PTE_PXN          (UINT64_C(1) << 53)
#define PTE_UXN          (UINT64_C(1) << 54)
#define PTE_SW_WIRED     (UINT64_C(1) << 55) /* ignored by hardware */
#define PTE_SW_UNMANAGED (UINT64_C(1) << 56)
#define PTE_ADDRESS      UINT64_C(0x0000fffffffff000)

/* MAIR_EL1 indices; the values stand in MAIR_VALUE. The index of a type is its enum mem_type. */
#define MAIR_VALUE                                                                                 \
    (UINT64_C(0xff) << 0 /* normal, write-back */ | UINT64_C(0x44) << 8 /* normal, not cached */ | \
     UINT64_C(0x04) << 16 /* device nGnRE */ | UINT64_C(0x00) << 24 /* device nGnRnE */)

static inline bool arch_pte_is_valid(pte_t pte)
{
    return pte & PTE_VALID;
}

static inline bool arch_pte_is_table(pte_t pte, unsigned height)
{
    return height > 0 && (pte & (PTE_VALID | PTE_TABLE_BIT)) == (PTE_VALID | PTE_TABLE_BIT);
}

static inline paddr_t arch_pte_address(pte_t pte)
{
    return pte & PTE_ADDRESS;
}

static inline unsigned arch_pte_prot(pte_t pte)
{
    unsigned prot = 0;
    if (pte & PTE_AP_USER)
        prot |= PROT_READ | (pte & PTE_AP_READONLY ? 0 : PROT_WRITE);
    if (!(pte & PTE_UXN))
        prot |= PROT_EXECUTE;
    return prot;
}

static inline enum mem_type arch_pte_type(pte_t pte)
{
    return (enum mem_type)((pte >> 2) & 7);
}

static inline bool arch_pte_serves(pte_t pte, unsigned prot)
{
    pte_t wanted = PTE_VALID | PTE_AP_USER | PTE_ATTR(MEM_NORMAL);
    pte_t looked_at = PTE_VALID | PTE_AP_USER | PTE_ATTR(7);
    if (prot == PROT_WRITE)
        looked_at |= PTE_AP_READONLY;
    return (pte & looked_at) == wanted;
}

static inline unsigned arch_pte_flags(pte_t pte)
{
    return (pte & PTE_AF ? PTE_YOUNG : 0) | (pte & PTE_CONT ? PTE_RUN : 0) |
           (pte & PTE_SW_WIRED ? PTE_WIRED : 0) | (pte & PTE_SW_UNMANAGED ? PTE_UNMANAGED : 0);
}

static inline pte_t arch_pte_table(paddr_t table)
{
    return table | PTE_TABLE_BIT | PTE_VALID;
}

static inline pte_t arch_pte_leaf(paddr_t pa, unsigned prot, enum mem_type type, unsigned height,
                                  unsigned flags)
{
    pte_t pte = pa | PTE_VALID | PTE_ATTR(type) | PTE_NG | PTE_PXN;
    pte |= height == 0 ? PTE_TABLE_BIT : 0;
    pte |= type == MEM_NORMAL ? PTE_SH_INNER : PTE_SH_OUTER;
    /* Execute-only (no PTE_AP_USER) is possible: the kernel's unprivileged loads then fail as the
     * user's would. */
    pte |= prot & (PROT_READ | PROT_WRITE) ? PTE_AP_USER : 0;
    pte |= prot & PROT_WRITE ? 0 : PTE_AP_READONLY;
    pte |= prot & PROT_EXECUTE ? 0 : PTE_UXN;
    pte |= flags & PTE_YOUNG ? PTE_AF : 0;
    pte |= flags & PTE_RUN ? PTE_CONT : 0;
    pte |= flags & PTE_WIRED ? PTE_SW_WIRED : 0;
    pte |= flags & PTE_UNMANAGED ? PTE_SW_UNMANAGED : 0;
    return pte;
}

static inline pte_t arch_pte_read(const pte_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static inline void arch_pte_write(pte_t *slot, pte_t pte)
{
    __atomic_store_n(slot, pte, __ATOMIC_RELAXED);
}

static inline void arch_pte_sync(void)
{
    /* The walker must see the entry before the instruction after the next exception return uses
     * it; ERET is the context synchronisation. The ISB is for the kernel's own unprivileged
     * accesses. */
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

static inline void arch_tlb_begin(void)
{
    __asm__ volatile("dsb ishst" ::: "memory");
}

static inline void arch_tlb_flush_page(unsigned asid, vaddr_t va, unsigned height)
{
    (void)height; /* VALE1IS removes the last-level entry whatever its size, runs included */
    uint64_t op = (uint64_t)asid << 48 | ((va >> 12) & ((UINT64_C(1) << 44) - 1));
    __asm__ volatile("tlbi vale1is, %0" ::"r"(op) : "memory");
}

static inline void arch_tlb_flush_walks(unsigned asid, vaddr_t va)
{
    uint64_t op = (uint64_t)asid << 48 | ((va >> 12) & ((UINT64_C(1) << 44) - 1));
    __asm__ volatile("tlbi vae1is, %0" ::"r"(op) : "memory");
}

static inline void arch_tlb_flush_asid(unsigned asid)
{
    __asm__ volatile("tlbi aside1is, %0" ::"r"((uint64_t)asid << 48) : "memory");
}

static inline void arch_tlb_flush_all(void)
{
    __asm__ volatile("tlbi vmalle1is" ::: "memory");
}

static inline void arch_tlb_end(void)
{
    __asm__ volatile("dsb ish\n\tisb" ::: "memory");
}

/** Physical address of a table without entries: TTBR0 when no user address space is active.
 *  Constant after boot. */
extern uint64_t arch_empty_root;

static inline void arch_mmu_activate(paddr_t root, unsigned asid)
{
    /* TTBR0 carries the ASID (TCR.A1 = 0), so root and ASID change together. */
    __asm__ volatile("msr ttbr0_el1, %0\n\tisb" ::"r"(root | (uint64_t)asid << 48) : "memory");
}

static inline void arch_mmu_activate_noted(paddr_t root, unsigned asid, struct pmap **note,
                                           struct pmap *pmap)
{
    arch_mmu_activate(root, asid);
    /* A store is not seen by others before the ISB in front of it is over: it needs no release. */
    *(struct pmap *volatile *)note = pmap;
}

/* ESR_EL1, bits 5 to 0: 0b0010LL is an access flag fault at level LL. */
static inline bool arch_mmu_was_old(uint64_t code)
{
    return (code & 0x3c) == 0x08;
}

static inline void arch_mmu_deactivate(void)
{
    __asm__ volatile("msr ttbr0_el1, %0\n\tisb" ::"r"(arch_empty_root) : "memory");
}

static inline void *phys_to_virt(paddr_t pa)
{
    return (void *)(uintptr_t)(pa + DIRECT_MAP_BASE);
}

static inline paddr_t virt_to_phys(const void *direct_map_address)
{
    return (paddr_t)(uintptr_t)direct_map_address - DIRECT_MAP_BASE;
}

static inline void *arch_frame_table(void)
{
    return (void *)FRAME_TABLE_BASE;
}
