/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine/timer_md.h - the virtual timer of the generic timer, the part that is inlined.
 *
 * Wharf uses the virtual counter and timer (CNTV), which EL1 may always use; the entry code sets
 * CNTVOFF_EL2 to 0 where it runs at EL2. The alarm is a level: it rings while CNTVCT >= CVAL and
 * ENABLE is set and IMASK is not.
 */
#pragma once

#include <kern/types.h>
#include <machine/sysreg.h>

enum { CNTV_CTL_ENABLE = 1, CNTV_CTL_IMASK = 2, CNTV_CTL_ISTATUS = 4 };

static inline ticks_t arch_counter(void)
{
    ticks_t now;
    /* Without the ISB the read may be executed before instructions that precede it. */
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now) : : "memory");
    return now;
}

static inline ticks_t arch_counter_about(void)
{
    ticks_t now;
    asm volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
}

static inline void arch_timer_arm(ticks_t at)
{
    if (at == TICKS_NEVER) {
        sysreg_write(cntv_ctl_el0, CNTV_CTL_IMASK);
        return;
    }
    sysreg_write(cntv_cval_el0, at);
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
}

/** Silence the alarm until it is armed again; the level is gone when this returns. */
static inline void timer_silence(void)
{
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE | CNTV_CTL_IMASK);
    isb();
}

/**
 * At least `microseconds`, in ticks, for bounded waits on hardware. Works before arch_timer_init():
 * then with the frequency the CPU reports, or, if it reports none, one that is rather too high.
 */
ticks_t timer_ticks_of_us(unsigned microseconds);
