/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The educational device (edu.h). A number written to FACTORIAL sets it to work, and is replaced by its factorial when STATUS is not busy any
 * more. Bits written to RAISE are set in INTERRUPTS, those written to ACKNOWLEDGE are cleared; the line is asserted while any is set.
 */
#include "edu.h"

enum {
    IDENTIFICATION = 0x00,
    LIVENESS = 0x04, /* answers the complement of what was written */
    FACTORIAL = 0x08,
    STATUS = 0x20,
    INTERRUPTS = 0x24,
    RAISE = 0x60,
    ACKNOWLEDGE = 0x64,
};

enum {
    IDENTITY = 0x00ed, /* the upper half is its version */
    IDENTITY_MASK = 0xffff,
    STATUS_BUSY = 0x01,
};
#define GONE          UINT32_MAX
#define LOOK          (100 * DEVICE_MICROSECOND)
#define FACTORIAL_MAX 479001600 /* EDU_NUMBER_MAX! */

static uint32_t read(const struct edu_device *edu, uint32_t offset)
{
    return register_read32(&edu->registers, offset);
}

static void write(const struct edu_device *edu, uint32_t offset, uint32_t value)
{
    register_write32(&edu->registers, offset, value);
}

/* Until it computes nothing. */
static kern_return_t await_rest(const struct edu_device *edu)
{
    const uint64_t deadline = device_now(edu->environment) + EDU_PATIENCE;
    uint32_t status;

    while ((status = read(edu, STATUS)) & STATUS_BUSY) {
        if (status == GONE)
            return KERN_MEMORY_FAILURE;
        if (device_now(edu->environment) >= deadline)
            return KERN_OPERATION_TIMED_OUT;
        device_sleep(edu->environment, LOOK);
    }
    return KERN_SUCCESS;
}

static bool is_alive(const struct edu_device *edu, uint32_t word)
{
    write(edu, LIVENESS, word);
    return read(edu, LIVENESS) == ~word;
}

kern_return_t edu_device_start(struct edu_device *edu, const struct device_environment *environment,
                               struct registers registers)
{
    *edu = (struct edu_device){.environment = environment, .registers = registers};
    if ((read(edu, IDENTIFICATION) & IDENTITY_MASK) != IDENTITY)
        return KERN_NOT_FOUND;
    write(edu, STATUS, 0); /* no interrupt for what it may be computing */
    const kern_return_t kr = await_rest(edu);
    if (kr != KERN_SUCCESS)
        return kr;
    write(edu, ACKNOWLEDGE, UINT32_MAX);
    if (read(edu, INTERRUPTS) != 0 || !is_alive(edu, 0x0ff05aa5) || !is_alive(edu, 0xf00fa55a))
        return KERN_FAILURE;
    return KERN_SUCCESS;
}

kern_return_t edu_device_factorial(struct edu_device *edu, uint32_t number, uint32_t *value)
{
    if (number > EDU_NUMBER_MAX)
        return KERN_OVERFLOW;
    kern_return_t kr = await_rest(edu); /* from a request that was given up */
    if (kr != KERN_SUCCESS)
        return kr;
    write(edu, FACTORIAL, number);
    kr = await_rest(edu);
    if (kr != KERN_SUCCESS)
        return kr;
    *value = read(edu, FACTORIAL);
    if (*value >= 1 && *value <= FACTORIAL_MAX)
        return KERN_SUCCESS;
    device_log(edu->environment, "edu: %u is no factorial", *value);
    return KERN_MEMORY_FAILURE;
}

kern_return_t edu_device_raise(struct edu_device *edu, uint32_t causes)
{
    if (causes == 0 || (causes & ~(uint32_t)EDU_CAUSES) != 0)
        return KERN_INVALID_ARGUMENT;
    write(edu, RAISE, causes);
    return KERN_SUCCESS;
}

void edu_device_interrupt(struct edu_device *edu)
{
    const uint32_t causes = read(edu, INTERRUPTS);

    if (causes == 0 || causes == GONE)
        return;
    write(edu, ACKNOWLEDGE, causes);
    edu->causes = causes;
    edu->interrupts++;
}
