/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCM2711 pins: functions, pulls, levels, and what they tell.
 *
 * The pulls are the new ones of the BCM2711, two bits a pin; the sequence of the older chips does nothing here. A function is changed by reading and writing ten
 * pins at once: all pins of the chip have one driver, this.
 */
#include "bcm2711_gpio.h"

enum {
    FUNCTION = 0x00, /* 10 pins a register */
    SET = 0x1c,      /* from here: 32 pins a register */
    CLEAR = 0x28,
    LEVEL = 0x34,
    STATUS = 0x40,
    RISING = 0x4c,
    FALLING = 0x58,
    HIGH = 0x64,
    LOW = 0x70,
    RISING_ASYNC = 0x7c,
    FALLING_ASYNC = 0x88,
    PULL = 0xe4, /* 16 pins a register */
};
enum { FUNCTION_INPUT = 0, FUNCTION_OUTPUT = 1, FUNCTION_MASK = 7, PULL_MASK = 3 };

static const uint8_t alternates[] = {4, 5, 6, 7, 3, 2};
static const uint32_t detectors[] = {RISING, FALLING, HIGH, LOW, RISING_ASYNC, FALLING_ASYNC};

static struct bcm2711_gpio *of(struct gpio_device *gpio)
{
    return (struct bcm2711_gpio *)gpio;
}

static uint32_t bank(uint32_t reg, uint32_t pin)
{
    return reg + pin / 32 * 4;
}

static uint32_t bit(uint32_t pin)
{
    return 1u << pin % 32;
}

static uint32_t read(struct gpio_device *g, uint32_t reg)
{
    return register_read32(&g->registers, reg);
}

static void write(struct gpio_device *g, uint32_t reg, uint32_t value)
{
    register_write32(&g->registers, reg, value);
}

static void change_bits(struct gpio_device *g, uint32_t reg, uint32_t mask, uint32_t value)
{
    write(g, reg, (read(g, reg) & ~mask) | value);
}

static uint32_t function_of(struct gpio_device *g, uint32_t pin)
{
    return read(g, FUNCTION + pin / 10 * 4) >> pin % 10 * 3 & FUNCTION_MASK;
}

static void set_function(struct gpio_device *g, uint32_t pin, uint32_t function)
{
    unsigned shift = pin % 10 * 3;

    if (function_of(g, pin) != function)
        change_bits(g, FUNCTION + pin / 10 * 4, (uint32_t)FUNCTION_MASK << shift,
                    function << shift);
}

static void set_pull(struct gpio_device *g, uint32_t pin, uint32_t pull)
{
    unsigned shift = pin % 16 * 2; /* enum gpio_pull has the chip's numbers */

    change_bits(g, PULL + pin / 16 * 4, (uint32_t)PULL_MASK << shift, pull << shift);
}

static bool level_of(struct gpio_device *g, uint32_t pin)
{
    return read(g, bank(LEVEL, pin)) & bit(pin);
}

static void drive(struct gpio_device *g, uint32_t pin, bool level)
{
    write(g, bank(level ? SET : CLEAR, pin), bit(pin));
}

static kern_return_t gpio_set_mode(struct gpio_device *g, uint32_t pin, uint32_t mode,
                                   uint32_t function, uint32_t pull)
{
    if (pin >= BCM2711_PINS)
        return KERN_INVALID_ARGUMENT;
    if (mode > GPIO_MODE_ALTERNATE || pull > GPIO_PULL_DOWN ||
        (mode == GPIO_MODE_ALTERNATE && function >= sizeof alternates))
        return KERN_INVALID_VALUE;
    set_pull(g, pin, pull);
    switch (mode) {
    case GPIO_MODE_INPUT: set_function(g, pin, FUNCTION_INPUT); break;
    case GPIO_MODE_ALTERNATE: set_function(g, pin, alternates[function]); break;
    default:
        if (function_of(g, pin) != FUNCTION_OUTPUT)
            drive(g, pin, level_of(g, pin)); /* no edge that nobody asked for */
        set_function(g, pin, FUNCTION_OUTPUT);
    }
    return KERN_SUCCESS;
}

static kern_return_t gpio_get(struct gpio_device *g, uint32_t pin, bool *level)
{
    if (pin >= BCM2711_PINS)
        return KERN_INVALID_ARGUMENT;
    *level = level_of(g, pin);
    return KERN_SUCCESS;
}

