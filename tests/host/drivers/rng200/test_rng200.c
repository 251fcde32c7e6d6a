/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RNG200: what it gives is what the device made, each word once and in order; never a word from before a failed self-test, nor
 * one that repeats; and every wait ends.
 */
#include <rng200.h>

#include "../stage/faults.h"

enum { DEPTH = 16 };

static struct rng_model {
    uint64_t now, next_word;
    uint32_t ctrl, threshold, status, total;
    bool in_reset, rbg_reset;
    uint32_t fifo[DEPTH];
    unsigned first, count;
    uint32_t made, resets;
    unsigned fails_after; /* words from now; 0: never */
    bool fails_always, is_stuck, gives_nothing;
    unsigned starts;
} model;
static struct stage stage;
static struct rng200 rng;

#define WORD_TIME (20 * DEVICE_MICROSECOND)

/* All words differ; their first four bits tell after which reset they were made. */
static uint32_t word(uint32_t resets, uint32_t number)
{
    return resets << 28 | (number * 0x01010107 & 0x0fffffff);
}

static uint32_t make(struct rng_model *m)
{
    return m->is_stuck ? 0x5a5a5a5a : word(m->resets & 15, m->made++);
}

static bool is_on(const struct rng_model *m)
{
    return m->ctrl & 0x1fff && !m->in_reset && !m->rbg_reset;
}

static void pass(void *context, uint64_t now)
{
    struct rng_model *m = context;

    m->now = now;
    if (!is_on(m) || now < m->next_word || m->gives_nothing)
        return;
    m->next_word = now + WORD_TIME;
    m->total += 32;
    if (m->fails_always || (m->fails_after && --m->fails_after == 0))
        m->status |= 1 << 5;
    if (m->total > m->threshold && m->count < DEPTH)
        m->fifo[(m->first + m->count++) % DEPTH] = make(m);
}

static uint64_t next(void *context)
{
    struct rng_model *m = context;
    if (!is_on(m) || m->gives_nothing || (m->count == DEPTH && !m->fails_after))
        return UINT64_MAX;
    return m->next_word > m->now ? m->next_word : m->now + 1;
}

static bool line(void *context)
{
    (void)context;
    return false;
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct rng_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x00: return m->ctrl;
    case 0x0c: return m->total;
    case 0x18: return m->status;
    case 0x20: {
        uint32_t value = m->count ? m->fifo[m->first] : 0;
        if (m->count) {
            m->first = (m->first + 1) % DEPTH;
            m->count--;
        }
        return value;
    }
    case 0x24: return m->count | 2 << 8;
    default: CHECK(!"a register that may be read"); return 0;
    }
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct rng_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x00:
        m->starts += is_on(m) == false && value & 0x1fff;
        m->ctrl = value;
        break;
    case 0x04: m->in_reset = value & 1; break;
    case 0x08:
        m->resets += !m->rbg_reset && value & 1;
        m->rbg_reset = value & 1;
        break;
    case 0x10: m->threshold = value; break;
    case 0x18: m->status &= ~value; break;
    case 0x1c: CHECK_EQ(value, 0); break;
    case 0x24: CHECK_EQ(value, 2 << 8); break;
    default: CHECK(!"a register that may be written");
    }
    if (m->in_reset || m->rbg_reset) {
        m->count = m->total = m->made = 0;
    }
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

static struct stage *create(void)
{
    model = (struct rng_model){0};
    stage_init(&stage, &device, &model);
    rng200_init(&rng, &stage.environment, stage_registers(&stage), true);
    return &stage;
}

static kern_return_t start(void)
{
    return rng.rng.ops->start(&rng.rng);
}

static kern_return_t read_some(uint8_t *bytes, size_t wanted, size_t *got)
{
    uint64_t before = stage.now;
    kern_return_t kr = rng.rng.ops->read(&rng.rng, bytes, wanted, got);

    CHECK(stage.now - before <= 3 * DEVICE_SECOND + DEVICE_SECOND / 10);
    if (kr == KERN_SUCCESS)
        CHECK(*got >= 1 && *got <= wanted);
    return kr;
}

