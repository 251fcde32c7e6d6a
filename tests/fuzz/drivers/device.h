/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that answers what the fuzzer likes. When the input is used up it answers ones, or zeros, for ever: so that a loop without a
 * bound is one. Too many accesses, or too much time, break the promises of <libsys/device_logic.h>, L1.
 */
#pragma once

#include <libsys/device_logic.h>
#include <stdio.h>
#include <stdlib.h>
#include <user/registers.h>

struct fuzz_device {
    struct simulated_device front;
    struct device_environment environment;
    const uint8_t *data;
    size_t size, at;
    uint64_t now, accesses;
    uint64_t most_time, most_accesses;
    /* After each access, if not NULL: what else the device does. */
    void (*does)(struct fuzz_device *device);
};

void fuzz_device_init(struct fuzz_device *device, const uint8_t *data, size_t size);

struct registers fuzz_registers(struct fuzz_device *device);

/** The next number of the input, of so many bytes. */
uint32_t fuzz_number(struct fuzz_device *device, unsigned bytes);

static inline void fuzz_require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}
