/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one reset hook (D10): PSCI, or the watchdog found by `compatible`; for panic, essential tasks
 * and reboot.
 */
#pragma once

#include <kern/types.h>

struct board;

enum arch_reset { ARCH_RESET_REBOOT, ARCH_RESET_POWER_OFF, ARCH_RESET_HALT };

/** Remember how this board is reset. Cannot fail: a board without means can only halt. */
void arch_reset_init(const struct board *board);

/** Do it. If the machine cannot, or refuses, halts this CPU. Other CPUs should have been
 * stopped. */
[[gnu::noreturn]] void arch_reset(enum arch_reset how);

/** End an emulated run with an exit status (semihosting). Only on request of the boot argument
 *  end=semihost: on real hardware the instruction is undefined. Returns if nothing answers. */
void arch_semihost_exit(unsigned status);
