/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 and GICv4 by system registers. All our lines are in (non-secure) group 1. LPIs, the ITS and
 * extended line ranges are not used.
 *
 * Redistributors are found by walking the regions the tree lists, one frame after the other, and
 * comparing affinities; never by assuming an order. Frames are mapped while they are walked, for a
 * region may be much larger than the frames in it.
 */
#include "irq_impl.h"

#include <arch/boot.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/panic.h>

enum { GICD_IROUTER = 0x6000 }; /* 8 bytes a line: affinity */

enum { GICD_CTLR_GROUP1 = 1 << 1, GICD_CTLR_ARE = 1 << 4 };
#define GICD_CTLR_RWP (UINT32_C(1) << 31)

/* Redistributor: one 64 KiB page for control, one for the private lines. */
enum { GICR_CTLR = 0x00, GICR_TYPER = 0x08, GICR_WAKER = 0x14, GICR_SGI_PAGE = 0x10000 };
enum {
    GICR_CTLR_RWP = 1 << 3,
    GICR_TYPER_VLPIS = 1 << 1, /* two more pages */
    GICR_TYPER_LAST = 1 << 4,
    GICR_WAKER_SLEEP = 1 << 1,
    GICR_WAKER_ASLEEP = 1 << 2,
    GICR_FRAME_SIZE = 0x20000,
};

enum { ICC_SRE_ENABLE = 1 << 0, ICC_CTLR_SPLIT_EOI = 1 << 1, ICC_CTLR_RSS = 1 << 18 };

/* No register here takes longer than a few microseconds to settle. */
#define SETTLE_US 10000

/* Redistributors by the affinity of their CPU. Written by gicv3_init(). */
static struct redistributor {
    uint64_t hwid;
    volatile void *base;
} redistributors[DT_MAX_CPUS];
static unsigned redistributor_count;

static volatile void *own_redistributor(void)
{
    return (volatile void *)arch_cpu_self()->arch.gic_redist;
}

/* Wait until the bits `mask` of a register are 0. False: they stayed for SETTLE_US. */
static bool wait_clear(volatile void *base, unsigned offset, uint32_t mask)
{
    ticks_t start = arch_counter();
    ticks_t limit = timer_ticks_of_us(SETTLE_US);
    while (mmio_read32(base, offset) & mask) {
        if (arch_counter() - start > limit)
            return false;
    }
    return true;
}

static struct redistributor *find_redistributor(uint64_t hwid)
{
    for (unsigned i = 0; i < redistributor_count; i++) {
        if (redistributors[i].hwid == hwid)
            return &redistributors[i];
    }
    return NULL;
}

bool gicv3_reaches_cpu(uint64_t hwid)
{
    /* SGIs name at most 16 CPUs of a cluster unless the CPU interface can select a range. */
    bool far = (hwid & 0xff) >= 16;
    if (far && !(sysreg_read(SYSREG_ICC_CTLR) & ICC_CTLR_RSS))
        return false;
    return find_redistributor(hwid) != NULL;
}

/* GICR_TYPER's affinity (63:32 = Aff3..Aff0) in the order of MPIDR. */
static uint64_t hwid_of_type(uint64_t type)
{
    uint64_t affinity = type >> 32;
    return (affinity & 0xff000000) << 8 | (affinity & 0x00ffffff);
}

/* Note the redistributors of one region. */
static void walk_region(const struct dt_range *region, uint64_t stride)
{
    uint64_t offset = 0;
    while (region->size >= GICR_FRAME_SIZE && offset <= region->size - GICR_FRAME_SIZE &&
           redistributor_count < array_count(redistributors)) {
        volatile void *base = arch_map_device(region->base + offset, GICR_FRAME_SIZE);
        if (!base)
            return;
        uint64_t type = mmio_read64(base, GICR_TYPER);
        redistributors[redistributor_count++] = (struct redistributor){hwid_of_type(type), base};
        if (type & GICR_TYPER_LAST)
            return;
        uint64_t frame = type & GICR_TYPER_VLPIS ? 2 * GICR_FRAME_SIZE : GICR_FRAME_SIZE;
        offset += stride >= frame ? stride : frame;
    }
}

/* The system register interface is there and may be used. */
static bool enable_system_registers(void)
{
    sysreg_write(SYSREG_ICC_SRE, sysreg_read(SYSREG_ICC_SRE) | ICC_SRE_ENABLE);
    isb();
    return sysreg_read(SYSREG_ICC_SRE) & ICC_SRE_ENABLE;
}

static kern_return_t check_cpu_interface(void)
{
    if (!(sysreg_read(id_aa64pfr0_el1) >> 24 & 0xf))
        return KERN_NOT_SUPPORTED; /* this CPU has no GIC system registers */
    return enable_system_registers() ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
}

