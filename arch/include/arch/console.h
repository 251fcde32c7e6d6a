/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own console: polled, for boot, panics and until a driver server takes over.
 */
#pragma once

#include <kern/types.h>

struct board_console;

/** Use the console the device tree names; registers get mapped. KERN_NOT_SUPPORTED for kinds we
 *  cannot drive. */
kern_return_t arch_console_init(const struct board_console *console);

/** Write bytes, waiting for room in the FIFO (bounded: a dead UART loses output instead of hanging
 *  the kernel). "\n" is sent as is; the caller adds "\r". Does nothing before
 *  arch_console_init(). The console lock is held. */
void arch_console_write(const char *bytes, size_t count);
