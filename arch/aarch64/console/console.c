/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's polled console on a PL011 or a BCM2835 mini-UART.
 *
 * A UART that stops sending (no clock, flow control that is never released) must not stop the
 * kernel: after one wait that ended without room, output is thrown away without waiting until there
 * is room again.
 */
#include "console_impl.h"

#include <arch/boot.h>
#include <arch/console.h>
#include <arch/cpu.h>
#include <arch/timer.h>
#include <machine/mmio.h>

/* Some twenty characters' time at 9600 baud. */
#define SEND_WAIT_US 20000

/* Written by arch_console_init() and, `stuck`, under the console lock. */
static volatile void *uart; /* NULL: no console */
static bool is_pl011;
static bool stuck;

bool console_wait(bool (*done)(volatile void *base), volatile void *base, unsigned microseconds)
{
    ticks_t start = arch_counter();
    ticks_t limit = timer_ticks_of_us(microseconds);
    while (!done(base)) {
        if (arch_counter() - start > limit)
            return false;
        arch_cpu_relax();
    }
    return true;
}

kern_return_t arch_console_init(const struct board_console *console)
{
    if (console->kind != BOARD_UART_PL011 && console->kind != BOARD_UART_BCM2835_AUX)
        return KERN_NOT_SUPPORTED;
    volatile void *base = arch_map_device(console->regs.base, console->regs.size);
    if (!base)
        return KERN_RESOURCE_SHORTAGE;
    bool pl011 = console->kind == BOARD_UART_PL011;
    mmio_change_device();
    kern_return_t kr = pl011 ? pl011_init(base, console) : mini_uart_init(base, console);
    mmio_change_device();
    if (kr != KERN_SUCCESS)
        return kr;
    is_pl011 = pl011;
    stuck = false;
    uart = base;
    return KERN_SUCCESS;
}

static bool can_send(volatile void *base)
{
    return is_pl011 ? pl011_can_send(base) : mini_uart_can_send(base);
}

void arch_console_write(const char *bytes, size_t count)
{
    if (!uart)
        return;
    mmio_change_device();
    for (size_t i = 0; i < count; i++) {
        if (!can_send(uart)) {
            if (stuck)
                continue;
            stuck = !console_wait(can_send, uart, SEND_WAIT_US);
            if (stuck)
                continue;
        }
        stuck = false;
        if (is_pl011)
            pl011_send(uart, bytes[i]);
        else
            mini_uart_send(uart, bytes[i]);
    }
    mmio_change_device();
}