static kern_return_t gpio_set(struct gpio_device *g, uint32_t pin, bool level)
{
    if (pin >= BCM2711_PINS)
        return KERN_INVALID_ARGUMENT;
    if (function_of(g, pin) != FUNCTION_OUTPUT)
        return KERN_NOT_SUPPORTED;
    drive(g, pin, level);
    return KERN_SUCCESS;
}

static void set_detector(struct gpio_device *g, uint32_t reg, uint32_t pin, bool on)
{
    change_bits(g, bank(reg, pin), bit(pin), on ? bit(pin) : 0);
}

static kern_return_t gpio_set_trigger(struct gpio_device *g, uint32_t pin, uint32_t trigger)
{
    if (pin >= BCM2711_PINS)
        return KERN_INVALID_ARGUMENT;
    if (trigger > GPIO_TRIGGER_LOW)
        return KERN_INVALID_VALUE;
    for (unsigned i = RISING; i <= LOW; i += FALLING - RISING)
        set_detector(g, i, pin, false);
    write(g, bank(STATUS, pin), bit(pin)); /* what was told before is not for who asks now */
    of(g)->triggers[pin] = (uint8_t)trigger;
    if (trigger == GPIO_TRIGGER_RISING || trigger == GPIO_TRIGGER_BOTH)
        set_detector(g, RISING, pin, true);
    if (trigger == GPIO_TRIGGER_FALLING || trigger == GPIO_TRIGGER_BOTH)
        set_detector(g, FALLING, pin, true);
    if (trigger == GPIO_TRIGGER_HIGH || trigger == GPIO_TRIGGER_LOW)
        set_detector(g, trigger == GPIO_TRIGGER_HIGH ? HIGH : LOW, pin, true);
    return KERN_SUCCESS;
}

/* A level that told is off before its status is taken back, or it would tell again at once. */
static void quieten(struct gpio_device *g, uint32_t pin)
{
    if (of(g)->triggers[pin] == GPIO_TRIGGER_HIGH)
        set_detector(g, HIGH, pin, false);
    else if (of(g)->triggers[pin] == GPIO_TRIGGER_LOW)
        set_detector(g, LOW, pin, false);
}

static uint64_t gpio_interrupt(struct gpio_device *g)
{
    uint64_t told = 0;

    for (uint32_t first = 0; first < BCM2711_PINS; first += 32) {
        uint32_t status = read(g, bank(STATUS, first));
        for (uint32_t pin = first; pin < first + 32 && pin < BCM2711_PINS; pin++)
            if (status & bit(pin) && of(g)->triggers[pin] != GPIO_TRIGGER_OFF) {
                quieten(g, pin);
                told |= UINT64_C(1) << pin;
            }
        if (status)
            write(g, bank(STATUS, first), status);
    }
    return told;
}

static void gpio_arm(struct gpio_device *g, uint32_t pin)
{
    if (pin >= BCM2711_PINS)
        return;
    if (of(g)->triggers[pin] == GPIO_TRIGGER_HIGH)
        set_detector(g, HIGH, pin, true);
    else if (of(g)->triggers[pin] == GPIO_TRIGGER_LOW)
        set_detector(g, LOW, pin, true);
}

static kern_return_t gpio_start(struct gpio_device *g)
{
    uint32_t left = 0;

    for (unsigned i = 0; i < sizeof detectors / sizeof *detectors; i++)
        for (uint32_t first = 0; first < BCM2711_PINS; first += 32) {
            write(g, bank(detectors[i], first), 0);
            left |= read(g, bank(detectors[i], first));
        }
    for (uint32_t first = 0; first < BCM2711_PINS; first += 32)
        write(g, bank(STATUS, first), UINT32_MAX);
    return left == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

static const struct gpio_device_ops ops = {
    .start = gpio_start,
    .set_mode = gpio_set_mode,
    .get = gpio_get,
    .set = gpio_set,
    .set_trigger = gpio_set_trigger,
    .interrupt = gpio_interrupt,
    .arm = gpio_arm,
};

void bcm2711_gpio_init(struct bcm2711_gpio *gpio, const struct device_environment *environment,
                       struct registers registers)
{
    *gpio = (struct bcm2711_gpio){
        .gpio = {.ops = &ops,
                 .environment = environment,
                 .registers = registers,
                 .pins = BCM2711_PINS},
    };
}
