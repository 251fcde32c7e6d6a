/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: serial lines whose registers say anything. The second byte of the input chooses the device. Promises: nothing
 * loops, rings stay within their bounds, settings are such that make sense.
 */
#include <libsys/driver/tty_pump.h>
#include <ns16550.h>
#include <pl011.h>
#include <string.h>

#include "device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pl011 pl011;
static struct ns16550 ns16550;
static struct tty_ring out, in;

static struct tty_device *choose(struct fuzz_device *device)
{
    const struct registers registers = fuzz_registers(device);
    uint32_t kind = fuzz_number(device, 1), clock = fuzz_number(device, 4);
    struct ns16550_layout layout = {kind >> 2 & 7, kind >> 5 & 7, kind & 4 ? 64 : 0, kind & 8};

    switch (kind & 3) {
    case 0: pl011_init(&pl011, &device->environment, registers, clock); return &pl011.tty;
    case 1:
        mini_uart_init(&ns16550, &device->environment, registers, kind & 4 ? &registers : NULL,
                       clock);
        return &ns16550.tty;
    default:
        if (ns16550_init(&ns16550, &device->environment, registers, &layout, clock) != KERN_SUCCESS)
            return NULL;
        return &ns16550.tty;
    }
}

static void check(const struct tty_device *tty)
{
    struct tty_settings settings = tty->settings;

    if (settings.baud == 0 || settings.baud > 100000000)
        settings.baud = 1; /* unknown, or of a clock that is none */
    fuzz_require(tty_settings_make_sense(&settings), "settings make sense");
    fuzz_require(in.put - in.taken <= TTY_RING_BYTES && out.put - out.taken <= TTY_RING_BYTES,
                 "rings hold what they can");
}

static void act(struct fuzz_device *device, struct tty_device *tty)
{
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;
    unsigned moved = 0;

    switch (fuzz_number(device, 1) % 8) {
    case 0: (void)tty->ops->interrupt(tty); break;
    case 1: (void)tty_pump_input(tty, &in, &moved); break;
    case 2:
        out.put = out.taken + fuzz_number(device, 2) % (TTY_RING_BYTES + 1);
        (void)tty_pump_output(tty, &out);
        break;
    case 3: in.taken = in.put; break;
    case 4:
        settings.baud = fuzz_number(device, 4);
        settings.data_bits = 5 + fuzz_number(device, 1) % 5;
        settings.parity = fuzz_number(device, 1) % 4;
        settings.flow_control = fuzz_number(device, 1) % 3;
        if (tty->ops->set_settings(tty, &settings) == KERN_SUCCESS)
            fuzz_require(memcmp(&settings, &tty->settings, sizeof settings) == 0,
                         "settings that were taken are the settings");
        break;
    case 5: tty->ops->set_clock(tty, fuzz_number(device, 4)); break;
    case 6: tty->ops->set_break(tty, fuzz_number(device, 1) & 1); break;
    default: (void)tty_pump_input(tty, NULL, NULL);
    }
    check(tty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_device device;
    struct tty_device *tty;

    fuzz_device_init(&device, data, size);
    memset(&in, 0, sizeof in);
    memset(&out, 0, sizeof out);
    tty = choose(&device);
    if (tty == NULL || tty->ops->start(tty, NULL) != KERN_SUCCESS)
        return 0;
    for (unsigned n = 0; n < 64 && device.at < size; n++)
        act(&device, tty);
    tty->ops->stop(tty);
    return 0;
}
