/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache maintenance by address. Line sizes are read from CTR_EL0 at each call: the read costs less
 * than a load, and the value is right on whatever CPU and however early.
 */
#include <arch/cache.h>
#include <machine/sysreg.h>

/* CTR_EL0 */
enum {
    CTR_ILINE_SHIFT = 0,    /* log2 of words in the smallest instruction cache line */
    CTR_IPOLICY_SHIFT = 14, /* two bits: how the instruction cache finds a line */
    CTR_IPOLICY_PIPT = 3,   /* by physical address: any alias will do to invalidate it */
    CTR_DLINE_SHIFT = 16,   /* the same for data */
    CTR_IDC_SHIFT = 28,     /* 1: fetches see stores without cleaning the data cache */
    CTR_DIC_SHIFT = 29,     /* 1: ... and without invalidating the instruction cache */
};

static uint64_t line_bytes(uint64_t type, unsigned shift)
{
    return UINT64_C(4) << (type >> shift & 0xf);
}

/* Apply `op` to every line that [va, va + size) touches. */
#define FOR_EACH_LINE(op, va, size, line)                                                \
    do {                                                                                 \
        vaddr_t end_ = (vaddr_t)(va) + (size);                                           \
        for (vaddr_t at_ = round_down((vaddr_t)(va), (line)); at_ < end_; at_ += (line)) \
            asm volatile(op ", %0" : : "r"(at_) : "memory");                             \
    } while (0)

void arch_cache_sync_code(const void *va, size_t size)
{
    uint64_t type = sysreg_read(ctr_el0);
    if (!(type >> CTR_IDC_SHIFT & 1))
        FOR_EACH_LINE("dc cvau", va, size, line_bytes(type, CTR_DLINE_SHIFT));
    asm volatile("dsb ish" : : : "memory");
    /* `va` is the kernel's alias, which a cache indexed by virtual address (Cortex-A53) looks up
     * elsewhere. */
    if (!(type >> CTR_DIC_SHIFT & 1) && (type >> CTR_IPOLICY_SHIFT & 3) != CTR_IPOLICY_PIPT)
        asm volatile("ic ialluis" : : : "memory");
    else if (!(type >> CTR_DIC_SHIFT & 1))
        FOR_EACH_LINE("ic ivau", va, size, line_bytes(type, CTR_ILINE_SHIFT));
    asm volatile("dsb ish" : : : "memory");
    isb();
}

void arch_cache_clean(const void *va, size_t size)
{
    uint64_t line = line_bytes(sysreg_read(ctr_el0), CTR_DLINE_SHIFT);
    FOR_EACH_LINE("dc cvac", va, size, line);
    dsb_sy();
}

/* Never DC IVAC: it would throw away a neighbour's data in the lines at the ends. */
void arch_cache_clean_invalidate(const void *va, size_t size)
{
    uint64_t line = line_bytes(sysreg_read(ctr_el0), CTR_DLINE_SHIFT);
    FOR_EACH_LINE("dc civac", va, size, line);
    dsb_sy();
}
