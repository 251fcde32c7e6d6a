/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The spin-table protocol: a CPU waits in WFE, its caches off, until the slot that the device tree
 * names holds an address, and jumps there.
 *
 * The slot usually lies in a reserved page of RAM that the direct map covers. It is written through
 * the direct map and cleaned to the point of coherency; a second, uncached mapping would be an
 * alias with other attributes. Nothing else in the line is ever dirty: the only writes to that page
 * while our caches are on are those here.
 */
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/mmu.h>
#include <kern/dt.h>
#include <machine/mmio.h>
#include <machine/smp_md.h>
#include <machine/sysreg.h>

static bool range_holds(const struct dt_range *range, paddr_t pa, uint64_t size)
{
    return pa >= range->base && range->size >= size && pa - range->base <= range->size - size;
}

/* The slot is in RAM that the direct map covers: in a bank, and not in a no-map reservation. */
static bool in_direct_map(const struct board *board, paddr_t pa)
{
    for (unsigned i = 0; i < board->reservation_count; i++) {
        const struct dt_reservation *reservation = &board->reservations[i];
        if (reservation->no_map && range_holds(&reservation->range, pa, 1))
            return false;
    }
    for (unsigned i = 0; i < board->bank_count; i++) {
        if (range_holds(&board->banks[i], pa, sizeof(uint64_t)))
            return true;
    }
    return false;
}

kern_return_t spin_table_start(paddr_t slot, paddr_t entry, const struct board *board)
{
    if (slot % sizeof(uint64_t))
        return KERN_NOT_SUPPORTED;
    if (in_direct_map(board, slot)) {
        uint64_t *cached = phys_to_virt(slot);
        __atomic_store_n(cached, entry, __ATOMIC_RELAXED);
        arch_cache_clean(cached, sizeof(*cached));
    } else {
        volatile void *device = arch_map_device(slot, sizeof(uint64_t));
        if (!device)
            return KERN_RESOURCE_SHORTAGE;
        mmio_write64(device, 0, entry);
    }
    dsb_sy();
    asm volatile("sev" : : : "memory");
    return KERN_SUCCESS;
}
