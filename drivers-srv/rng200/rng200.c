/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RNG200. There is no manual; what the registers mean is known from the drivers of others (README.md).
 *
 * G1 Nothing is given out while the device says that a self-test has failed: the words that are in the FIFO then are dropped with
 *    it. It is started anew, at most RESTARTS times for one request.
 * G2 Two words in a row that are the same are a failure too, and the first word after each start is for comparison only (the
 *    continuous test of FIPS 140-2, 4.9.2): a device that hangs gives no random numbers. By chance it happens once in 2^32 words.
 * G3 Every wait has an end, whatever the registers say.
 */
#include "rng200.h"

enum {
    CTRL = 0x00,
    RNG_SOFT_RESET = 0x04,
    RBG_SOFT_RESET = 0x08,
    TOTAL_BITS = 0x0c,
    TOTAL_BITS_THRESHOLD = 0x10,
    INT_STATUS = 0x18,
    INT_ENABLE = 0x1c,
    FIFO_DATA = 0x20,
    FIFO_COUNT = 0x24,
};

#define INT_LOCKOUT   (1u << 31)
#define INT_NIST_FAIL (1u << 5)
#define INT_STARTUP   (1u << 17)
#define INT_FAILED    (INT_LOCKOUT | INT_NIST_FAIL)

enum {
    CTRL_ENABLE = 0x1fff, /* which of its bits a generator looks at differs; off is none of them */
    CTRL_ENABLE_PLAIN = 1,
    CTRL_DIVIDER_3 = 3 << 13,
    COUNT = 0xff,
    COUNT_THRESHOLD_2 = 2 << 8,
    WARM_UP_BITS = 0x40000, /* the device drops as many after power-on */
    WARM_BITS = 16,
    RESTARTS = 2,
};
#define START_PATIENCE DEVICE_SECOND
#define WORD_PATIENCE  (100 * DEVICE_MILLISECOND)

static struct rng200 *of(struct rng_device *rng)
{
    return (struct rng200 *)rng;
}

static uint32_t read(struct rng200 *g, uint32_t reg)
{
    return register_read32(&g->rng.registers, reg);
}

static void write(struct rng200 *g, uint32_t reg, uint32_t value)
{
    register_write32(&g->rng.registers, reg, value);
}

static void turn_on(struct rng200 *g)
{
    if (g->bcm2711) {
        write(g, TOTAL_BITS_THRESHOLD, WARM_UP_BITS);
        write(g, FIFO_COUNT, COUNT_THRESHOLD_2);
        write(g, CTRL, CTRL_DIVIDER_3 | CTRL_ENABLE);
    } else {
        write(g, CTRL, CTRL_ENABLE_PLAIN);
    }
}

/* From the beginning: what it has made so far is dropped. */
static void start_anew(struct rng200 *g)
{
    write(g, CTRL, 0);
    write(g, INT_STATUS, UINT32_MAX);
    write(g, RBG_SOFT_RESET, 1);
    write(g, RNG_SOFT_RESET, 1);
    write(g, RNG_SOFT_RESET, 0);
    write(g, RBG_SOFT_RESET, 0);
    g->has_last = false;
    turn_on(g);
}

static bool is_ready(struct rng200 *g)
{
    return (!g->bcm2711 || read(g, TOTAL_BITS) > WARM_BITS) && read(g, FIFO_COUNT) & COUNT;
}

static bool wait_ready(struct rng200 *g, uint64_t patience)
{
    uint64_t deadline = device_now(g->rng.environment) + patience;

    while (!is_ready(g)) {
        if (device_now(g->rng.environment) >= deadline)
            return false;
        device_sleep(g->rng.environment, 100 * DEVICE_MICROSECOND);
    }
    return true;
}

/* One word that passes (G1, G2). */
static bool next_word(struct rng200 *g, uint32_t *word)
{
    uint32_t before = g->last;
    bool compared = g->has_last;

    *word = read(g, FIFO_DATA);
    g->last = *word;
    g->has_last = true;
    return !compared || *word != before;
}

/* As many words as the FIFO says it has; false: something has failed, and nothing of this is to be used. */
static bool read_words(struct rng200 *g, uint8_t *bytes, size_t wanted, size_t *got)
{
    uint32_t words = read(g, FIFO_COUNT) & COUNT, word;
    size_t count = 0;

    for (; words > 0 && count < wanted; words--) {
        bool first = !g->has_last;
        if (!next_word(g, &word))
            return false;
        for (unsigned i = 0; i < 4 && count < wanted && !first; i++)
            bytes[count++] = (uint8_t)(word >> 8 * i);
    }
    *got = count;
    return !(read(g, INT_STATUS) & INT_FAILED); /* it may have failed meanwhile */
}

/* Two rounds, for after a start the first word may be all there is, and is not given out. */
static bool try_read(struct rng200 *g, uint8_t *bytes, size_t wanted, size_t *got,
                     uint64_t patience)
{
    for (unsigned round = 0; round < 2; round++) {
        if (read(g, INT_STATUS) & INT_FAILED || !wait_ready(g, patience) ||
            !read_words(g, bytes, wanted, got))
            return false;
        if (*got > 0)
            return true;
        patience = WORD_PATIENCE;
    }
    return false;
}

static kern_return_t rng200_read(struct rng_device *rng, uint8_t *bytes, size_t wanted, size_t *got)
{
    struct rng200 *g = of(rng);
    uint64_t patience = WORD_PATIENCE;
    size_t count = 0;

    if (wanted == 0)
        return KERN_INVALID_ARGUMENT;
    for (unsigned tries = 0; tries <= RESTARTS; tries++) {
        if (try_read(g, bytes, wanted, &count, patience)) {
            *got = count;
            return KERN_SUCCESS;
        }
        rng->failures++;
        device_log(rng->environment, "rng200: failed (status %08x), started anew",
                   read(g, INT_STATUS));
        start_anew(g);
        patience = START_PATIENCE;
    }
    return KERN_MEMORY_FAILURE;
}

static kern_return_t rng200_start(struct rng_device *rng)
{
    struct rng200 *g = of(rng);

    write(g, INT_ENABLE, 0);
    g->has_last = false;
    /* One that runs is left running: it is warm. */
    if (!(read(g, CTRL) & CTRL_ENABLE) || read(g, INT_STATUS) & INT_FAILED)
        start_anew(g);
    if (!(read(g, CTRL) & CTRL_ENABLE) || read(g, CTRL) == UINT32_MAX)
        return KERN_FAILURE;
    if (!wait_ready(g, START_PATIENCE)) {
        start_anew(g);
        return wait_ready(g, START_PATIENCE) ? KERN_SUCCESS : KERN_FAILURE;
    }
    return KERN_SUCCESS;
}

static void rng200_stop(struct rng_device *rng)
{
    write(of(rng), INT_ENABLE, 0);
}

static const struct rng_device_ops ops = {.start = rng200_start,
                                          .stop = rng200_stop,
                                          .read = rng200_read};

void rng200_init(struct rng200 *rng, const struct device_environment *environment,
                 struct registers registers, bool bcm2711)
{
    *rng = (struct rng200){
        .rng = {.ops = &ops, .environment = environment, .registers = registers},
        .bcm2711 = bcm2711,
    };
}
