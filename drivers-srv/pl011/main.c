/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of a PL011: the logic (pl011.h) as a line of the tty server. Arguments: clock=HERTZ of UARTCLK, or clock=SERVICE:NUMBER;
 * baud=.
 */
#include "pl011.h"
#include <libsys/driver/tty_server.h>

int main(int argc, char **argv)
{
    static struct driver driver;
    static struct pl011 uart;
    struct registers registers;
    uint64_t size;

    driver_begin(&driver, argc, argv);
    const kern_return_t kr = driver_map(&driver, 0, &registers, &size);
    if (kr != KERN_SUCCESS)
        driver_fail(&driver, "its registers: error %d", (int)kr);
    pl011_init(&uart, &driver.environment, registers, driver_clock(&driver, "clock"));
    tty_server_run(&driver, &uart.tty);
}
