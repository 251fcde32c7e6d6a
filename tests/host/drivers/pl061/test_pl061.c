/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL061 against a model: pins, edges and levels.
 */
#include <pl061.h>

#include "../stage/faults.h"

static struct pl061_model {
    uint8_t out, outside, dir, is, ibe, iev, ie, edges, afsel, before;
    uint64_t glitches;
} model;
static struct stage stage;
static struct pl061 gpio;
#define G (&gpio.gpio)

static uint8_t levels(const struct pl061_model *m)
{
    return (uint8_t)((m->out & m->dir) | (m->outside & ~m->dir));
}

static uint8_t raw(const struct pl061_model *m)
{
    uint8_t level = (uint8_t)(m->iev ? (levels(m) & m->iev) | (~levels(m) & ~m->iev) : ~levels(m));
    return (uint8_t)((m->edges & ~m->is) | (level & m->is));
}

static void look(struct pl061_model *m)
{
    uint8_t now = levels(m), up = (uint8_t)(now & ~m->before), down = (uint8_t)(~now & m->before);

    m->edges |= (uint8_t)((up & (m->ibe | m->iev)) | (down & (m->ibe | ~m->iev))) & (uint8_t)~m->is;
    if (now != m->before)
        m->glitches++;
    m->before = now;
}