kern_return_t gicv3_init(const struct board *board)
{
    const struct board_gic *gic = &board->gic;
    volatile void *gicd = irq_controller.distributor;
    uint64_t self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
    kern_return_t kr = check_cpu_interface();
    if (kr != KERN_SUCCESS)
        return kr;
    for (unsigned i = 0; i < gic->gicr_count; i++)
        walk_region(&gic->gicr[i], gic->gicr_stride);
    if (!find_redistributor(self))
        return KERN_NOT_FOUND;

    mmio_write32(gicd, GICD_CTLR, 0);
    if (!wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP))
        return KERN_FAILURE;
    mmio_write32(gicd, GICD_CTLR, GICD_CTLR_ARE); /* before any IROUTER is written */
    irq_reset_shared_lines(UINT32_MAX);
    for (unsigned irq = SPI_FIRST; irq < irq_controller.line_count; irq++)
        mmio_write64(gicd, GICD_IROUTER + 8 * irq, self);
    if (!wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP))
        return KERN_FAILURE;
    mmio_write32(gicd, GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GROUP1);
    return KERN_SUCCESS;
}

/* Active priorities that the firmware may have left. How many registers there are depends on the
 * number of preemption levels. */
static void clear_active_priorities(void)
{
    unsigned priority_bits = (sysreg_read(SYSREG_ICC_CTLR) >> 8 & 7) + 1;
    sysreg_write(SYSREG_ICC_AP1R0, 0);
    if (priority_bits >= 6)
        sysreg_write(SYSREG_ICC_AP1R1, 0);
    if (priority_bits >= 7) {
        sysreg_write(SYSREG_ICC_AP1R2, 0);
        sysreg_write(SYSREG_ICC_AP1R3, 0);
    }
}

static void cpu_interface_init(void)
{
    bool usable = enable_system_registers();
    assert(usable);
    sysreg_write(SYSREG_ICC_IGRPEN1, 0);
    isb();
    clear_active_priorities();
    sysreg_write(SYSREG_ICC_PMR, PRIORITY_THRESHOLD);
    sysreg_write(SYSREG_ICC_BPR1, 0);
    sysreg_write(SYSREG_ICC_CTLR, ICC_CTLR_SPLIT_EOI);
    isb();
    sysreg_write(SYSREG_ICC_IGRPEN1, 1);
    isb();
}

/* arch_smp_start() starts only CPUs that have a redistributor. */
void gicv3_cpu_init(void)
{
    struct redistributor *own = find_redistributor(sysreg_read(mpidr_el1) & MPIDR_AFFINITY);
    assert(own != NULL);
    volatile void *base = own->base;
    mmio_write32(base, GICR_WAKER, mmio_read32(base, GICR_WAKER) & ~(uint32_t)GICR_WAKER_SLEEP);
    bool awake = wait_clear(base, GICR_WAKER, GICR_WAKER_ASLEEP);
    assert(awake);
    irq_reset_private_lines((volatile char *)base + GICR_SGI_PAGE, UINT32_MAX);
    (void)wait_clear(base, GICR_CTLR, GICR_CTLR_RWP);
    arch_cpu_self()->arch.gic_redist = (vaddr_t)base;
    cpu_interface_init();
}

void gicv3_cpu_disable(void)
{
    sysreg_write(SYSREG_ICC_IGRPEN1, 0);
    isb();
}

volatile void *gicv3_private_base(void)
{
    return (volatile char *)own_redistributor() + GICR_SGI_PAGE;
}

void gicv3_wait_disabled(unsigned irq)
{
    if (irq < SPI_FIRST)
        (void)wait_clear(own_redistributor(), GICR_CTLR, GICR_CTLR_RWP);
    else
        (void)wait_clear(irq_controller.distributor, GICD_CTLR, GICD_CTLR_RWP);
}

kern_return_t gicv3_route(unsigned irq, unsigned cpu)
{
    if (!cpu_record[cpu].arch.gic_redist)
        return KERN_INVALID_ARGUMENT;
    mmio_write64(irq_controller.distributor, GICD_IROUTER + 8 * irq, cpu_record[cpu].hwid);
    return KERN_SUCCESS;
}

void gicv3_send_sgi(const struct cpu *target, unsigned sgi)
{
    uint64_t hwid = target->hwid;
    uint64_t aff0 = hwid & 0xff, aff1 = hwid >> 8 & 0xff;
    uint64_t aff2 = hwid >> 16 & 0xff, aff3 = hwid >> 32 & 0xff;
    uint64_t range = aff0 >> 4;
    sysreg_write(SYSREG_ICC_SGI1R, aff3 << 48 | range << 44 | aff2 << 32 | (uint64_t)sgi << 24 |
                                       aff1 << 16 | UINT64_C(1) << (aff0 & 15));
    isb();
}
