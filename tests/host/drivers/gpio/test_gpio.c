/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins of the BCM2711 against a model: each pin alone is changed by what is asked of it, triggers tell once an edge, levels until
 * they are looked at, and nothing a predecessor set is touched at the start.
 */
#include <bcm2711_gpio.h>

#include "../stage/faults.h"

enum { R_SET = 0x1c, R_CLR = 0x28, R_LEV = 0x34, R_EDS = 0x40, R_PULL = 0xe4 };
enum { REN, FEN, HEN, LEN, AREN, AFEN, DETECTORS };

static struct gpio_model {
    uint32_t function[6], pull[4];
    uint64_t out, outside; /* driven by us, and by the world */
    uint64_t detect[DETECTORS], status, before;
    uint64_t glitches; /* level changes of outputs */
} model;
static struct stage stage;
static struct bcm2711_gpio gpio;
#define G        (&gpio.gpio)
#define ALL_PINS ((UINT64_C(1) << 58) - 1)

static uint32_t function_of(const struct gpio_model *m, unsigned pin)
{
    return m->function[pin / 10] >> pin % 10 * 3 & 7;
}

static uint64_t levels(const struct gpio_model *m)
{
    uint64_t value = m->outside;
    for (unsigned pin = 0; pin < 58; pin++)
        if (function_of(m, pin) == 1)
            value = (value & ~(UINT64_C(1) << pin)) | (m->out & UINT64_C(1) << pin);
    return value & ALL_PINS;
}

static void look(struct gpio_model *m)
{
    uint64_t now = levels(m);

    m->status |= (m->detect[REN] | m->detect[AREN]) & now & ~m->before;
    m->status |= (m->detect[FEN] | m->detect[AFEN]) & ~now & m->before;
    m->status |= (m->detect[HEN] & now) | (m->detect[LEN] & ~now);
    m->status &= ALL_PINS;
    if (now != m->before)
        m->glitches++;
    m->before = now;
}

static uint64_t *bank_of(struct gpio_model *m, uint32_t offset)
{
    if (offset >= 0x4c && offset < 0x94 && (offset - 0x4c) % 12 < 8)
        return &m->detect[(offset - 0x4c) / 12];
    return NULL;
}

static bool is_high(uint32_t offset)
{
    return (offset - 0x1c) % 12 == 4;
}

static uint32_t half(uint64_t value, uint32_t offset)
{
    return (uint32_t)(is_high(offset) ? value >> 32 : value);
}

static uint64_t shifted(uint32_t value, uint32_t offset)
{
    return is_high(offset) ? (uint64_t)value << 32 : value;
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct gpio_model *m = context;

    CHECK_EQ(width, 4);
    if (offset < 0x18)
        return m->function[offset / 4];
    if (offset == R_LEV || offset == R_LEV + 4)
        return half(levels(m), offset);
    if (offset == R_EDS || offset == R_EDS + 4)
        return half(m->status, offset);
    if (offset >= R_PULL && offset < R_PULL + 16)
        return m->pull[(offset - R_PULL) / 4];
    CHECK(bank_of(m, offset) != NULL);
    return half(*bank_of(m, offset), offset);
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct gpio_model *m = context;

    CHECK_EQ(width, 4);
    if (offset < 0x18)
        m->function[offset / 4] = value;
    else if (offset == R_SET || offset == R_SET + 4)
        m->out |= shifted(value, offset);
    else if (offset == R_CLR || offset == R_CLR + 4)
        m->out &= ~shifted(value, offset);
    else if (offset == R_EDS || offset == R_EDS + 4)
        m->status &= ~shifted(value, offset);
    else if (offset >= R_PULL && offset < R_PULL + 16)
        m->pull[(offset - R_PULL) / 4] = value;
    else {
        uint64_t *detect = bank_of(m, offset),
                 keep = is_high(offset) ? UINT32_MAX : ~(uint64_t)UINT32_MAX;
        CHECK(detect != NULL);
        *detect = ((*detect & keep) | shifted(value, offset)) & ALL_PINS;
    }
    look(m);
}

static void pass(void *context, uint64_t now)
{
    (void)now;
    look(context);
}

