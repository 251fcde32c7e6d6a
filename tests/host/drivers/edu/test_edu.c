/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The educational device: factorials and interrupts; lies about who it is, what it has computed and what it is doing are told; every access
 * may fail, and the driver be killed at each.
 */
#include <edu.h>

#include "../stage/faults.h"

#define COMPUTES (50 * DEVICE_MICROSECOND)

static struct edu_model {
    uint32_t identity, liveness, factorial, status, interrupts;
    uint64_t now, ends; /* when it will have computed; UINT64_MAX: it computes nothing */
    uint64_t takes;
    bool wrong; /* it computes zero */
    bool deaf;  /* to acknowledgements */
    bool gone;
} model;
static struct stage stage;
static struct edu_device device;

static uint32_t factorial_of(uint32_t number)
{
    uint32_t value = 1;

    CHECK(number <= EDU_NUMBER_MAX); /* nobody lets it multiply 2^32 times */
    while (number > 0)
        value *= number--;
    return value;
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    const struct edu_model *m = context;

    CHECK_EQ(width, 4);
    if (m->gone)
        return UINT32_MAX;
    switch (offset) {
    case 0x00: return m->identity;
    case 0x04: return ~m->liveness;
    case 0x08: return m->factorial;
    case 0x20: return m->status;
    case 0x24: return m->interrupts;
    default: CHECK(!"a register that cannot be read"); return 0;
    }
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct edu_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x04: m->liveness = value; break;
    case 0x08:
        if (m->status & 1)
            break; /* it is ignored */
        m->status |= 1;
        m->factorial = value;
        m->ends = m->now + m->takes;
        break;
    case 0x20: m->status = (m->status & ~0x80u) | (value & 0x80); break;
    case 0x60: m->interrupts |= value; break;
    case 0x64: m->interrupts &= m->deaf ? UINT32_MAX : ~value; break;
    default: CHECK(!"a register that cannot be written");
    }
}

static void pass(void *context, uint64_t now)
{
    struct edu_model *m = context;

    m->now = now;
    if (now < m->ends)
        return;
    m->ends = UINT64_MAX;
    m->factorial = m->wrong ? 0 : factorial_of(m->factorial);
    m->status &= ~1u;
    if (m->status & 0x80)
        m->interrupts |= 1;
}

static uint64_t next(void *context)
{
    const struct edu_model *m = context;
    return m->ends;
}

static bool line(void *context)
{
    const struct edu_model *m = context;
    return m->interrupts != 0;
}

static struct stage *create(void)
{
    static const struct stage_device behaviour = {model_read, model_write, pass, next, line};

    model = (struct edu_model){.identity = 0x010000ed, .ends = UINT64_MAX, .takes = COMPUTES};
    stage_init(&stage, &behaviour, &model);
    return &stage;
}

static kern_return_t start(void)
{
    return edu_device_start(&device, &stage.environment, stage_registers(&stage));
}

static void test_factorials(void)
{
    uint32_t value;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    for (uint32_t number = 0; number <= EDU_NUMBER_MAX; number++) {
        CHECK_EQ(edu_device_factorial(&device, number, &value), KERN_SUCCESS);
        CHECK_EQ(value, factorial_of(number));
    }
    CHECK_EQ(edu_device_factorial(&device, EDU_NUMBER_MAX + 1, &value), KERN_OVERFLOW);
    CHECK_EQ(edu_device_factorial(&device, UINT32_MAX, &value), KERN_OVERFLOW);
    CHECK_EQ(device.interrupts, 0);
}

static void test_interrupts(void)
{
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    edu_device_interrupt(&device); /* somebody else's */
    CHECK_EQ(device.interrupts, 0);
    CHECK_EQ(edu_device_raise(&device, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(edu_device_raise(&device, EDU_CAUSES + 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(edu_device_raise(&device, UINT32_MAX), KERN_INVALID_ARGUMENT);
    CHECK(!line(&model));
    CHECK_EQ(edu_device_raise(&device, 0x14), KERN_SUCCESS);
    CHECK(line(&model));
    edu_device_interrupt(&device);
    CHECK(!line(&model));
    CHECK(device.interrupts == 1 && device.causes == 0x14);
}

static void test_lies(void)
{
    uint32_t value;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    model.wrong = true;
    CHECK_EQ(edu_device_factorial(&device, 5, &value), KERN_MEMORY_FAILURE);
    model.wrong = false;
    model.takes = 2 * EDU_PATIENCE + EDU_PATIENCE / 2; /* it is late: two requests in vain */
    CHECK_EQ(edu_device_factorial(&device, 6, &value), KERN_OPERATION_TIMED_OUT);
    CHECK_EQ(edu_device_factorial(&device, 7, &value), KERN_OPERATION_TIMED_OUT);
    model.takes = COMPUTES;
    CHECK_EQ(edu_device_factorial(&device, 8, &value), KERN_SUCCESS);
    CHECK_EQ(value, factorial_of(8));
    model.status = 1; /* for ever */
    CHECK_EQ(start(), KERN_OPERATION_TIMED_OUT);
    model.status = 0;
    model.interrupts = 1;
    model.deaf = true;
    CHECK_EQ(start(), KERN_FAILURE);
    model.identity = 0x010000ee;
    CHECK_EQ(start(), KERN_NOT_FOUND);
}

static void test_gone(void)
{
    uint32_t value;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    model.gone = true;
    CHECK_EQ(edu_device_factorial(&device, 5, &value), KERN_MEMORY_FAILURE);
    edu_device_interrupt(&device);
    CHECK(device.interrupts == 0 && device.causes == 0);
    CHECK_EQ(start(), KERN_NOT_FOUND);
}

static void work(struct stage *s)
{
    uint32_t value;

    (void)s;
    if (start() != KERN_SUCCESS)
        return;
    if (edu_device_factorial(&device, 5, &value) == KERN_SUCCESS)
        CHECK(value >= 1 && value <= factorial_of(EDU_NUMBER_MAX)); /* E2 */
    CHECK_EQ(edu_device_raise(&device, 2), KERN_SUCCESS);
    edu_device_interrupt(&device);
    CHECK(device.interrupts <= 1);
}

static void drive(void *context)
{
    work(context);
}

/* A driver that was killed anywhere leaves a device that the next one can use (E3). */
static void test_kills(void)
{
    uint32_t value;

    create();
    work(&stage);
    const uint64_t accesses = stage.accesses;
    for (uint64_t n = 1; n <= 2 * accesses; n++) {
        create();
        stage.kill_at = (n + 1) / 2;
        stage.kill_after = n % 2 == 0;
        CHECK(!stage_run(&stage, drive, &stage));
        CHECK_EQ(start(), KERN_SUCCESS);
        CHECK(!line(&model));
        CHECK_EQ(edu_device_factorial(&device, 9, &value), KERN_SUCCESS);
        CHECK_EQ(value, factorial_of(9));
    }
}

int main(int argc, char **argv)
{
    static const struct fault_plan plan = {.create = create,
                                           .work = work,
                                           .accesses = 30,
                                           .most_time = 4 * EDU_PATIENCE,
                                           .most_accesses = 40000};

    check_begin(argc, argv);
    test_factorials();
    test_interrupts();
    test_lies();
    test_gone();
    run_with_faults(&plan);
    test_kills();
    return check_end();
}
