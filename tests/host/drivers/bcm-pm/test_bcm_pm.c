/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power management block: the watchdog bites when it is not kicked and not before, a reset boots and a power-off halts, and
 * nothing is written without the password.
 */
#include <bcm_pm.h>

#include "../stage/faults.h"

static struct pm_model {
    uint64_t now, bites_at; /* 0: not armed */
    uint32_t rstc, rsts, wdog;
    bool has_reset, halts, deaf;
    unsigned refused; /* writes without the password */
} model;
static struct stage stage;
static struct bcm_pm pm;

static void pass(void *context, uint64_t now)
{
    struct pm_model *m = context;

    m->now = now;
    if (m->bites_at && now >= m->bites_at && !m->deaf) {
        m->has_reset = true;
        m->halts = (m->rsts & 0x555) == 0x555;
    }
}

static uint64_t next(void *context)
{
    struct pm_model *m = context;
    return m->bites_at && !m->has_reset && m->bites_at > m->now ? m->bites_at : UINT64_MAX;
}

static bool line(void *context)
{
    (void)context;
    return false;
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct pm_model *m = context;

    CHECK_EQ(width, 4);
    CHECK(offset == 0x1c || offset == 0x20);
    return offset == 0x1c ? m->rstc : m->rsts;
}

static void count_down(struct pm_model *m)
{
    m->bites_at = (m->rstc & 0x30) == 0x20 ? m->now + (uint64_t)m->wdog * DEVICE_SECOND / 65536 : 0;
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct pm_model *m = context;

    CHECK_EQ(width, 4);
    if (value >> 24 != 0x5a) {
        m->refused++;
        return;
    }
    value &= 0xffffff;
    switch (offset) {
    case 0x1c: m->rstc = value; break;
    case 0x20: m->rsts = value; return;
    case 0x24: m->wdog = value & 0xfffff; break;
    default: CHECK(!"a register that may be written");
    }
    count_down(m);
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

static struct stage *create(void)
{
    model = (struct pm_model){.rsts = 0x1000, .rstc = 0x102};
    stage_init(&stage, &device, &model);
    bcm_pm_init(&pm, &stage.environment, stage_registers(&stage));
    return &stage;
}

static kern_return_t watchdog(uint32_t milliseconds)
{
    uint32_t longest = 0;
    kern_return_t kr = pm.power.ops->watchdog(&pm.power, milliseconds, &longest);

    CHECK_EQ(longest, kr == KERN_SUCCESS ? BCM_PM_LONGEST : 0);
    return kr;
}

static void wait_ms(uint64_t milliseconds)
{
    stage_pass(&stage, stage.now + milliseconds * DEVICE_MILLISECOND, false);
}

static void test_watchdog(void)
{
    const uint32_t times[] = {1, 10, 1000, 5000, BCM_PM_LONGEST};

    for (unsigned i = 0; i < 5; i++) {
        create();
        for (unsigned kick = 0; kick < 10; kick++) {
            CHECK_EQ(watchdog(times[i]), KERN_SUCCESS);
            stage_pass(&stage, stage.now + times[i] * DEVICE_MILLISECOND * 9 / 10, false);
            CHECK(!model.has_reset);
        }
        wait_ms(times[i] / 5 + 1);
        CHECK(model.has_reset && !model.halts);
    }
    create();
    CHECK_EQ(watchdog(100), KERN_SUCCESS);
    CHECK_EQ(watchdog(BCM_PM_LONGEST + 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(watchdog(UINT32_MAX), KERN_INVALID_ARGUMENT);
    CHECK_EQ(watchdog(0), KERN_SUCCESS);
    wait_ms(100000);
    CHECK(!model.has_reset);
    CHECK_EQ(model.refused, 0);
    CHECK_EQ(model.rsts, 0x1000);
}

static void test_reset(void)
{
    for (uint32_t how = 0; how < 2; how++) {
        create();
        model.rsts = how ? 0x1000 : 0x1555;
        CHECK_EQ(pm.power.ops->reset(&pm.power, how), KERN_FAILURE); /* the simulation goes on */
        CHECK(model.has_reset);
        CHECK_EQ(model.halts, how == POWER_HOW_POWER_OFF);
        CHECK_EQ(model.rsts & ~0x555u, 0x1000);
        CHECK_EQ(model.refused, 0);
    }
    create();
    CHECK_EQ(pm.power.ops->reset(&pm.power, 2), KERN_INVALID_VALUE);
    CHECK_EQ(pm.power.ops->reset(&pm.power, UINT32_MAX), KERN_INVALID_VALUE);
    CHECK(!model.has_reset && model.bites_at == 0);
}

static void work(struct stage *s)
{
    (void)s;
    (void)watchdog(1000);
    (void)watchdog(0);
    CHECK_EQ(pm.power.ops->reset(&pm.power, 0), KERN_FAILURE);
    CHECK_EQ(model.refused, 0);
}

static void kick(void *context)
{
    (void)context;
    CHECK_EQ(watchdog(1000), KERN_SUCCESS);
}

static void test_faults(void)
{
    struct fault_plan plan = {create, work, 20, 10 * DEVICE_SECOND, 1000};

    run_with_faults(&plan);
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        create();
        stage.fault = fault;
        stage.fault_for = UINT64_MAX;
        CHECK_EQ(watchdog(1000), KERN_FAILURE);
    }
    /* Killed while it kicks: the dog bites within the time, not at once, if it was armed. */
    for (uint64_t n = 1; n <= 4; n++)
        for (unsigned after = 0; after < 2; after++) {
            create();
            CHECK_EQ(watchdog(1000), KERN_SUCCESS);
            wait_ms(500);
            stage.kill_at = stage.accesses + n;
            stage.kill_after = after;
            CHECK(!stage_run(&stage, kick, NULL));
            wait_ms(400);
            CHECK(!model.has_reset);
            wait_ms(700);
            CHECK(model.has_reset);
        }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_watchdog();
    test_reset();
    test_faults();
    return check_end();
}