static uint64_t next(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static bool line(void *context)
{
    return ((struct gpio_model *)context)->status != 0;
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

static struct stage *create(void)
{
    model = (struct gpio_model){
        .function = {0x00024900, 0x3f, 01234567, 0x20000000, 0x12345, 0x249249},
        .pull = {0xaaa95555, 0xa0aaaaaa, 0x50aaa95a, 0x00055555},
    };
    look(&model);
    stage_init(&stage, &device, &model);
    bcm2711_gpio_init(&gpio, &stage.environment, stage_registers(&stage));
    return &stage;
}

static void set_outside(unsigned pin, bool level)
{
    uint64_t bit = UINT64_C(1) << pin;
    model.outside = level ? model.outside | bit : model.outside & ~bit;
    look(&model);
}

static void test_modes(void)
{
    static const uint8_t codes[] = {4, 5, 6, 7, 3, 2};

    for (uint32_t pin = 0; pin < 58; pin++)
        for (uint32_t mode = 0; mode < 3; mode++)
            for (uint32_t pull = 0; pull < 3; pull++)
                for (uint32_t function = 0; function < 6; function++) {
                    create();
                    struct gpio_model before = model;
                    CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
                    CHECK_EQ(memcmp(before.function, model.function, sizeof before.function), 0);
                    CHECK_EQ(memcmp(before.pull, model.pull, sizeof before.pull), 0);
                    CHECK_EQ(G->ops->set_mode(G, pin, mode, function, pull), KERN_SUCCESS);
                    CHECK_EQ(function_of(&model, pin), mode == 2 ? codes[function] : mode);
                    CHECK_EQ(model.pull[pin / 16] >> pin % 16 * 2 & 3, pull);
                    for (unsigned other = 0; other < 58; other++)
                        if (other != pin) {
                            CHECK_EQ(function_of(&model, other), function_of(&before, other));
                            CHECK_EQ(model.pull[other / 16] >> other % 16 * 2 & 3,
                                     before.pull[other / 16] >> other % 16 * 2 & 3);
                        }
                }
}

static void test_levels(void)
{
    bool level;

    create();
    CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
    for (uint32_t pin = 0; pin < 58; pin++) {
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_INPUT, 0, 0), KERN_SUCCESS);
        CHECK_EQ(G->ops->set(G, pin, true), KERN_NOT_SUPPORTED);
        set_outside(pin, pin & 1);
        CHECK_EQ(G->ops->get(G, pin, &level), KERN_SUCCESS);
        CHECK_EQ(level, pin & 1);
        uint64_t glitches = model.glitches;
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_OUTPUT, 0, 0), KERN_SUCCESS);
        CHECK_EQ(model.glitches, glitches);
        CHECK_EQ(G->ops->set(G, pin, !(pin & 1)), KERN_SUCCESS);
        CHECK_EQ(G->ops->get(G, pin, &level), KERN_SUCCESS);
        CHECK_EQ(level, !(pin & 1));
    }
    for (uint32_t pin = 58; pin != 0; pin = pin == 58 ? 64 : pin == 64 ? UINT32_MAX : 0) {
        CHECK_EQ(G->ops->get(G, pin, &level), KERN_INVALID_ARGUMENT);
        CHECK_EQ(G->ops->set(G, pin, true), KERN_INVALID_ARGUMENT);
        CHECK_EQ(G->ops->set_mode(G, pin, 0, 0, 0), KERN_INVALID_ARGUMENT);
        CHECK_EQ(G->ops->set_trigger(G, pin, 1), KERN_INVALID_ARGUMENT);
        G->ops->arm(G, pin);
    }
    CHECK_EQ(G->ops->set_mode(G, 1, 3, 0, 0), KERN_INVALID_VALUE);
    CHECK_EQ(G->ops->set_mode(G, 1, 0, 0, 3), KERN_INVALID_VALUE);
    CHECK_EQ(G->ops->set_mode(G, 1, 2, 6, 0), KERN_INVALID_VALUE);
    CHECK_EQ(G->ops->set_trigger(G, 1, 6), KERN_INVALID_VALUE);
}

static void test_edges(void)
{
    for (uint32_t pin = 0; pin < 58; pin++)
        for (uint32_t trigger = GPIO_TRIGGER_RISING; trigger <= GPIO_TRIGGER_BOTH; trigger++) {
            uint64_t bit = UINT64_C(1) << pin;
            create();
            memset(model.function, 0, sizeof model.function);
            model.detect[REN] = ALL_PINS; /* a predecessor's */
            CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
            CHECK_EQ(G->ops->set_trigger(G, pin, trigger), KERN_SUCCESS);
            CHECK_EQ(G->ops->interrupt(G), 0);
            set_outside((pin + 1) % 58, true);
            CHECK_EQ(G->ops->interrupt(G), 0);
            set_outside(pin, true);
            CHECK_EQ(G->ops->interrupt(G), trigger & 1 ? bit : 0);
            CHECK_EQ(G->ops->interrupt(G), 0);
            set_outside(pin, false);
            CHECK_EQ(G->ops->interrupt(G), trigger & 2 ? bit : 0);
            CHECK(!line(&model));
            CHECK_EQ(G->ops->set_trigger(G, pin, GPIO_TRIGGER_OFF), KERN_SUCCESS);
            set_outside(pin, true);
            CHECK(!line(&model));
        }
}

static void test_level_triggers(void)
{
    for (uint32_t pin = 0; pin < 58; pin++)
        for (uint32_t high = 0; high < 2; high++) {
            create();
            memset(model.function, 0, sizeof model.function);
            CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
            set_outside(pin, !high);
            CHECK_EQ(G->ops->set_trigger(G, pin, high ? GPIO_TRIGGER_HIGH : GPIO_TRIGGER_LOW),
                     KERN_SUCCESS);
            CHECK(!line(&model));
            set_outside(pin, high);
            CHECK_EQ(G->ops->interrupt(G), UINT64_C(1) << pin);
            CHECK(!line(&model)); /* until it is armed */
            G->ops->arm(G, pin);
            look(&model);
            CHECK_EQ(G->ops->interrupt(G), UINT64_C(1) << pin);
            set_outside(pin, !high);
            G->ops->arm(G, pin);
            CHECK(!line(&model));
        }
}

static void work(struct stage *s)
{
    bool level;

    (void)s;
    if (G->ops->start(G) != KERN_SUCCESS)
        return;
    for (uint32_t pin = 0; pin < 58; pin += 19) {
        (void)G->ops->set_mode(G, pin, pin % 3, 1, pin % 3);
        (void)G->ops->set_trigger(G, pin, pin % 6);
        (void)G->ops->get(G, pin, &level);
        (void)G->ops->set(G, pin, true);
        CHECK_EQ(G->ops->interrupt(G) & ~ALL_PINS, 0);
        G->ops->arm(G, pin);
    }
}

int main(int argc, char **argv)
{
    struct fault_plan plan = {create, work, 120, DEVICE_SECOND, 10000};

    check_begin(argc, argv);
    test_modes();
    test_levels();
    test_edges();
    test_level_triggers();
    run_with_faults(&plan);
    create();
    stage.fault = FAULT_ONES;
    stage.fault_for = UINT64_MAX;
    CHECK_EQ(G->ops->start(G), KERN_FAILURE);
    return check_end();
}
