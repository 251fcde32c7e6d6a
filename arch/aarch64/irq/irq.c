/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller, as the contract arch/irq.h has it, on a GICv2 or GICv3.
 *
 * Invariants
 * Q1  End of interrupt is split. The kernel writes EOIR (priority drop) for each interrupt before
 *     anything handles it, so no handler ever runs at raised priority and none blocks another.
 * Q2  SGIs and the timer are deactivated here; every other interrupt stays active, and cannot
 *     fire, until arch_irq_deactivate().
 * Q3  Enables, pending and active bits are set and cleared by registers where writing 0 does
 *     nothing: no lock. Only the trigger registers are read, changed and written: IRQ lock.
 */
#include "irq_impl.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/cpu.h>
#include <kern/spinlock.h>
#include <machine/smp_md.h>

struct irq_controller irq_controller;
static struct spinlock trigger_lock = SPINLOCK_INIT(LOCK_IRQ); /* GICD_ICFGR */

/* The registers that hold the bits of `irq`. */
static volatile void *registers_of(unsigned irq)
{
    if (irq_controller.is_v3 && irq < SPI_FIRST)
        return gicv3_private_base();
    return irq_controller.distributor;
}

static void write_bit(unsigned array, unsigned irq)
{
    mmio_write32(registers_of(irq), array + irq / 32 * 4, UINT32_C(1) << irq % 32);
}

/* ---- set-up ---- */

static void fill(volatile void *base, unsigned array, unsigned first, unsigned end,
                 unsigned bits_per_line, uint32_t value)
{
    for (unsigned irq = first; irq < end; irq += 32 / bits_per_line)
        mmio_write32(base, array + irq * bits_per_line / 8, value);
}

#define FOUR_BYTES(byte) ((byte)*UINT32_C(0x01010101))

void irq_reset_shared_lines(uint32_t group)
{
    volatile void *base = irq_controller.distributor;
    unsigned end = irq_controller.line_count;
    fill(base, GICD_ICENABLER, SPI_FIRST, end, 1, UINT32_MAX);
    fill(base, GICD_ICPENDR, SPI_FIRST, end, 1, UINT32_MAX);
    fill(base, GICD_ICACTIVER, SPI_FIRST, end, 1, UINT32_MAX);
    fill(base, GICD_IGROUPR, SPI_FIRST, end, 1, group);
    fill(base, GICD_ICFGR, SPI_FIRST, end, 2, 0);
    fill(base, GICD_IPRIORITYR, SPI_FIRST, end, 8, FOUR_BYTES(PRIORITY_DEVICE));
}

void irq_reset_private_lines(volatile void *base, uint32_t group)
{
    unsigned timer = irq_controller.timer_line;
    fill(base, GICD_ICENABLER, 0, SPI_FIRST, 1, UINT32_MAX);
    fill(base, GICD_ICPENDR, 0, SPI_FIRST, 1, UINT32_MAX);
    fill(base, GICD_ICACTIVER, 0, SPI_FIRST, 1, UINT32_MAX);
    fill(base, GICD_IGROUPR, 0, SPI_FIRST, 1, group);
    fill(base, GICD_IPRIORITYR, 0, PPI_FIRST, 8, FOUR_BYTES(PRIORITY_KERNEL));
    fill(base, GICD_IPRIORITYR, PPI_FIRST, SPI_FIRST, 8, FOUR_BYTES(PRIORITY_DEVICE));
    mmio_write8(base, GICD_IPRIORITYR + timer, PRIORITY_KERNEL);
    mmio_write32(base, GICD_ISENABLER, 1u << SGI_IPI | 1u << SGI_STOP);
}

/* Map the distributor and read how many lines it has. */
static kern_return_t find_distributor(const struct board_gic *gic)
{
    irq_controller.distributor = arch_map_device(gic->gicd.base, gic->gicd.size);
    if (!irq_controller.distributor)
        return KERN_RESOURCE_SHORTAGE;
    uint32_t type = mmio_read32(irq_controller.distributor, GICD_TYPER);
    unsigned count = 32 * ((type & 0x1f) + 1);
    irq_controller.line_count = count < SPECIAL_FIRST ? count : SPECIAL_FIRST;
    return KERN_SUCCESS;
}

static kern_return_t init_kind(const struct board *board)
{
    const struct board_gic *gic = &board->gic;
    if (gic->kind != BOARD_GIC_V2 && gic->kind != BOARD_GIC_V3)
        return KERN_NOT_SUPPORTED;
    uint64_t size_needed = gic->kind == BOARD_GIC_V3 ? 0x10000 : 0x1000;
    if (gic->gicd.size < size_needed)
        return KERN_NOT_SUPPORTED;
    kern_return_t kr = find_distributor(gic);
    if (kr != KERN_SUCCESS)
        return kr;
    irq_controller.is_v3 = gic->kind == BOARD_GIC_V3;
    return irq_controller.is_v3 ? gicv3_init(board) : gicv2_init(gic);
}

kern_return_t arch_irq_init(const struct board *board)
{
    const struct board_irq *timer = &board->timer.virt;
    if (timer->trigger == BOARD_TRIGGER_NONE || timer->intid < PPI_FIRST ||
        timer->intid >= SPI_FIRST)
        return KERN_NOT_SUPPORTED;
    irq_controller.timer_line = timer->intid;
    kern_return_t kr = init_kind(board);
    if (kr != KERN_SUCCESS)
        irq_controller.line_count = 0;
    return kr;
}

void arch_irq_cpu_init(void)
{
    if (irq_controller.is_v3)
        gicv3_cpu_init();
    else
        gicv2_cpu_init();
}

