/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2: GIC-400 and the controller QEMU calls cortex-a15-gic.
 *
 * One set-up serves both views of it. Seen from the non-secure side of a GIC with security
 * extensions our lines are in group 1 by the firmware's doing, the group registers ignore us, and
 * bit 0 of both CTLR registers enables group 1. In a GIC without them everything is in group 0,
 * bit 0 enables group 0, and group 0 signals IRQ because FIQEn is 0. So: group 0, bit 0.
 */
#include "irq_impl.h"

#include <arch/boot.h>
#include <kern/cpu.h>

enum {
    GICD_ITARGETSR = 0x800, /* 8 bits a line: CPU mask; the first 32 bytes read as our own mask */
    GICD_SGIR = 0xf00,      /* 23:16 CPU mask, 3:0 number */
    GICD_CPENDSGIR = 0xf10, /* 8 bits an SGI: who sent it. ICPENDR does not reach SGIs */
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_APR = 0xd0, /* active priorities, four words */
};

enum {
    CTLR_ENABLE = 1 << 0,
    CTLR_BYPASS_DISABLE = 0x1e0, /* belongs to the firmware */
    CTLR_SPLIT_EOI = 1 << 9,
};

kern_return_t gicv2_init(const struct board_gic *gic)
{
    if (!gic->gicc_has_dir) /* no split end of interrupt */
        return KERN_NOT_SUPPORTED;
    irq_controller.cpu_interface = arch_map_device(gic->gicc.base, gic->gicc.size);
    if (!irq_controller.cpu_interface)
        return KERN_RESOURCE_SHORTAGE;
    mmio_write32(irq_controller.distributor, GICD_CTLR, 0);
    irq_reset_shared_lines(0);
    mmio_write32(irq_controller.distributor, GICD_CTLR, CTLR_ENABLE);
    return KERN_SUCCESS;
}

/* Any of the private lines tells; a controller for one CPU tells nothing and needs no mask. */
static uint8_t read_own_mask(void)
{
    for (unsigned i = 0; i < SPI_FIRST; i += 4) {
        uint32_t word = mmio_read32(irq_controller.distributor, GICD_ITARGETSR + i);
        uint32_t mask = word | word >> 16;
        mask |= mask >> 8;
        if (mask & 0xff)
            return (uint8_t)mask;
    }
    return 1;
}

/* Shared lines go to the boot CPU until they are routed elsewhere. */
static void target_shared_lines(uint8_t mask)
{
    for (unsigned irq = SPI_FIRST; irq < irq_controller.line_count; irq += 4)
        mmio_write32(irq_controller.distributor, GICD_ITARGETSR + irq, mask * UINT32_C(0x01010101));
}

void gicv2_cpu_init(void)
{
    volatile void *gicc = irq_controller.cpu_interface;
    struct cpu *self = arch_cpu_self();
    uint8_t mask = read_own_mask();
    if (self->number == 0)
        target_shared_lines(mask);
    self->arch.gic_target = mask;
    irq_reset_private_lines(irq_controller.distributor, 0);
    for (unsigned i = 0; i < PPI_FIRST; i += 4)
        mmio_write32(irq_controller.distributor, GICD_CPENDSGIR + i, UINT32_MAX);

    uint32_t bypass = mmio_read32(gicc, GICC_CTLR) & CTLR_BYPASS_DISABLE;
    mmio_write32(gicc, GICC_CTLR, bypass);
    for (unsigned i = 0; i < 4; i++)
        mmio_write32(gicc, GICC_APR + 4 * i, 0); /* nothing of the firmware's is in service */
    mmio_write32(gicc, GICC_PMR, PRIORITY_THRESHOLD);
    mmio_write32(gicc, GICC_BPR, 0);
    mmio_write32(gicc, GICC_CTLR, bypass | CTLR_SPLIT_EOI | CTLR_ENABLE);
    dsb_sy();
}

void gicv2_cpu_disable(void)
{
    volatile void *gicc = irq_controller.cpu_interface;
    uint32_t bypass = mmio_read32(gicc, GICC_CTLR) & CTLR_BYPASS_DISABLE;
    mmio_write32(gicc, GICC_CTLR, bypass | CTLR_SPLIT_EOI);
    dsb_sy();
}

kern_return_t gicv2_route(unsigned irq, unsigned cpu)
{
    uint32_t mask = cpu_record[cpu].arch.gic_target;
    if (!mask) /* it has not come up */
        return KERN_INVALID_ARGUMENT;
    mmio_write8(irq_controller.distributor, GICD_ITARGETSR + irq, (uint8_t)mask);
    return KERN_SUCCESS;
}

void gicv2_send_sgi(const struct cpu *target, unsigned sgi)
{
    uint32_t mask = target->arch.gic_target;
    if (mask)
        mmio_write32(irq_controller.distributor, GICD_SGIR, mask << 16 | sgi);
}