static void test_bytes(void)
{
    uint8_t bytes[256];
    size_t got;
    uint32_t made = 1; /* the first is kept back */

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK(stage.now > DEVICE_SECOND + WORD_TIME * (0x40000 / 32)); /* it is warm */
    CHECK_EQ(read_some(bytes, 0, &got), KERN_INVALID_ARGUMENT);
    for (unsigned round = 0; round < 500; round++) {
        size_t wanted = 4 * (1 + check_below(64));
        CHECK_EQ(read_some(bytes, wanted, &got), KERN_SUCCESS);
        CHECK_EQ(got % 4, 0);
        for (size_t i = 0; i < got; i++) {
            CHECK_EQ(bytes[i], word(1, made) >> i % 4 * 8 & 0xff);
            made += i % 4 == 3;
        }
    }
    for (size_t wanted = 1; wanted < 9; wanted++)
        CHECK_EQ(read_some(bytes, wanted, &got), KERN_SUCCESS);
    CHECK_EQ(rng.rng.failures, 0);
}

/* Who comes after a predecessor finds it warm, and does not start it anew. */
static void test_restart(void)
{
    uint8_t bytes[16];
    size_t got;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    rng200_init(&rng, &stage.environment, stage_registers(&stage), true);
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(model.starts, 1);
    CHECK_EQ(read_some(bytes, 16, &got), KERN_SUCCESS);
}

static void test_failing(void)
{
    uint8_t bytes[256];
    size_t got;

    for (unsigned after = 1; after < 40; after++) {
        create();
        CHECK_EQ(start(), KERN_SUCCESS);
        model.fails_after = after;
        for (unsigned i = 0; i < 20; i++) {
            uint64_t failures = rng.rng.failures;
            CHECK_EQ(read_some(bytes, 256, &got), KERN_SUCCESS);
            if (rng.rng.failures > failures) /* the first is kept back again */
                CHECK_EQ(bytes[0], word(2, 1) & 0xff);
            if (rng.rng.failures)
                CHECK_EQ(bytes[3] >> 4, 2); /* made after the second reset */
        }
        CHECK_EQ(rng.rng.failures, 1);
    }
    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    model.fails_always = true;
    stage_pass(&stage, stage.now + DEVICE_MILLISECOND, false);
    model.count = 0;
    CHECK_EQ(read_some(bytes, 4, &got), KERN_MEMORY_FAILURE);
    model.fails_always = false;
    CHECK_EQ(read_some(bytes, 4, &got), KERN_SUCCESS); /* and is well again */
    model.is_stuck = true;
    for (unsigned i = 0; i < 20 && read_some(bytes, 256, &got) == KERN_SUCCESS; i++)
        ;
    CHECK_EQ(read_some(bytes, 4, &got), KERN_MEMORY_FAILURE);
    model.is_stuck = false;
    model.gives_nothing = true;
    model.count = 0;
    CHECK_EQ(read_some(bytes, 4, &got), KERN_MEMORY_FAILURE);
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        create();
        stage.fault = fault;
        stage.fault_for = UINT64_MAX;
        CHECK_EQ(start(), KERN_FAILURE);
        CHECK_EQ(read_some(bytes, 4, &got), KERN_MEMORY_FAILURE);
    }
}

static void work(struct stage *s)
{
    uint8_t bytes[64];
    size_t got;

    (void)s;
    if (start() != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < 3; i++)
        (void)read_some(bytes, sizeof bytes, &got);
    rng.rng.ops->stop(&rng.rng);
}

static void start_and_read(void *context)
{
    uint8_t bytes[64];
    size_t got;

    (void)context;
    rng200_init(&rng, &stage.environment, stage_registers(&stage), true);
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(read_some(bytes, sizeof bytes, &got), KERN_SUCCESS);
}

/* Also in the middle of starting it anew. */
static void test_kills(void)
{
    struct fault_plan plan = {create, work, 100, 60 * DEVICE_SECOND, 2000000};

    run_with_faults(&plan);
    for (uint64_t n = 1; n < 60; n++) {
        create();
        model.status = 1 << 5;
        stage.kill_at = n;
        CHECK(!stage_run(&stage, start_and_read, NULL));
        CHECK(stage_run(&stage, start_and_read, NULL));
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_bytes();
    test_restart();
    test_failing();
    test_kills();
    return check_end();
}
