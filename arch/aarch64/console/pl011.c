/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL011 UART, polled.
 */
#include "console_impl.h"

#include <machine/mmio.h>

enum {
    DR = 0x00,
    FR = 0x18,
    IBRD = 0x24,
    FBRD = 0x28,
    LCRH = 0x2c, /* writing it latches IBRD and FBRD */
    CR = 0x30,
    IMSC = 0x38,
    ICR = 0x44,
    DMACR = 0x48,
    PL011_SIZE = 0x4c,
};

enum {
    FR_BUSY = 1 << 3,
    FR_TX_FULL = 1 << 5,
    LCRH_FIFO = 1 << 4,
    LCRH_8_BITS = 3 << 5,
    CR_ENABLE = 1 << 0,
    CR_TX = 1 << 8,
    CR_RX = 1 << 9,
    ICR_ALL = 0x7ff,
};

/* The FIFO of 32 bytes at 9600 baud takes 34 ms. */
#define DRAIN_US 50000

bool pl011_can_send(volatile void *base)
{
    return !(mmio_read32(base, FR) & FR_TX_FULL);
}

void pl011_send(volatile void *base, char byte)
{
    mmio_write32(base, DR, (uint8_t)byte);
}

static bool is_idle(volatile void *base)
{
    return !(mmio_read32(base, FR) & FR_BUSY);
}

/* The divisor is clock / (16 * baud) with 6 fraction bits, rounded. False if it does not fit. */
static bool set_divisor(volatile void *base, uint32_t clock, uint32_t baud)
{
    uint64_t divisor = ((uint64_t)clock * 4 + baud / 2) / baud;
    if (divisor < 1 << 6 || divisor >> 6 > 0xffff)
        return false;
    mmio_write32(base, IBRD, (uint32_t)(divisor >> 6));
    mmio_write32(base, FBRD, (uint32_t)(divisor & 0x3f));
    return true;
}

/* Off, 8N1, FIFOs on, on. Without a clock, or with one the baud rate cannot be made from, the
 * divisor stays what it is. */
static void start(volatile void *base, const struct board_console *console)
{
    uint32_t baud = console->baud ? console->baud : CONSOLE_DEFAULT_BAUD;
    mmio_write32(base, CR, 0);
    (void)console_wait(is_idle, base, DRAIN_US);
    mmio_write32(base, LCRH, 0); /* empties the FIFOs */
    if (console->clock_hz)
        (void)set_divisor(base, console->clock_hz, baud);
    mmio_write32(base, LCRH, LCRH_8_BITS | LCRH_FIFO);
    mmio_write32(base, CR, CR_ENABLE | CR_TX | CR_RX);
}

/*
 * A UART that the loader has been printing on is right as it is, and what it still sends is not
 * cut off: only what is missing is added. Any other is set up from the start.
 */
kern_return_t pl011_init(volatile void *base, const struct board_console *console)
{
    if (console->regs.size < PL011_SIZE)
        return KERN_NOT_SUPPORTED;
    uint32_t control = mmio_read32(base, CR);
    mmio_write32(base, IMSC, 0);
    mmio_write32(base, DMACR, 0);
    mmio_write32(base, ICR, ICR_ALL);
    if ((control & CR_ENABLE) && mmio_read32(base, IBRD))
        mmio_write32(base, CR, control | CR_TX | CR_RX);
    else
        start(base, console);
    return KERN_SUCCESS;
}
