/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world around simulated devices: a clock that only moves when it is asked, when somebody sleeps, and by a little with each
 * access; and what can be wrong between logic and device: an access that fails, a device that is gone, a driver that is killed.
 *
 * S1 Nothing here ever waits: a wait for an interrupt is a jump of the clock to the device's next event or the deadline.
 * S2 More accesses than `most_accesses`, or more time than `latest`, is a loop without a bound: the test fails.
 */
#pragma once

#include <libsys/device_logic.h>
#include <setjmp.h>
#include <user/registers.h>

enum stage_fault {
    FAULT_NONE,
    FAULT_ONES,    /* reads give ones, writes are lost */
    FAULT_ZEROS,   /* reads give zeros, writes are lost */
    FAULT_FROZEN,  /* reads give what that register gave before, writes are lost */
    FAULT_FLIPPED, /* reads give the complement, writes work */
    FAULT_RANDOM,  /* reads give anything, writes are lost */
    FAULT_COUNT
};

enum { STAGE_REGISTERS = 0x1000 };

struct stage;

/** A model. The stage calls it; it never calls the stage but stage_now(). */
struct stage_device {
    uint32_t (*read)(void *model, uint32_t offset, unsigned width);
    void (*write)(void *model, uint32_t offset, unsigned width, uint32_t value);
    /** What the device does by itself until `now`. */
    void (*pass)(void *model, uint64_t now);
    /** When it will next do something by itself; UINT64_MAX: never. */
    uint64_t (*next)(void *model);
    bool (*line)(void *model); /* its interrupt is asserted */
};

struct stage {
    struct simulated_device front; /* what registers refer to */
    const struct stage_device *device;
    void *model;
    struct device_environment environment;
    uint64_t now;
    uint64_t accesses, most_accesses, latest;
    uint64_t log_lines;
    uint64_t
        jitter; /* an access takes up to this much longer: the driver is not alone on its CPU */
    /* The fault, from access number fault_from (counted from 1) on, for fault_for accesses. */
    enum stage_fault fault;
    uint64_t fault_from, fault_for;
    /* The driver is killed at this access: before it, or after it. 0: never. */
    uint64_t kill_at;
    bool kill_after;
    jmp_buf killed;
    uint32_t last[STAGE_REGISTERS / 4];
    bool quiet; /* log lines are not shown */
};

void stage_init(struct stage *stage, const struct stage_device *device, void *model);

/** The device's registers. */
struct registers stage_registers(struct stage *stage);

/** Let the device work until then; until it asserts its line if stop_at_line. */
void stage_pass(struct stage *stage, uint64_t until, bool stop_at_line);

/** Runs the driver: false if it was killed. Either way nobody is killed any more. */
bool stage_run(struct stage *stage, void (*driver)(void *context), void *context);
