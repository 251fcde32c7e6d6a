/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a serial line's logic (drivers-srv/pl011, drivers-srv/ns16550) offers to the tty server (libsys/driver/). One thread calls
 * all of it. No function waits, but start() and set_settings(), and these for at most TTY_DEVICE_PATIENCE.
 *
 * U1 The FIFOs outlive the driver. Nothing here empties them: a line that was at work when its driver ended is taken over as it
 *    is, and what stood in the FIFOs is sent and received.
 * U2 A byte is in the FIFO when put() has said so, and out of it when get() has given it: the server moves the ring's index after
 *    each (libsys/driver/tty_pump.h). A driver that is killed repeats one byte of output at most, and loses one of input at most.
 * U3 Input is level: as long as there is some and it is not held, the interrupt comes, or comes again. Output is not: the
 *    interrupt is asked for when put() has refused a byte, comes once, and may come for nothing.
 * U4 What the device says is counted, and never a bound of a loop: who calls get() in a loop bounds it.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>
#include <wharf/if/tty_types.h>

enum { TTY_NO_FLOW_CONTROL = 0, TTY_RTS_CTS = 1 }; /* settings.flow_control */

#define TTY_DEVICE_PATIENCE (UINT64_C(2) * DEVICE_SECOND)

/** What interrupt() tells, together. None: it was not this device's. */
enum { TTY_EVENT_INPUT = 1, TTY_EVENT_ROOM = 2, TTY_EVENT_ERROR = 4 };

/** What get() gives: a byte, with these if it came so; or TTY_NOTHING. With TTY_BREAK the byte means nothing. */
enum {
    TTY_NOTHING = -1,
    TTY_FRAMING_ERROR = 1 << 8,
    TTY_PARITY_ERROR = 1 << 9,
    TTY_BREAK = 1 << 10,
};

struct tty_device_ops;

/** The part that all lines have. Filled by the device's own init function; the server reads settings and statistics. */
struct tty_device {
    const struct tty_device_ops *ops;
    const struct device_environment *environment;
    struct registers registers;
    uint64_t clock;               /* hertz; 0: unknown, the divisor is nobody's to change */
    struct tty_settings settings; /* baud is 0 where neither divisor nor caller tells */
    struct tty_statistics statistics;
};

struct tty_device_ops {
    /**
     * Take the line over, or set it going. wanted: settings it should have, or NULL: those it is found with (115200 8N1 if it is
     * off). A line that has them is left alone. A setting that cannot be had is logged, and what was found stays.
     * Afterwards input interrupts are armed; the server goes on as if interrupt() had told INPUT and ROOM.
     * KERN_FAILURE: there is no such device behind the registers.
     */
    kern_return_t (*start)(struct tty_device *device, const struct tty_settings *wanted);
    /** Interrupts off. The line stays on: what is in the FIFO is sent. */
    void (*stop)(struct tty_device *device);
    /** Look why the interrupt came, and take back what would make it come again for ever, but input. */
    unsigned (*interrupt)(struct tty_device *device);
    /** The FIFO took the byte. */
    bool (*put)(struct tty_device *device, uint8_t byte);
    /** The next byte that has come in, and its errors. Overruns are counted here, all else by who calls. */
    int (*get)(struct tty_device *device);
    /** Ask for TTY_EVENT_ROOM (once), or do without. After asking, try put() again: the room may have come before. */
    void (*want_room)(struct tty_device *device, bool wanted);
    /** The client's ring is full: no input interrupts, so that flow control sees a full FIFO. After `false` the server reads. */
    void (*hold_input)(struct tty_device *device, bool held);
    /** Nothing is left in the FIFO, nor on the line. */
    bool (*is_drained)(struct tty_device *device);
    /**
     * Waits until the line is drained, so that no byte goes out torn, then changes it. KERN_NOT_SUPPORTED: the device, or its clock
     * as far as it is known, cannot do that. KERN_INVALID_ARGUMENT: no such setting. KERN_OPERATION_TIMED_OUT: the line did not drain (flow
     * control holds it); nothing has changed. KERN_FAILURE: the device does not keep what it is told.
     */
    kern_return_t (*set_settings)(struct tty_device *device, const struct tty_settings *settings);
    /** Begin or end a break. To be heard as one it has to last longer than two characters. NULL: the device cannot. */
    void (*set_break)(struct tty_device *device, bool on);
    /** Another rate of the clock that feeds it, 0: unknown. What the line runs at is computed anew. */
    void (*set_clock)(struct tty_device *device, uint64_t hertz);
};

/** The settings every device here starts with when nobody says anything. */
#define TTY_DEFAULT_SETTINGS \
    ((struct tty_settings){  \
        .baud = 115200, .data_bits = 8, .stop_bits = 1, .parity = TTY_PARITY_NONE})

/** What is said of a line before it has been started. */
#define TTY_UNKNOWN_SETTINGS \
    ((struct tty_settings){.data_bits = 8, .stop_bits = 1, .parity = TTY_PARITY_NONE})

/** Whether the numbers are settings at all; what a device can do of them it says itself. */
static inline bool tty_settings_make_sense(const struct tty_settings *s)
{
    return s->baud >= 1 && s->baud <= 100000000 && s->data_bits >= 5 && s->data_bits <= 8 &&
           s->stop_bits >= 1 && s->stop_bits <= 2 && s->parity <= TTY_PARITY_ODD &&
           s->flow_control <= TTY_RTS_CTS && s->zero == 0;
}

/** Two baud rates that a receiver takes for the same: within 3 %. */
static inline bool tty_rates_agree(uint64_t one, uint64_t other)
{
    uint64_t difference = one < other ? other - one : one - other;
    return difference * 100 <= other * 3;
}

static inline bool tty_same_format(const struct tty_settings *a, const struct tty_settings *b)
{
    return a->data_bits == b->data_bits && a->stop_bits == b->stop_bits && a->parity == b->parity &&
           a->flow_control == b->flow_control;
}

/** Wait, at most as long as a FIFO takes at the slowest rate, until the line is drained. */
static inline bool tty_wait_drained(struct tty_device *device)
{
    uint64_t deadline = device_now(device->environment) + TTY_DEVICE_PATIENCE;

    while (!device->ops->is_drained(device)) {
        if (device_now(device->environment) >= deadline)
            return false;
        device_sleep(device->environment, DEVICE_MILLISECOND);
    }
    return true;
}