static uint8_t *simple(struct pl061_model *m, uint32_t offset)
{
    switch (offset) {
    case 0x400: return &m->dir;
    case 0x404: return &m->is;
    case 0x408: return &m->ibe;
    case 0x40c: return &m->iev;
    case 0x410: return &m->ie;
    case 0x420: return &m->afsel;
    default: return NULL;
    }
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct pl061_model *m = context;

    CHECK_EQ(width, 4);
    if (offset < 0x400)
        return levels(m) & offset >> 2;
    if (offset == 0x418)
        return raw(m) & m->ie;
    if (offset == 0xfe0)
        return 0x61;
    if (offset == 0xfe4)
        return 0x10;
    CHECK(simple(m, offset) != NULL);
    return *simple(m, offset);
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct pl061_model *m = context;
    uint8_t mask = (uint8_t)(offset >> 2);

    CHECK_EQ(width, 4);
    if (offset < 0x400) {
        mask &= m->dir; /* of inputs nothing is kept */
        m->out = (uint8_t)((m->out & ~mask) | (value & mask));
    } else if (offset == 0x41c) {
        m->edges &= (uint8_t)~value;
    } else {
        CHECK(simple(m, offset) != NULL);
        *simple(m, offset) = (uint8_t)value;
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
    struct pl061_model *m = context;
    return raw(m) & m->ie;
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

static struct stage *create(void)
{
    model = (struct pl061_model){.dir = 0x81, .out = 0x80, .ie = 0xff, .edges = 0x12};
    look(&model);
    stage_init(&stage, &device, &model);
    pl061_init(&gpio, &stage.environment, stage_registers(&stage));
    return &stage;
}

static void set_outside(unsigned pin, bool level)
{
    model.outside = (uint8_t)(level ? model.outside | 1u << pin : model.outside & ~(1u << pin));
    look(&model);
}

static void test_pins(void)
{
    bool level;

    create();
    CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
    CHECK_EQ(model.dir, 0x81);
    CHECK_EQ(model.out, 0x80);
    CHECK(!line(&model));
    for (uint32_t pin = 0; pin < 8; pin++) {
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_INPUT, 0, 0), KERN_SUCCESS);
        CHECK_EQ(G->ops->set(G, pin, true), KERN_NOT_SUPPORTED);
        set_outside(pin, pin & 1);
        CHECK_EQ(G->ops->get(G, pin, &level), KERN_SUCCESS);
        CHECK_EQ(level, pin & 1);
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_OUTPUT, 0, 0), KERN_SUCCESS);
        CHECK_EQ(levels(&model) >> pin & 1, pin & 1);
        CHECK_EQ(G->ops->set(G, pin, !(pin & 1)), KERN_SUCCESS);
        CHECK_EQ(levels(&model) >> pin & 1, !(pin & 1));
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_ALTERNATE, 0, 0), KERN_SUCCESS);
        CHECK_EQ(model.afsel, 1u << pin);
        CHECK_EQ(G->ops->set(G, pin, true), KERN_NOT_SUPPORTED);
        CHECK_EQ(G->ops->set_mode(G, pin, GPIO_MODE_OUTPUT, 0, 0), KERN_SUCCESS);
        CHECK_EQ(model.afsel, 0);
    }
    CHECK_EQ(G->ops->set_mode(G, 8, 0, 0, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(G->ops->get(G, UINT32_MAX, &level), KERN_INVALID_ARGUMENT);
    CHECK_EQ(G->ops->set(G, 8, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(G->ops->set_trigger(G, 8, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(G->ops->set_mode(G, 0, 0, 0, GPIO_PULL_UP), KERN_NOT_SUPPORTED);
    CHECK_EQ(G->ops->set_mode(G, 0, 2, 1, 0), KERN_INVALID_VALUE);
    CHECK_EQ(G->ops->set_mode(G, 0, 3, 0, 0), KERN_INVALID_VALUE);
    CHECK_EQ(G->ops->set_trigger(G, 0, 6), KERN_INVALID_VALUE);
}

static void test_triggers(void)
{
    for (uint32_t pin = 1; pin < 7; pin++)
        for (uint32_t trigger = GPIO_TRIGGER_RISING; trigger <= GPIO_TRIGGER_LOW; trigger++) {
            bool is_level = trigger >= GPIO_TRIGGER_HIGH;
            bool up = is_level ? trigger == GPIO_TRIGGER_HIGH : trigger & 1;
            bool down = is_level ? trigger == GPIO_TRIGGER_LOW : trigger & 2;
            create();
            set_outside(pin, is_level && !up);
            CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
            CHECK_EQ(G->ops->set_trigger(G, pin, trigger), KERN_SUCCESS);
            CHECK(!line(&model));
            set_outside(pin, !(is_level && !up));
            CHECK_EQ(G->ops->interrupt(G), (is_level || up) ? 1u << pin : 0);
            CHECK(!line(&model));
            if (is_level) {
                G->ops->arm(G, pin);
                CHECK(line(&model));
                CHECK_EQ(G->ops->interrupt(G), 1u << pin);
                continue;
            }
            set_outside(pin, false);
            CHECK_EQ(G->ops->interrupt(G), down ? 1u << pin : 0);
            CHECK_EQ(G->ops->interrupt(G), 0);
            CHECK_EQ(G->ops->set_trigger(G, pin, GPIO_TRIGGER_OFF), KERN_SUCCESS);
            set_outside(pin, true);
            CHECK(!line(&model));
        }
    /* A level and an edge at once: both are told, and only the level is masked. */
    create();
    CHECK_EQ(G->ops->start(G), KERN_SUCCESS);
    CHECK_EQ(G->ops->set_trigger(G, 2, GPIO_TRIGGER_HIGH), KERN_SUCCESS);
    CHECK_EQ(G->ops->set_trigger(G, 3, GPIO_TRIGGER_RISING), KERN_SUCCESS);
    set_outside(2, true);
    set_outside(3, true);
    CHECK_EQ(G->ops->interrupt(G), 12);
    CHECK_EQ(model.ie, 8);
    set_outside(3, false);
    set_outside(3, true);
    CHECK_EQ(G->ops->interrupt(G), 8);
}

static void work(struct stage *s)
{
    bool level;

    (void)s;
    if (G->ops->start(G) != KERN_SUCCESS)
        return;
    for (uint32_t pin = 0; pin < 8; pin++) {
        (void)G->ops->set_mode(G, pin, pin % 3, 0, 0);
        (void)G->ops->set_trigger(G, pin, pin % 6);
        (void)G->ops->get(G, pin, &level);
        (void)G->ops->set(G, pin, true);
        CHECK_EQ(G->ops->interrupt(G) & ~UINT64_C(0xff), 0);
        G->ops->arm(G, pin);
    }
}

int main(int argc, char **argv)
{
    struct fault_plan plan = {create, work, 150, DEVICE_SECOND, 10000};

    check_begin(argc, argv);
    test_pins();
    test_triggers();
    run_with_faults(&plan);
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        create();
        stage.fault = fault;
        stage.fault_for = UINT64_MAX;
        CHECK_EQ(G->ops->start(G), KERN_FAILURE);
    }
    return check_end();
}
