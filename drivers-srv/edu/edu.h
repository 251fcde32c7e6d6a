/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's educational device: it computes factorials, and interrupts when it is told to. Source: QEMU, docs/specs/edu.rst.
 *
 * E1 Each call ends after a bounded number of accesses and EDU_PATIENCE, whatever the device answers.
 * E2 A result that no number up to EDU_NUMBER_MAX has is not given out, nor what a device answers that is gone (all ones):
 *    KERN_MEMORY_FAILURE.
 * E3 edu_device_start() takes a device that another driver left anywhere: it is waited for until it computes nothing, and its interrupt is
 *    taken back.
 * E4 The device moves no data: its DMA is never started.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

enum {
    EDU_NUMBER_MAX =
        12, /* the largest whose factorial has 32 bits; and the device multiplies as often as it is told */
    EDU_CAUSES = 0xffff, /* those that are raised: never all ones (E2) */
};
#define EDU_PATIENCE DEVICE_SECOND

struct edu_device {
    const struct device_environment *environment;
    struct registers registers;
    uint64_t interrupts; /* that have been served */
    uint32_t causes;     /* of the last of them */
};

/** KERN_NOT_FOUND: it is not there; KERN_FAILURE: it does not do as it is told; KERN_OPERATION_TIMED_OUT: it does not come to rest;
 *  KERN_MEMORY_FAILURE: E2. */
kern_return_t edu_device_start(struct edu_device *edu, const struct device_environment *environment,
                               struct registers registers);

/** KERN_OVERFLOW: number is above EDU_NUMBER_MAX; KERN_OPERATION_TIMED_OUT; KERN_MEMORY_FAILURE: E2. */
kern_return_t edu_device_factorial(struct edu_device *edu, uint32_t number, uint32_t *value);

/** Have it interrupt. KERN_INVALID_ARGUMENT: none of EDU_CAUSES, or others. */
kern_return_t edu_device_raise(struct edu_device *edu, uint32_t causes);

/** Its line was asserted: count and acknowledge, if the interrupt was its own. Others may have the same line. */
void edu_device_interrupt(struct edu_device *edu);
