/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL031 real-time clock (Arm DDI 0224): seconds in 32 bits, until 2106.
 */
#pragma once

#include <libsys/driver/rtc_device.h>

struct pl031 {
    struct rtc_device rtc; /* first: the ops get this */
    bool unset;            /* it was found off: what it shows is no time until it has been set */
    /* The last reading, to judge the next by. */
    bool has_last;
    uint32_t last;
    uint64_t last_moment;
};

/** No register is touched before ops->start(). */
void pl031_init(struct pl031 *clock, const struct device_environment *environment,
                struct registers registers);
