/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iProc RNG200 random number generator, as in the BCM2711.
 */
#pragma once

#include <libsys/driver/rng_device.h>

struct rng200 {
    struct rng_device rng; /* first: the ops get this */
    bool bcm2711;          /* has the divider, and a count to warm up to */
    bool has_last;
    uint32_t last; /* the word before, which the next one must not equal */
};

/** bcm2711: the tree calls it brcm,bcm2711-rng200. No register is touched before ops->start(). */
void rng200_init(struct rng200 *rng, const struct device_environment *environment,
                 struct registers registers, bool bcm2711);
