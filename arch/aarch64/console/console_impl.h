/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_impl.h - between console.c and the UART drivers. A driver has set-up, "may I send" and
 * "send this"; waiting and giving up is console.c's.
 */
#pragma once

#include <kern/dt.h>
#include <kern/types.h>

enum { CONSOLE_DEFAULT_BAUD = 115200 };

/** Wait at most `microseconds` for `done(base)`. */
bool console_wait(bool (*done)(volatile void *base), volatile void *base, unsigned microseconds);

kern_return_t pl011_init(volatile void *base, const struct board_console *console);
bool pl011_can_send(volatile void *base);
void pl011_send(volatile void *base, char byte);

kern_return_t mini_uart_init(volatile void *base, const struct board_console *console);
bool mini_uart_can_send(volatile void *base);
void mini_uart_send(volatile void *base, char byte);
