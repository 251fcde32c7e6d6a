/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks that the firmware has in hand. Its answer begins with the clock's number; one that tells of another is malformed. A clock
 * that is not there is told as state bit 1, and as rate 0.
 */
#include "bcm_mailbox.h"

enum {
    GET_STATE = 0x00030001,
    SET_STATE = 0x00038001,
    GET_RATE = 0x00030002,
    SET_RATE = 0x00038002,
};
enum { STATE_ON = 1 << 0, STATE_ABSENT = 1 << 1, NUMBERS = 32 };

/* Tag with the clock's number, and its answer, which is two words. */
static kern_return_t ask(struct clocks_device *device, uint32_t tag, uint32_t clock,
                         const uint32_t *more, uint32_t count, uint32_t *answer)
{
    struct bcm_clocks *c = (struct bcm_clocks *)device;
    uint32_t value[3] = {clock, more[0], count > 1 ? more[1] : 0}, answered = 0;
    kern_return_t kr;

    if (clock == 0 || clock >= NUMBERS)
        return KERN_NOT_FOUND;
    kr = firmware_property_of(c->firmware, tag, value, count + 1, &answered);
    if (kr != KERN_SUCCESS)
        return kr;
    if (answered < 2 || value[0] != clock)
        return KERN_FAILURE;
    *answer = value[1];
    return KERN_SUCCESS;
}

static kern_return_t check_presence(struct clocks_device *device, uint32_t clock)
{
    uint32_t state;
    kern_return_t kr = ask(device, GET_STATE, clock, (const uint32_t[]){0}, 1, &state);

    if (kr == KERN_NOT_SUPPORTED) /* older firmware, and QEMU: every clock is there */
        return KERN_SUCCESS;
    if (kr != KERN_SUCCESS)
        return kr;
    return state & STATE_ABSENT ? KERN_NOT_FOUND : KERN_SUCCESS;
}

static kern_return_t get_rate(struct clocks_device *device, uint32_t clock, uint64_t *hertz)
{
    uint32_t rate;
    kern_return_t kr = check_presence(device, clock);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = ask(device, GET_RATE, clock, (const uint32_t[]){0}, 1, &rate);
    if (kr != KERN_SUCCESS)
        return kr == KERN_NOT_SUPPORTED ? KERN_FAILURE : kr;
    *hertz = rate;
    return KERN_SUCCESS;
}

static kern_return_t set_rate(struct clocks_device *device, uint32_t clock, uint64_t hertz,
                              uint64_t *got)
{
    const uint32_t leave_turbo = 1;
    uint32_t rate, wanted = hertz > UINT32_MAX ? UINT32_MAX : (uint32_t)hertz;
    kern_return_t kr = check_presence(device, clock);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = ask(device, SET_RATE, clock, (const uint32_t[]){wanted, leave_turbo}, 2, &rate);
    if (kr != KERN_SUCCESS)
        return kr;
    return get_rate(device, clock, got); /* what it says it set may be what it was asked for */
}

static kern_return_t enable(struct clocks_device *device, uint32_t clock, bool on)
{
    uint32_t state;
    kern_return_t kr =
        ask(device, SET_STATE, clock, (const uint32_t[]){on ? STATE_ON : 0}, 1, &state);

    if (kr != KERN_SUCCESS)
        return kr;
    if (state & STATE_ABSENT)
        return KERN_NOT_FOUND;
    return (state & STATE_ON) == (on ? STATE_ON : 0) ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
}

static const struct clocks_device_ops ops = {.get_rate = get_rate,
                                             .set_rate = set_rate,
                                             .enable = enable};

void bcm_clocks_init(struct bcm_clocks *clocks, struct firmware_device *firmware)
{
    *clocks = (struct bcm_clocks){.clocks = {.ops = &ops}, .firmware = firmware};
}
