/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the 8250's family and of the mini-UART: the logic (ns16550.h) as a line of the tty server. Arguments: clock=HERTZ or
 * clock=SERVICE:NUMBER (or clock.0),
 * baud=, reg-shift=, reg-io-width=, fifo-size=, auto-flow-control=1 as the device tree has them; mini-uart=1: it is one, with
 * its AUX block, if the device has it, as second range.
 */
#include "ns16550.h"
#include <libsys/driver/tty_server.h>

static void map(struct driver *driver, unsigned index, struct registers *registers)
{
    uint64_t size;
    const kern_return_t kr = driver_map(driver, index, registers, &size);

    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its registers: error %d", (int)kr);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct ns16550 uart;
    struct registers registers, aux;

    driver_begin(&driver, argc, argv);
    /* By name, or the only one. */
    const uint64_t clock =
        driver_clock(&driver, driver_argument(&driver, "clock") ? "clock" : "clock.0");
    const struct ns16550_layout layout = {
        .reg_shift = (uint32_t)driver_number(&driver, "reg-shift", 0),
        .reg_io_width = (uint32_t)driver_number(&driver, "reg-io-width", 0),
        .fifo_size = (uint32_t)driver_number(&driver, "fifo-size", 0),
        .auto_flow_control = driver_argument(&driver, "auto-flow-control") != NULL,
    };
    map(&driver, 0, &registers);
    if (driver_argument(&driver, "mini-uart")) {
        const bool has_aux = driver.facts.ranges > 1;
        if (has_aux)
            map(&driver, 1, &aux);
        mini_uart_init(&uart, &driver.environment, registers, has_aux ? &aux : NULL, clock);
    } else if (ns16550_init(&uart, &driver.environment, registers, &layout, clock) !=
               KERN_SUCCESS) {
        driver_fail(&driver, "the device tree's layout of its registers is none");
    }
    tty_server_run(&driver, &uart.tty);
}
