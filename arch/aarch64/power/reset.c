/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reset hook: PSCI where the tree has it, else the watchdog of the BCM283x/2711 power block.
 *
 * The watchdog is used only to end the run; it is never left armed. On QEMU every write that starts
 * it acts at once.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/reset.h>
#include <arch/timer.h>
#include <kern/dt.h>
#include <machine/mmio.h>
#include <machine/smp_md.h>
#include <machine/sysreg.h>

/* Every write carries the password in the top byte. */
#define PM_PASSWORD UINT32_C(0x5a000000)

enum { PM_RSTC = 0x1c, PM_RSTS = 0x20, PM_WDOG = 0x24, PM_SIZE = 0x28 };
enum {
    RSTC_MODE_MASK = 0x30,
    RSTC_FULL_RESET = 0x20,
    RSTS_PARTITION_MASK = 0x555, /* bits 0, 2, 4, 6, 8, 10: what the boot ROM starts next */
    RSTS_PARTITION_HALT = 0x555, /* partition 63: nothing */
    WDOG_TICKS = 10,             /* of 1/65536 s */
};

/* Longer than any of it takes. */
#define RESET_WAIT_US 1000000

static volatile void *watchdog; /* NULL: none. Constant after arch_reset_init() */

void arch_reset_init(const struct board *board)
{
    psci_init(&board->psci);
    const struct board_watchdog *found = &board->watchdog;
    if (found->kind == BOARD_WATCHDOG_BCM2835_PM && found->regs.size >= PM_SIZE)
        watchdog = arch_map_device(found->regs.base, found->regs.size);
    if (watchdog) { /* a loader may have left it running: nobody would feed it here */
        uint32_t control = mmio_read32(watchdog, PM_RSTC) & 0x00ffffff & ~(uint32_t)RSTC_MODE_MASK;
        mmio_write32(watchdog, PM_RSTC, PM_PASSWORD | control);
    }
}

static void wait_for_the_end(void)
{
    ticks_t start = arch_counter();
    ticks_t limit = timer_ticks_of_us(RESET_WAIT_US);
    while (arch_counter() - start < limit)
        arch_cpu_relax();
}

static void watchdog_fire(uint32_t partition)
{
    mmio_change_device();
    uint32_t status = mmio_read32(watchdog, PM_RSTS) & 0x00ffffff & ~(uint32_t)RSTS_PARTITION_MASK;
    mmio_write32(watchdog, PM_RSTS, PM_PASSWORD | status | partition);
    mmio_write32(watchdog, PM_WDOG, PM_PASSWORD | WDOG_TICKS);
    uint32_t control = mmio_read32(watchdog, PM_RSTC) & 0x00ffffff & ~(uint32_t)RSTC_MODE_MASK;
    mmio_write32(watchdog, PM_RSTC, PM_PASSWORD | control | RSTC_FULL_RESET);
    dsb_sy();
    wait_for_the_end();
}

void arch_reset(enum arch_reset how)
{
    dsb_sy(); /* device writes of the moments before are complete */
    if (how == ARCH_RESET_POWER_OFF)
        psci_power_off();
    else if (how == ARCH_RESET_REBOOT)
        psci_reset();
    if (how != ARCH_RESET_HALT && watchdog)
        watchdog_fire(how == ARCH_RESET_POWER_OFF ? RSTS_PARTITION_HALT : 0);
    arch_cpu_halt();
}