void irq_cpu_disable(void)
{
    if (!irq_controller.line_count)
        return;
    if (irq_controller.is_v3)
        gicv3_cpu_disable();
    else
        gicv2_cpu_disable();
}

/* ---- lines ---- */

unsigned arch_irq_count(void)
{
    return irq_controller.line_count;
}

void arch_irq_unmask(unsigned irq)
{
    if (irq < irq_controller.line_count)
        write_bit(GICD_ISENABLER, irq);
}

void arch_irq_mask(unsigned irq)
{
    if (irq >= irq_controller.line_count)
        return;
    write_bit(GICD_ICENABLER, irq);
    if (irq_controller.is_v3)
        gicv3_wait_disabled(irq);
}

bool arch_irq_is_raised(unsigned irq)
{
    if (irq >= irq_controller.line_count)
        return false;
    dsb_sy(); /* what silenced the device has reached it: as before a deactivation, whose line this tells of */
    return mmio_read32(registers_of(irq), GICD_ISPENDR + irq / 32 * 4) >> irq % 32 & 1;
}

kern_return_t arch_irq_configure(unsigned irq, enum irq_trigger trigger)
{
    if (irq < SPI_FIRST || irq >= irq_controller.line_count ||
        (trigger != IRQ_LEVEL && trigger != IRQ_EDGE))
        return KERN_INVALID_ARGUMENT;
    unsigned offset = GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = UINT32_C(2) << irq % 16 * 2;
    spin_lock(&trigger_lock);
    uint32_t old = mmio_read32(irq_controller.distributor, offset);
    mmio_write32(irq_controller.distributor, offset, trigger == IRQ_EDGE ? old | bit : old & ~bit);
    spin_unlock(&trigger_lock);
    return KERN_SUCCESS;
}

void arch_irq_forget(unsigned irq)
{
    if (irq >= SPI_FIRST && irq < irq_controller.line_count)
        write_bit(GICD_ICPENDR, irq);
}

kern_return_t arch_irq_route(unsigned irq, unsigned cpu)
{
    if (irq < SPI_FIRST || irq >= irq_controller.line_count || cpu >= cpu_count)
        return KERN_INVALID_ARGUMENT;
    return irq_controller.is_v3 ? gicv3_route(irq, cpu) : gicv2_route(irq, cpu);
}

/*
 * A shared line may be deactivated by a CPU other than the one that took it. ICC_DIR of GICv3 is
 * specified to do that. For GICv2's GICC_DIR we have seen it only in QEMU, so the distributor's own
 * register is used, which has the same effect and knows no CPU.
 */
void arch_irq_deactivate(unsigned irq)
{
    if (irq >= irq_controller.line_count)
        return;
    dsb_sy(); /* what silenced the device has reached it */
    if (irq_controller.is_v3)
        sysreg_write(SYSREG_ICC_DIR, irq);
    else if (irq >= SPI_FIRST)
        write_bit(GICD_ICACTIVER, irq);
    else
        mmio_write32(irq_controller.cpu_interface, GICC_DIR, irq);
}

/* ---- delivery ---- */

/* Handle an interrupt whose priority has been dropped. `token`: what deactivates it. */
static void deactivate_private(uint32_t token)
{
    if (irq_controller.is_v3)
        sysreg_write(SYSREG_ICC_DIR, token);
    else
        mmio_write32(irq_controller.cpu_interface, GICC_DIR, token);
}

[[gnu::noinline]] static void deliver_private(unsigned irq, uint32_t token)
{
    if (irq == irq_controller.timer_line) {
        timer_silence();
        deactivate_private(token);
        kern_timer();
    } else if (irq >= PPI_FIRST) {
        kern_interrupt(irq);
    } else {
        deactivate_private(token);
        if (irq == SGI_STOP)
            smp_stop_self();
        kern_ipi();
    }
}

static inline void deliver(unsigned irq, uint32_t token)
{
    if (likely(irq >= SPI_FIRST))
        kern_interrupt(irq);
    else
        deliver_private(irq, token);
}

/* Take one. False: nothing is pending. */
static inline bool take_v2(void)
{
    volatile void *gicc = irq_controller.cpu_interface;
    uint32_t token = mmio_read32(gicc, GICC_IAR);
    unsigned irq = token & 0x3ff;
    if (irq >= SPECIAL_FIRST)
        return false;
    /* Loads that follow see what the sender of an SGI stored before. */
    asm volatile("dmb oshld" : : : "memory");
    mmio_write32(gicc, GICC_EOIR, token);
    deliver(irq, token);
    return true;
}

static inline bool take_v3(void)
{
    uint32_t irq = (uint32_t)sysreg_read(SYSREG_ICC_IAR1);
    if (irq >= SPECIAL_FIRST)
        return false;
    dsb_sy(); /* the acknowledgement has reached the redistributor */
    sysreg_write(SYSREG_ICC_EOIR1, irq);
    isb();
    deliver(irq, irq);
    return true;
}

void arch_irq_poll(void)
{
    if (irq_controller.is_v3)
        while (take_v3())
            ;
    else
        while (take_v2())
            ;
}

void irq_take(void)
{
    if (irq_controller.is_v3)
        (void)take_v3();
    else
        (void)take_v2();
}

/* ---- interrupts between CPUs ---- */

bool irq_reaches_cpu(uint64_t hwid)
{
    return irq_controller.line_count && (!irq_controller.is_v3 || gicv3_reaches_cpu(hwid));
}

void irq_send_sgi(const struct cpu *target, unsigned sgi)
{
    dsb_ishst();
    if (irq_controller.is_v3)
        gicv3_send_sgi(target, sgi);
    else
        gicv2_send_sgi(target, sgi);
}

void arch_ipi_send(struct cpu *target)
{
    irq_send_sgi(target, SGI_IPI);
}
