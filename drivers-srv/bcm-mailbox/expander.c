/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pins of the GPIO expander, which the firmware drives over I2C. To it they are numbers 128 to 135. The first word of every
 * answer is 0 if it did what it was told.
 */
#include "bcm_mailbox.h"

enum {
    GET_STATE = 0x00030041,
    SET_STATE = 0x00038041,
    GET_CONFIG = 0x00030043,
    SET_CONFIG = 0x00038043,
};
enum { FIRST = 128 };
enum {
    CONFIG_PIN,
    CONFIG_OUTPUT,
    CONFIG_POLARITY,
    CONFIG_TERMINATED,
    CONFIG_PULL_UP,
    CONFIG_STATE
};

static kern_return_t ask(struct gpio_device *gpio, uint32_t tag, uint32_t pin, uint32_t *value,
                         uint32_t count, uint32_t wanted)
{
    struct bcm_expander *x = (struct bcm_expander *)gpio;
    uint32_t answered = 0;
    kern_return_t kr;

    value[0] = FIRST + pin;
    kr = firmware_property_of(x->firmware, tag, value, count, &answered);
    if (kr != KERN_SUCCESS)
        return kr;
    return answered >= wanted && value[0] == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

static kern_return_t level_of(struct gpio_device *gpio, uint32_t pin, bool *level)
{
    uint32_t value[2] = {0};
    kern_return_t kr = ask(gpio, GET_STATE, pin, value, 2, 2);

    if (kr != KERN_SUCCESS)
        return kr;
    if (value[1] > 1)
        return KERN_FAILURE;
    *level = value[1];
    return KERN_SUCCESS;
}

static kern_return_t expander_get(struct gpio_device *gpio, uint32_t pin, bool *level)
{
    return pin < BCM_EXPANDER_PINS ? level_of(gpio, pin, level) : KERN_INVALID_ARGUMENT;
}

static kern_return_t config_of(struct gpio_device *gpio, uint32_t pin, uint32_t *config)
{
    return ask(gpio, GET_CONFIG, pin, config, CONFIG_PULL_UP + 1, CONFIG_PULL_UP + 1);
}

static kern_return_t expander_set(struct gpio_device *gpio, uint32_t pin, bool level)
{
    uint32_t value[2] = {0, level}, config[CONFIG_STATE + 1] = {0};
    kern_return_t kr;

    if (pin >= BCM_EXPANDER_PINS)
        return KERN_INVALID_ARGUMENT;
    kr = config_of(gpio, pin, config);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!config[CONFIG_OUTPUT])
        return KERN_NOT_SUPPORTED;
    return ask(gpio, SET_STATE, pin, value, 2, 1);
}

static kern_return_t expander_set_mode(struct gpio_device *gpio, uint32_t pin, uint32_t mode,
                                       uint32_t function, uint32_t pull)
{
    uint32_t config[CONFIG_STATE + 1] = {0};
    bool level = false;
    kern_return_t kr;

    (void)function;
    if (pin >= BCM_EXPANDER_PINS)
        return KERN_INVALID_ARGUMENT;
    if (mode > GPIO_MODE_ALTERNATE || pull > GPIO_PULL_DOWN)
        return KERN_INVALID_VALUE;
    if (mode == GPIO_MODE_ALTERNATE || pull == GPIO_PULL_DOWN)
        return KERN_NOT_SUPPORTED;
    kr = config_of(gpio, pin, config); /* for the polarity, which is the board's */
    if (kr == KERN_SUCCESS)
        kr = level_of(gpio, pin, &level);
    if (kr != KERN_SUCCESS)
        return kr;
    config[CONFIG_OUTPUT] = mode == GPIO_MODE_OUTPUT;
    config[CONFIG_TERMINATED] = config[CONFIG_PULL_UP] = pull == GPIO_PULL_UP;
    config[CONFIG_STATE] = level;
    return ask(gpio, SET_CONFIG, pin, config, CONFIG_STATE + 1, 1);
}

static kern_return_t expander_set_trigger(struct gpio_device *gpio, uint32_t pin, uint32_t trigger)
{
    (void)gpio;
    if (pin >= BCM_EXPANDER_PINS)
        return KERN_INVALID_ARGUMENT;
    if (trigger > GPIO_TRIGGER_LOW)
        return KERN_INVALID_VALUE;
    return trigger == GPIO_TRIGGER_OFF ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
}

/* Whether the firmware knows the tags at all: a board without the chip has pins that answer with an error, if they do. */
static kern_return_t expander_start(struct gpio_device *gpio)
{
    bool level;
    kern_return_t kr = level_of(gpio, 0, &level);

    return kr == KERN_NOT_SUPPORTED ? KERN_FAILURE : kr;
}

static const struct gpio_device_ops ops = {
    .start = expander_start,
    .set_mode = expander_set_mode,
    .get = expander_get,
    .set = expander_set,
    .set_trigger = expander_set_trigger,
};

void bcm_expander_init(struct bcm_expander *expander, struct firmware_device *firmware)
{
    *expander = (struct bcm_expander){
        .gpio = {.ops = &ops, .pins = BCM_EXPANDER_PINS},
        .firmware = firmware,
    };
}
