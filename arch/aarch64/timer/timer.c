/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generic timer: finding it, and what each CPU sets up. The hot functions are in
 * machine/timer_md.h; the interrupt is recognised in irq/irq.c.
 */
#include <arch/irq.h>
#include <arch/timer.h>
#include <kern/dt.h>
#include <machine/sysreg.h>

/* Outside of these a tree or firmware is wrong: real counters run at 1 MHz to 1 GHz or so. */
#define FREQUENCY_MIN UINT64_C(1000000)
#define FREQUENCY_MAX UINT64_C(4000000000)

/* CNTKCTL_EL1 */
enum {
    EL0_VIRTUAL_COUNTER = 1 << 1,
    EVENT_STREAM = 1 << 2,
    EVENT_BIT_SHIFT = 4, /* event when this bit of the counter goes from 0 to 1 */
    EVENT_BIT_MAX = 15,
};

/* Longest time that WFE sleeps when nothing else wakes it, roughly. */
#define EVENT_PERIOD_US 100

static uint64_t frequency;  /* 0 until arch_timer_init(), then constant */
static unsigned timer_irq;  /* as above */
static uint64_t kernel_ctl; /* value of CNTKCTL_EL1, as above */

uint64_t arch_counter_frequency(void)
{
    return frequency;
}

static bool plausible(uint64_t hertz)
{
    return hertz >= FREQUENCY_MIN && hertz <= FREQUENCY_MAX;
}

ticks_t timer_ticks_of_us(unsigned microseconds)
{
    uint64_t hertz = frequency ? frequency : sysreg_read(cntfrq_el0);
    if (!plausible(hertz))
        hertz = FREQUENCY_MAX;
    return microseconds * hertz / 1000000 + 1;
}

/* The counter moves. Some tens of CPU cycles pass between two ticks, so the bound is generous. */
static bool counter_runs(void)
{
    ticks_t start = arch_counter();
    for (unsigned tries = 0; tries < 1000000; tries++) {
        if (arch_counter() != start)
            return true;
    }
    return false;
}

/* The lowest counter bit whose period is at least EVENT_PERIOD_US. */
static unsigned event_bit(void)
{
    ticks_t period = timer_ticks_of_us(EVENT_PERIOD_US);
    unsigned bit = 0;
    while (bit < EVENT_BIT_MAX && (UINT64_C(2) << bit) < period)
        bit++;
    return bit;
}

kern_return_t arch_timer_init(const struct board *board)
{
    const struct board_timer *timer = &board->timer;
    if (timer->virt.trigger == BOARD_TRIGGER_NONE || timer->virt.intid < 16 ||
        timer->virt.intid > 31)
        return KERN_NOT_SUPPORTED;
    /* A tree that states the frequency does so because the firmware has set CNTFRQ wrong. */
    uint64_t hertz = timer->frequency ? timer->frequency : sysreg_read(cntfrq_el0);
    if (!plausible(hertz) || !counter_runs())
        return KERN_NOT_SUPPORTED;
    frequency = hertz;
    timer_irq = timer->virt.intid;
    kernel_ctl = EL0_VIRTUAL_COUNTER | EVENT_STREAM | event_bit() << EVENT_BIT_SHIFT;
    return KERN_SUCCESS;
}

void arch_timer_cpu_init(void)
{
    /* User programs may read the virtual counter; everything else of the timer traps. */
    sysreg_write(cntkctl_el1, kernel_ctl);
    arch_timer_arm(TICKS_NEVER);
    isb();
    arch_irq_unmask(timer_irq);
}
