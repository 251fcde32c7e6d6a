/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq_impl.h - what irq.c and the two GIC drivers share.
 *
 * irq.c keeps what is alike in GICv2 and GICv3: the enable, pending, active, trigger and priority
 * registers stand at the same offsets in the distributor and, for private lines of a GICv3, in the
 * second page pair of a redistributor. gicv2.c and gicv3.c know the rest. There are two kinds only,
 * so the choice is one branch on `is_v3`, not a table of functions.
 */
#pragma once

#include <kern/dt.h>
#include <kern/types.h>
#include <machine/mmio.h>
#include <machine/sysreg.h>

struct cpu;

enum {
    SGI_IPI = 0,  /* arch_ipi_send() */
    SGI_STOP = 1, /* arch_smp_stop_others() */
    PPI_FIRST = 16,
    SPI_FIRST = 32,
    SPECIAL_FIRST = 1020, /* 1023: nothing pending */
};

/* A lower value is more urgent. Multiples of 16, for a non-secure GIC-400 keeps no lower bits. */
enum {
    PRIORITY_KERNEL = 0x80, /* IPIs and the timer */
    PRIORITY_DEVICE = 0xa0,
    PRIORITY_THRESHOLD = 0xf0, /* everything more urgent than this gets through */
};

/* Distributor registers of both versions; arrays of one bit, or of `_BYTE` a line. */
enum {
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100,
    GICD_ICENABLER = 0x180,
    GICD_ISPENDR = 0x200,
    GICD_ICPENDR = 0x280,
    GICD_ICACTIVER = 0x380,
    GICD_IPRIORITYR = 0x400, /* 8 bits a line */
    GICD_ICFGR = 0xc00,      /* 2 bits a line: 2 = edge, 0 = level */
};

struct irq_controller {
    volatile void *distributor;
    volatile void *cpu_interface; /* GICv2 only */
    unsigned line_count;          /* 0 until arch_irq_init() has succeeded */
    unsigned timer_line;
    bool is_v3;
};
extern struct irq_controller irq_controller; /* constant after arch_irq_init() */

/* ---- irq.c, for the drivers ---- */

/** All shared lines: off, not pending, not active, level, device priority, in `group`. */
void irq_reset_shared_lines(uint32_t group);
/** The 32 private lines of this CPU, whose registers are at `base`; SGIs that we use: on. */
void irq_reset_private_lines(volatile void *base, uint32_t group);

/* ---- irq.c, for the vector ---- */

/** Take one interrupt, most often the only one: another that is pending is taken as soon as user code runs. */
void irq_take(void);

/* ---- irq.c, for smp and cpu ---- */

/** This CPU takes no interrupts any more, so that WFI sleeps. */
void irq_cpu_disable(void);
/** True if interrupts can be sent to the CPU with this MPIDR. */
bool irq_reaches_cpu(uint64_t hwid);
void irq_send_sgi(const struct cpu *target, unsigned sgi);

/* ---- GICv2 ---- */

enum { GICC_CTLR = 0x00, GICC_IAR = 0x0c, GICC_EOIR = 0x10, GICC_DIR = 0x1000 };

kern_return_t gicv2_init(const struct board_gic *gic);
void gicv2_cpu_init(void);
void gicv2_cpu_disable(void);
kern_return_t gicv2_route(unsigned irq, unsigned cpu);
void gicv2_send_sgi(const struct cpu *target, unsigned sgi);

/* ---- GICv3 ---- */

kern_return_t gicv3_init(const struct board *board);
void gicv3_cpu_init(void);
void gicv3_cpu_disable(void);
bool gicv3_reaches_cpu(uint64_t hwid);
/** The registers of this CPU's private lines. */
volatile void *gicv3_private_base(void);
/** Wait until a change of enables has taken effect everywhere. */
void gicv3_wait_disabled(unsigned irq);
kern_return_t gicv3_route(unsigned irq, unsigned cpu);
void gicv3_send_sgi(const struct cpu *target, unsigned sgi);
