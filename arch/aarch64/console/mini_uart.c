/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The "mini-UART" of BCM283x and BCM2711, polled. Its baud rate hangs on the VPU's clock, which the
 * device tree does not tell: the firmware sets BAUD (config.txt: enable_uart=1), we leave it alone.
 */
#include "console_impl.h"

#include <arch/boot.h>
#include <machine/mmio.h>

enum {
    MU_IO = 0x00,
    MU_IER = 0x04,
    MU_LCR = 0x0c,
    MU_LSR = 0x14,
    MU_CNTL = 0x20,
    MU_SIZE = 0x24,
    AUX_ENABLES = 0x04, /* in the block that the mini-UART shares with two SPI masters */
};

enum {
    LCR_8_BITS = 3, /* both bits; bit 0 alone, as the manual has it, gives 7 */
    LSR_CAN_SEND = 1 << 5,
    CNTL_RX_TX = 3,
    AUX_ENABLE_UART = 1 << 0,
};

bool mini_uart_can_send(volatile void *base)
{
    return mmio_read32(base, MU_LSR) & LSR_CAN_SEND;
}

void mini_uart_send(volatile void *base, char byte)
{
    mmio_write32(base, MU_IO, (uint8_t)byte);
}

/* Registers read as 0 and ignore writes until the block enables them. */
static kern_return_t enable_block(const struct dt_range *aux)
{
    if (aux->size < AUX_ENABLES + 4)
        return KERN_SUCCESS; /* not described: the firmware's doing must do */
    volatile void *block = arch_map_device(aux->base, aux->size);
    if (!block)
        return KERN_RESOURCE_SHORTAGE;
    uint32_t enabled = mmio_read32(block, AUX_ENABLES);
    if (!(enabled & AUX_ENABLE_UART))
        mmio_write32(block, AUX_ENABLES, enabled | AUX_ENABLE_UART);
    return KERN_SUCCESS;
}

kern_return_t mini_uart_init(volatile void *base, const struct board_console *console)
{
    if (console->regs.size < MU_SIZE)
        return KERN_NOT_SUPPORTED;
    kern_return_t kr = enable_block(&console->aux);
    if (kr != KERN_SUCCESS)
        return kr;
    mmio_write32(base, MU_IER, 0);
    mmio_write32(base, MU_LCR, LCR_8_BITS);
    uint32_t control = mmio_read32(base, MU_CNTL);
    if ((control & CNTL_RX_TX) != CNTL_RX_TX)
        mmio_write32(base, MU_CNTL, control | CNTL_RX_TX);
    return KERN_SUCCESS;
}
