/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL031 real-time clock.
 *
 * C1 What it shows is compared with the reading before: backwards by more than SLACK seconds, or standing still while SLACK seconds
 *    and one went by, is not the time of day. The new reading is what the next is compared with, so that a clock which was set
 *    back once, from outside, is believed again, and one that runs backwards never.
 * C2 A clock that was off has no time to show; it counts from 0 then, so that whoever starts it next does not believe it either: before the year
 *    2000 no clock was right. A jump forward is believed: the machine may have slept.
 * C3 Nothing is stopped or masked that a predecessor had not: the alarm's interrupt, which nobody uses, is.
 */
#include "pl031.h"

enum { DR = 0x00, LR = 0x08, CR = 0x0c, IMSC = 0x10, ICR = 0x1c };
enum { CR_START = 1 << 0 };
enum { SLACK = 2 };
#define YEAR_2000    946684800u
#define SET_PATIENCE (UINT64_C(3) * DEVICE_SECOND)

static struct pl031 *of(struct rtc_device *rtc)
{
    return (struct pl031 *)rtc;
}

static uint32_t read(struct pl031 *c, uint32_t reg)
{
    return register_read32(&c->rtc.registers, reg);
}

static void write(struct pl031 *c, uint32_t reg, uint32_t value)
{
    register_write32(&c->rtc.registers, reg, value);
}

static kern_return_t pl031_start(struct rtc_device *rtc)
{
    struct pl031 *c = of(rtc);

    if (!(read(c, CR) & CR_START)) {
        write(c, LR, 0);
        write(c, CR, CR_START);
        c->unset = true;
    }
    write(c, IMSC, 0);
    write(c, ICR, 1);
    c->has_last = false;
    return read(c, CR) == CR_START ? KERN_SUCCESS : KERN_FAILURE;
}

/* C1 */
static bool is_plausible(const struct pl031 *c, uint32_t shown, uint64_t moment)
{
    uint64_t passed = (moment - c->last_moment) / DEVICE_SECOND;

    if (!c->has_last)
        return true;
    if (shown < c->last)
        return c->last - shown <= SLACK;
    return shown != c->last || passed <= SLACK;
}

static kern_return_t pl031_get(struct rtc_device *rtc, uint64_t *seconds)
{
    struct pl031 *c = of(rtc);
    uint32_t shown = read(c, DR);
    uint64_t moment = device_now(rtc->environment);
    bool plausible = is_plausible(c, shown, moment);

    /* While it stands still, the moment it began to is kept. */
    if (!c->has_last || shown != c->last) {
        c->last = shown;
        c->last_moment = moment;
        c->has_last = true;
    }
    if (!plausible)
        device_log(rtc->environment, "pl031: stopped, or was set back: shows %u", shown);
    if (!plausible || c->unset || shown < YEAR_2000 || shown == UINT32_MAX)
        return KERN_NOT_FOUND;
    *seconds = shown;
    return KERN_SUCCESS;
}

static kern_return_t pl031_set(struct rtc_device *rtc, uint64_t seconds)
{
    struct pl031 *c = of(rtc);
    uint64_t deadline = device_now(rtc->environment) + SET_PATIENCE;

    if (seconds < YEAR_2000 || seconds >= UINT32_MAX - 3600)
        return KERN_INVALID_ARGUMENT;
    write(c, LR, (uint32_t)seconds);
    c->has_last = false;
    /* It takes the value at its next tick. */
    while (read(c, DR) - (uint32_t)seconds > 3) {
        if (device_now(rtc->environment) >= deadline)
            return KERN_FAILURE;
        device_sleep(rtc->environment, 10 * DEVICE_MILLISECOND);
    }
    c->unset = false;
    return KERN_SUCCESS;
}

static const struct rtc_device_ops ops = {.start = pl031_start, .get = pl031_get, .set = pl031_set};

void pl031_init(struct pl031 *clock, const struct device_environment *environment,
                struct registers registers)
{
    *clock =
        (struct pl031){.rtc = {.ops = &ops, .environment = environment, .registers = registers}};
}
