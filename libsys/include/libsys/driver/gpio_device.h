/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a bank of pins offers to its server (libsys/driver/gpio_server.c). Pins are numbered from 0 and are checked here:
 * KERN_INVALID_ARGUMENT is a pin that is not there. One thread calls it.
 *
 * G1 What a predecessor has set stays: start() changes no pin. Triggers are ours alone, and off until they are asked for.
 * G2 A level trigger that has told is off until arm() says that somebody has looked; else it would tell for ever.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>
#include <wharf/if/gpio_types.h>

enum { GPIO_PINS_MAX = 64 };

struct gpio_device_ops;

struct gpio_device {
    const struct gpio_device_ops *ops;
    const struct device_environment *environment;
    struct registers registers;
    uint32_t pins;
};

struct gpio_device_ops {
    /** Triggers off. KERN_FAILURE: there is no such device behind the registers. */
    kern_return_t (*start)(struct gpio_device *device);
    /** enum gpio_mode and gpio_pull. An output drives the level it is read at, until set(). KERN_INVALID_VALUE: no such mode or pull. KERN_NOT_SUPPORTED: this
     *  pin cannot. */
    kern_return_t (*set_mode)(struct gpio_device *device, uint32_t pin, uint32_t mode,
                              uint32_t function, uint32_t pull);
    kern_return_t (*get)(struct gpio_device *device, uint32_t pin, bool *level);
    /** KERN_NOT_SUPPORTED: it is no output. */
    kern_return_t (*set)(struct gpio_device *device, uint32_t pin, bool level);
    /** enum gpio_trigger. KERN_INVALID_VALUE: no such. KERN_NOT_SUPPORTED: the device cannot. */
    kern_return_t (*set_trigger)(struct gpio_device *device, uint32_t pin, uint32_t trigger);
    /** The interrupt came: the pins whose triggers have told, a bit each; they are taken back. NULL: there is no interrupt. */
    uint64_t (*interrupt)(struct gpio_device *device);
    /** A level trigger may tell again (G2). NULL where interrupt is. */
    void (*arm)(struct gpio_device *device, uint32_t pin);
};
