/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL061 pins. It has no pulls. The address of the data register says which pins are meant, so that a pin is driven without
 * reading the others.
 */
#include "pl061.h"

enum {
    DATA = 0x000, /* + mask << 2 */
    DIR = 0x400,
    IS = 0x404,  /* 1: level */
    IBE = 0x408, /* 1: both edges */
    IEV = 0x40c, /* 1: rising, or high */
    IE = 0x410,
    MIS = 0x418,
    IC = 0x41c,
    AFSEL = 0x420,
    PERIPH_ID0 = 0xfe0,
    PERIPH_ID1 = 0xfe4,
};
enum { ALL = 0xff, PART_LOW = 0x61, PART_HIGH = 0 };

static struct pl061 *of(struct gpio_device *gpio)
{
    return (struct pl061 *)gpio;
}

static uint32_t read(struct gpio_device *g, uint32_t reg)
{
    return register_read32(&g->registers, reg) & ALL;
}

static void write(struct gpio_device *g, uint32_t reg, uint32_t value)
{
    register_write32(&g->registers, reg, value & ALL);
}

static uint32_t data_of(uint32_t pin)
{
    return DATA + (1u << pin << 2);
}

static void set_bit(struct gpio_device *g, uint32_t reg, uint32_t pin, bool on)
{
    uint32_t value = read(g, reg), bit = 1u << pin;
    uint32_t changed = on ? value | bit : value & ~bit;

    if (changed != value)
        write(g, reg, changed);
}

static bool level_of(struct gpio_device *g, uint32_t pin)
{
    return read(g, data_of(pin)) >> pin & 1;
}

static void drive(struct gpio_device *g, uint32_t pin, bool level)
{
    write(g, data_of(pin), level ? ALL : 0);
}

static bool is_output(struct gpio_device *g, uint32_t pin)
{
    return !(read(g, AFSEL) >> pin & 1) && read(g, DIR) >> pin & 1;
}

static kern_return_t pl061_set_mode(struct gpio_device *g, uint32_t pin, uint32_t mode,
                                    uint32_t function, uint32_t pull)
{
    if (pin >= PL061_PINS)
        return KERN_INVALID_ARGUMENT;
    if (mode > GPIO_MODE_ALTERNATE || pull > GPIO_PULL_DOWN ||
        (mode == GPIO_MODE_ALTERNATE && function != 0))
        return KERN_INVALID_VALUE;
    if (pull != GPIO_PULL_NONE)
        return KERN_NOT_SUPPORTED;
    if (mode == GPIO_MODE_OUTPUT && !is_output(g, pin)) {
        bool level = level_of(g, pin);
        set_bit(g, DIR, pin, true);
        drive(g, pin, level); /* the register takes no data for an input */
    } else if (mode == GPIO_MODE_INPUT) {
        set_bit(g, DIR, pin, false);
    }
    set_bit(g, AFSEL, pin, mode == GPIO_MODE_ALTERNATE);
    return KERN_SUCCESS;
}

static kern_return_t pl061_get(struct gpio_device *g, uint32_t pin, bool *level)
{
    if (pin >= PL061_PINS)
        return KERN_INVALID_ARGUMENT;
    *level = level_of(g, pin);
    return KERN_SUCCESS;
}

static kern_return_t pl061_set(struct gpio_device *g, uint32_t pin, bool level)
{
    if (pin >= PL061_PINS)
        return KERN_INVALID_ARGUMENT;
    if (!is_output(g, pin))
        return KERN_NOT_SUPPORTED;
    drive(g, pin, level);
    return KERN_SUCCESS;
}

/* Masked while it changes, and what came of the change is taken back. */
static kern_return_t pl061_set_trigger(struct gpio_device *g, uint32_t pin, uint32_t trigger)
{
    struct pl061 *p = of(g);
    uint8_t bit;
    bool level = trigger == GPIO_TRIGGER_HIGH || trigger == GPIO_TRIGGER_LOW;

    if (pin >= PL061_PINS)
        return KERN_INVALID_ARGUMENT;
    if (trigger > GPIO_TRIGGER_LOW)
        return KERN_INVALID_VALUE;
    bit = (uint8_t)(1u << pin);
    set_bit(g, IE, pin, false);
    p->watched &= (uint8_t)~bit;
    p->levels &= (uint8_t)~bit;
    if (trigger == GPIO_TRIGGER_OFF)
        return KERN_SUCCESS;
    set_bit(g, IS, pin, level);
    set_bit(g, IBE, pin, trigger == GPIO_TRIGGER_BOTH);
    set_bit(g, IEV, pin, trigger == GPIO_TRIGGER_RISING || trigger == GPIO_TRIGGER_HIGH);
    write(g, IC, bit);
    p->watched |= bit;
    if (level)
        p->levels |= bit;
    set_bit(g, IE, pin, true);
    return KERN_SUCCESS;
}

/* Edges are taken back; levels, and what nobody asked for, are masked. */
static uint64_t pl061_interrupt(struct gpio_device *g)
{
    struct pl061 *p = of(g);
    uint32_t told = read(g, MIS), edges = told & p->watched & ~(uint32_t)p->levels;

    if (told != edges)
        write(g, IE, read(g, IE) & ~(told & ~edges));
    if (edges)
        write(g, IC, edges);
    return told & p->watched;
}

static void pl061_arm(struct gpio_device *g, uint32_t pin)
{
    if (pin < PL061_PINS && of(g)->levels >> pin & 1)
        set_bit(g, IE, pin, true);
}

static kern_return_t pl061_start(struct gpio_device *g)
{
    struct pl061 *p = of(g);

    p->watched = p->levels = 0;
    if (read(g, PERIPH_ID0) != PART_LOW || (read(g, PERIPH_ID1) & 0xf) != PART_HIGH)
        return KERN_FAILURE;
    write(g, IE, 0);
    write(g, IC, ALL);
    return read(g, IE) == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

static const struct gpio_device_ops ops = {
    .start = pl061_start,
    .set_mode = pl061_set_mode,
    .get = pl061_get,
    .set = pl061_set,
    .set_trigger = pl061_set_trigger,
    .interrupt = pl061_interrupt,
    .arm = pl061_arm,
};

void pl061_init(struct pl061 *gpio, const struct device_environment *environment,
                struct registers registers)
{
    *gpio = (struct pl061){
        .gpio = {.ops = &ops,
                 .environment = environment,
                 .registers = registers,
                 .pins = PL061_PINS},
    };
}
