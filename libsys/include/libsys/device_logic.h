/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logic of a driver stands on: time, its interrupt, memory the device can reach. Logic knows nothing else of the system,
 * so that the same source runs in the driver (libsys/driver/) and, against simulated registers (<user/registers.h>) and a clock
 * that the test moves, on the host.
 *
 * L1 Logic never waits without a deadline, and never reads a register in a loop without one: devices hang, lie and vanish.
 * L2 Whatever a device answers is a number from a stranger: it is checked before it is a size, an index or an address.
 * L3 No state of logic survives its device's reset; what has to is the server's (libsys/driver/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>

/** The world around one device. Moments are nanoseconds since boot. One thread calls all of it. */
struct device_environment {
    void *context;
    uint64_t (*now)(void *context);
    void (*sleep_until)(void *context, uint64_t moment);
    /** The device's interrupt (its line number `line`), or the moment: true if it came. Acknowledges what came before, so that a
     *  level that is still there comes again. */
    bool (*wait_interrupt)(void *context, unsigned line, uint64_t deadline);
    /** One line for the log, without a newline. */
    [[gnu::format(printf, 2, 3)]] void (*log)(void *context, const char *format, ...);
};

static inline uint64_t device_now(const struct device_environment *e)
{
    return e->now(e->context);
}

static inline void device_sleep(const struct device_environment *e, uint64_t nanoseconds)
{
    e->sleep_until(e->context, e->now(e->context) + nanoseconds);
}

static inline bool device_wait_interrupt(const struct device_environment *e, unsigned line,
                                         uint64_t deadline)
{
    return e->wait_interrupt(e->context, line, deadline);
}

#define device_log(e, ...) ((e)->log((e)->context, __VA_ARGS__))

#define DEVICE_MICROSECOND UINT64_C(1000)
#define DEVICE_MILLISECOND UINT64_C(1000000)
#define DEVICE_SECOND      UINT64_C(1000000000)

/** Memory that CPU and device both see without maintenance (device.dma_allocate): for descriptors and mailboxes. */
struct dma_memory {
    void *at;
    uint64_t bus;
    size_t size;
};

/** A piece of a client's memory as the device sees it. */
struct dma_segment {
    uint64_t bus;
    uint64_t length;
};

/** Blocks to be moved between a device and a client's memory. */
struct block_transfer {
    bool write;
    uint64_t block; /* of the whole device; checked by the server */
    uint32_t count; /* of blocks of the device's size; at least 1 */
    /** The memory, for devices that do not reach it; NULL: not mapped. Others may write there at any time. */
    void *at;
    /** The same memory for those that do, count * block size bytes together; none: out of reach. */
    const struct dma_segment *segments;
    unsigned segment_count;
};
