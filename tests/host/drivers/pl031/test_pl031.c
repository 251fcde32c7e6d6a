/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL031: it tells the time, takes a new one, and is not believed when it stands still or runs backwards.
 */
#include <pl031.h>

#include "../stage/faults.h"

static struct rtc_model {
    uint64_t now;
    int64_t shown_at_0; /* what it showed at moment 0 */
    uint32_t load, control;
    bool stopped, backwards, deaf;
    int64_t frozen;
    uint64_t load_moment; /* a new value is taken a second later */
    bool loading;
} model;
static struct stage stage;
static struct pl031 clock_under_test;

#define START 1700000000

static uint32_t shown(struct rtc_model *m)
{
    int64_t seconds = (int64_t)(m->now / DEVICE_SECOND);

    if (m->stopped)
        return (uint32_t)m->frozen;
    return (uint32_t)(m->backwards ? m->shown_at_0 - seconds : m->shown_at_0 + seconds);
}

static void pass(void *context, uint64_t now)
{
    struct rtc_model *m = context;

    m->now = now;
    if (m->loading && now >= m->load_moment) {
        m->loading = false;
        m->shown_at_0 = (int64_t)m->load - (int64_t)(now / DEVICE_SECOND);
    }
}

static uint64_t next(void *context)
{
    struct rtc_model *m = context;
    return m->loading ? m->load_moment : UINT64_MAX;
}

static bool line(void *context)
{
    (void)context;
    return false;
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct rtc_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x00: return m->control ? shown(m) : 0;
    case 0x0c: return m->control;
    default: CHECK(!"a register that may be read"); return 0;
    }
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct rtc_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x08:
        if (m->deaf)
            break;
        m->load = value;
        m->loading = true;
        m->load_moment = m->now + DEVICE_SECOND;
        break;
    case 0x0c: m->control = value & 1; break;
    case 0x10: CHECK_EQ(value, 0); break;
    case 0x1c: break;
    default: CHECK(!"a register that may be written");
    }
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

static struct stage *create(void)
{
    model = (struct rtc_model){.shown_at_0 = START, .control = 1, .frozen = START};
    stage_init(&stage, &device, &model);
    pl031_init(&clock_under_test, &stage.environment, stage_registers(&stage));
    return &stage;
}

static kern_return_t get(uint64_t *seconds)
{
    return clock_under_test.rtc.ops->get(&clock_under_test.rtc, seconds);
}

static void expect(kern_return_t expected, uint64_t seconds)
{
    uint64_t got = 12345;

    CHECK_EQ(get(&got), expected);
    CHECK_EQ(got, expected == KERN_SUCCESS ? seconds : 12345);
}

static kern_return_t start(void)
{
    return clock_under_test.rtc.ops->start(&clock_under_test.rtc);
}

static void wait_seconds(uint64_t seconds)
{
    stage_pass(&stage, stage.now + seconds * DEVICE_SECOND, false);
}

static void test_time(void)
{
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    expect(KERN_SUCCESS, START + 1);
    for (unsigned i = 1; i < 100; i++) {
        wait_seconds(i);
        expect(KERN_SUCCESS, START + stage.now / DEVICE_SECOND);
    }
    model.shown_at_0 += 1000000; /* the machine slept */
    expect(KERN_SUCCESS, START + 1000000 + stage.now / DEVICE_SECOND);
}

static void test_off(void)
{
    create();
    model.control = 0;
    CHECK_EQ(start(), KERN_SUCCESS);
    expect(KERN_NOT_FOUND, 0);
    wait_seconds(10);
    expect(KERN_NOT_FOUND, 0);
    pl031_init(&clock_under_test, &stage.environment, stage_registers(&stage)); /* the next one */
    CHECK_EQ(start(), KERN_SUCCESS);
    expect(KERN_NOT_FOUND, 0);
    CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, START), KERN_SUCCESS);
    uint64_t got;
    CHECK_EQ(get(&got), KERN_SUCCESS);
    CHECK(got >= START && got <= START + 3);
}

static void test_set(void)
{
    const uint64_t bad[] = {0, 946684799, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    wait_seconds(100);
    expect(KERN_SUCCESS, START + 101);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, bad[i]),
                 KERN_INVALID_ARGUMENT);
    /* Back and forth: after it was set, by us, the time before does not count. */
    for (uint64_t seconds = 946684800; seconds < UINT64_C(4200000000); seconds = seconds * 9 / 8) {
        uint64_t got;
        CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, seconds), KERN_SUCCESS);
        CHECK_EQ(get(&got), KERN_SUCCESS);
        CHECK(got >= seconds && got <= seconds + 3);
    }
    CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, 1000000000), KERN_SUCCESS);
    model.deaf = true;
    uint64_t before = stage.now;
    CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, 1500000000), KERN_FAILURE);
    CHECK(stage.now - before < 4 * DEVICE_SECOND);
}

static void test_broken(void)
{
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    expect(KERN_SUCCESS, START + 1);
    model.stopped = true;
    model.frozen = START + 1;
    wait_seconds(2);
    expect(KERN_SUCCESS, START + 1); /* it could tick any moment */
    for (unsigned i = 0; i < 5; i++) {
        wait_seconds(3);
        expect(KERN_NOT_FOUND, 0);
    }
    /* Asked more often than it could tick. */
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    model.stopped = true;
    for (unsigned i = 0; i < 3; i++, wait_seconds(1))
        expect(KERN_SUCCESS, START);
    for (unsigned i = 0; i < 5; i++, wait_seconds(1))
        expect(KERN_NOT_FOUND, 0);
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    model.backwards = true;
    expect(KERN_SUCCESS, START - 1);
    for (unsigned i = 0; i < 5; i++) {
        wait_seconds(3);
        expect(KERN_NOT_FOUND, 0);
    }
    /* Set back once by somebody else: one answer is withheld. */
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    expect(KERN_SUCCESS, START + 1);
    model.shown_at_0 -= 100;
    expect(KERN_NOT_FOUND, 0);
    expect(KERN_SUCCESS, START - 99);
    /* Nothing there. */
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        create();
        stage.fault = fault;
        stage.fault_for = UINT64_MAX;
        CHECK_EQ(start(), KERN_FAILURE);
    }
}

static void work(struct stage *s)
{
    uint64_t got;

    (void)s;
    if (start() != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < 5; i++) {
        if (get(&got) == KERN_SUCCESS)
            CHECK(got <= UINT32_MAX);
        (void)clock_under_test.rtc.ops->set(&clock_under_test.rtc, START + i);
    }
}

static void test_kills(void)
{
    struct fault_plan plan = {create, work, 40, 60 * DEVICE_SECOND, 100000};

    run_with_faults(&plan);
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(clock_under_test.rtc.ops->set(&clock_under_test.rtc, START + 50), KERN_SUCCESS);
    uint64_t all = stage.accesses;
    CHECK(all > 4);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_time();
    test_off();
    test_set();
    test_broken();
    test_kills();
    return check_end();
}
